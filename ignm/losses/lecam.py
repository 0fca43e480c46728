"""LeCam regularisation for small datasets; it keeps no state, the caller holds the two running means."""

from torch import Tensor
from torch.nn import functional as F

from ignm.losses.precision import at_least_float32


def lecam(real_logits: Tensor, fake_logits: Tensor, real_mean: Tensor, fake_mean: Tensor) -> Tensor:
    """Squared excess of real logits over the mean fake one, and of the mean real logit over fake ones.

    Logits (N,); running means (). max(0, D(real) - fake_mean)^2 + max(0, real_mean - D(fake))^2, means over images: the
    authors' code; the paper writes it without max (Tseng et al. 2021, R_LC), which is the same as long as each logit is
    on its own side of the other's mean. ValueError: shapes.
    """
    for side, logits, mean in (("real", real_logits, real_mean), ("fake", fake_logits, fake_mean)):
        _check(side, logits, mean)
    above = at_least_float32(real_logits) - fake_mean.detach()
    below = real_mean.detach() - at_least_float32(fake_logits)
    return F.relu(above).square().mean() + F.relu(below).square().mean()


def moved(mean: Tensor, logits: Tensor, decay: float = 0.99) -> Tensor:
    """Return the running mean () after logits (N,), without gradient; decay 0 begins it (Tseng et al. 2021: 0.99).

    ValueError: shapes, or a decay outside 0 to 1.
    """
    _check("running", logits, mean)
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must be within 0 and 1: {decay}")
    return mean.detach() * decay + at_least_float32(logits.detach()).mean() * (1 - decay)


def _check(side: str, logits: Tensor, mean: Tensor) -> None:
    if logits.ndim != 1 or mean.ndim != 0:
        raise ValueError(
            f"{side}: logits must be (N,) and their mean (): {tuple(logits.shape)} and {tuple(mean.shape)}"
        )
