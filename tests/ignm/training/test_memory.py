import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource
from ignm.training.memory import keep_freed_memory
SIZE = 64 << 20
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
def faults_of_a_block():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = library.malloc(SIZE)
    ctypes.memset(block, 1, SIZE)
    library.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(keep_freed_memory() if {keep} else False)
faults_of_a_block()
print(sum(faults_of_a_block() for _ in range(5)))
"""
RETURNED = """
import torch
from ignm.training.memory import give_back_freed_memory, keep_freed_memory
def resident():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
if keep_freed_memory():
    before = resident()
    blocks = [torch.ones(64, 1024, 256) for _ in range(4)]
    del blocks
    kept = resident() - before
    give_back_freed_memory()
    print(kept, resident() - before)
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
    assert without > 100  # five blocks of 64 MiB, in pages of 4 KiB or 2 MiB
    assert with_it < without / 10


def test_what_is_kept_can_be_given_back():
    command = [sys.executable, "-c", RETURNED]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    if not output:
        pytest.skip("another C library")
    kept, left = map(float, output)
    assert kept > 200  # of 256 MiB
    assert left < 50
