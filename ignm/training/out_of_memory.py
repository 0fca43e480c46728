"""Lack of memory: how it shows, and how what was held is let go of."""

import gc

import torch

from ignm.errors import IgnmError
from ignm.training.memory import give_back_freed_memory

# What the allocators of the CPU and of CUDA, and the libraries on both, say in a plain RuntimeError.
_WORDS = ("out of memory", "can't allocate memory", "ALLOC_FAILED", "could not create a primitive")


class DoesNotFitError(IgnmError):
    """A training does not fit into memory, in however many parts a batch is passed."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of a GPU or of the host, did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


def let_go(device: torch.device) -> None:
    """Give back to the system what nobody refers to any more, reference cycles included."""
    gc.collect()
    give_back_freed_memory()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def begin_peak(device: torch.device) -> None:
    """Begin to note the largest memory held on a GPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_gib(device: torch.device) -> float | None:
    """The largest memory held at once since then; None on a CPU, whose processes keep what earlier trials freed."""
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
