"""Running statistics of the updates, kept on the device so that no step waits for it."""

import torch
from torch import Tensor


class RunningStatistics:
    """Sums since they were last taken: losses, sign of D(real), norm of G's gradient."""

    def __init__(self, device: torch.device) -> None:
        self._zero, self._one = torch.zeros((), device=device), torch.ones((), device=device)
        self._sums = torch.zeros(7, device=device, dtype=torch.float64)

    def add(self, judged: tuple[Tensor, Tensor] | None, made: tuple[Tensor, Tensor] | None) -> None:
        """Add a step: what it was to the discriminator (loss, sign of D(real)) and the generator (loss, norm)."""
        d_loss, sign = judged or (self._zero, self._zero)
        g_loss, norm = made or (self._zero, self._zero)
        counts = [self._one if each else self._zero for each in (judged, made)]
        self._sums += torch.stack([counts[0], d_loss, sign, counts[1], g_loss, norm, norm.square()]).double()

    @property
    def finite(self) -> bool:
        """Whether every number so far is finite; asking waits for the device."""
        return bool(torch.isfinite(self._sums).all())

    def take(self) -> dict[str, float]:
        """Return the means since the last call by the names that a Measurement has, and begin anew."""
        judged, d_loss, sign, made, g_loss, norm, norm_squared = self._sums.tolist()
        self._sums.zero_()
        # Two-step training has steps of one network alone.
        judged, made = max(judged, 1.0), max(made, 1.0)
        mean = norm / made
        variance = max(norm_squared / made - mean**2, 0.0)
        return {
            "discriminator_loss": d_loss / judged,
            "generator_loss": g_loss / made,
            "real_sign": sign / judged,
            "generator_gradient": mean,
            "stability": variance**0.5 / mean if mean > 0 else 0.0,
        }
