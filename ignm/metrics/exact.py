"""Full float32 while measuring, whatever the training around it has switched on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def exact_float32() -> Iterator[None]:
    """Convolutions and matrix products without TF32 or bf16 and with repeatable kernels; as before on leaving.

    TF32 keeps 10 bits of a factor, and a metric's reference may have been made on a CPU, which keeps 23.
    """
    precision = torch.get_float32_matmul_precision()
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)
