"""Consistency regularisation: the discriminator says the same of an image and of its augmented version."""

from torch import Tensor

from ignm.losses.precision import at_least_float32


def consistency(logits: Tensor, augmented: Tensor) -> Tensor:
    """(D(x) - D(T(x)))^2, mean over images; both logits (N,), learnt from both (Zhang et al. 2020).

    bCR adds that of real and that of generated images, each with its weight (Zhao et al. 2021, algorithm 1; there 10).
    ValueError: shapes.
    """
    if logits.ndim != 1 or logits.shape != augmented.shape:
        raise ValueError(f"logits must be (N,), both: {tuple(logits.shape)} and {tuple(augmented.shape)}")
    return (at_least_float32(logits) - at_least_float32(augmented)).square().mean()
