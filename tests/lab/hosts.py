"""A laboratory of hosts on one machine: namespaces of their own, their own sshd, one shared folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pytest

SCRIPT = Path(__file__).with_name("hosts.sh")
REPOSITORY = SCRIPT.parents[2]
VENV = Path(sys.prefix)
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS = ("sshd", "ssh", "ssh-keygen", "rsync", "ip", "unshare", "nsenter")


def missing() -> str:
    """What this machine lacks for a laboratory; empty where it lacks nothing."""
    if os.geteuid() != 0:
        return "needs root"
    lacking = [tool for tool in TOOLS if shutil.which(tool, path=SYSTEM_PATH) is None]
    return f"needs {', '.join(lacking)}" if lacking else ""


needs_lab = pytest.mark.skipif(bool(missing()), reason=f"a laboratory of hosts {missing()}")


class Lab:
    """Hosts on a network of their own, in `folder`; a context manager, after which nothing is left of them."""

    def __init__(self, folder: Path, hosts: Mapping[str, str], environment: Mapping[str, str] | None = None) -> None:
        """Name the hosts and their addresses in one /24; `environment` is exported by their login shells."""
        self.folder, self.hosts = folder, dict(hosts)
        self.shared = folder / "shared"
        self.key = folder / "keys" / "id"
        exported = {"PATH": f"{VENV}/bin:$PATH", "RAY_USAGE_STATS_ENABLED": "0", **(environment or {})}
        # A home and a TMPDIR of their own: `ray up` keeps a cluster's state there, and an old one misleads it.
        for name in ("home", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.environment = {
            "LAB": str(folder),
            "LAB_BIND": "\n".join(dict.fromkeys(str(path) for path in (VENV, REPOSITORY))),
            "LAB_ENV": "\n".join(f"{name}={value}" for name, value in exported.items()),
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "PATH": f"{VENV}/bin:{SYSTEM_PATH}",
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def __enter__(self) -> "Lab":
        up = self._script("up", *(f"{name}={address}" for name, address in self.hosts.items()), timeout=60)
        if up.returncode != 0:
            self._script("down", timeout=10)
            raise RuntimeError(f"the laboratory did not come up: {up.stderr}")
        return self

    def __exit__(self, *details: object) -> None:
        self._script("down", timeout=10)

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command on the hosts' network, but on none of them."""
        return self._script("in", *command, timeout=timeout)

    def start(self, *command: str, stdout: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
        """As `run`, in the background; what writes much and is not read needs a file as `stdout`."""
        return subprocess.Popen(
            ["bash", str(SCRIPT), "in", *command], env=self.environment, cwd=self.folder, text=True,
            stdout=stdout, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def ssh(self, name: str, command: str) -> tuple[str, ...]:
        """The ssh command that runs `command` on a host in a login shell, as its user would."""
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
        flags = [flag for option in options for flag in ("-o", option)]
        return ("ssh", "-i", str(self.key), *flags, f"root@{self.hosts[name]}", f". ~/.bashrc; {command}")

    def on(self, name: str, command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a host."""
        return self.run(*self.ssh(name, command), timeout=timeout)

    def _script(self, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(SCRIPT), *arguments], env=self.environment, cwd=self.folder, text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout,
        )  # fmt: skip
