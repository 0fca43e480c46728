import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from ignm.training.memory import keep_freed_memory
print(keep_freed_memory() if {keep} else False)
def touch():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(64 << 20, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
touch()
print(sum(touch() for _ in range(5)))
"""


def faults(keep):
    command = [sys.executable, "-c", PROGRAM.format(keep=keep)]
    kept, count = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return kept == "True", int(count)


def test_memory_that_was_freed_is_not_cleared_by_the_system_again():
    kept, with_it = faults(keep=True)
    if not kept:
        pytest.skip("another C library")
    _, without = faults(keep=False)
    assert without > 5 * 30  # a page or a huge page at a time, five times 64 MiB
    assert with_it < without / 10
