"""File systems that tests mount, fill and take away."""

import subprocess
from contextlib import suppress

import pytest

BALLAST = "ballast"


def mount(*words):
    """Mount, or skip the test where that is not allowed."""
    made = subprocess.run(["mount", *map(str, words)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("needs the right to mount a file system")


def unmount(path):
    """Whoever has something open there keeps it."""
    subprocess.run(["umount", "-l", path], check=True)


def fill(path):
    """Leave no room."""
    with (path / BALLAST).open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def free(path):
    """Make room again."""
    (path / BALLAST).unlink()
