"""Running statistics of the updates, kept on the device so that no step waits for it."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

STEPS_BETWEEN_NORMS = 4
"""How often the norms of the gradients are taken: all the weights are gone through for them."""
_SUMS = (
    "judged", "d_loss", "sign", "gap", "spread", "gap_squared", "gap_size", "moved", "moves", "d_norms", "d_norm",
    "made", "g_loss", "g_norms", "g_norm", "g_norm_squared",
)  # fmt: skip


class Judged(NamedTuple):
    """What a step was to the discriminator; tensors () on the device."""

    loss: Tensor
    """Adversarial part only."""
    sign: Tensor
    """Mean sign of the logits of real images, centred where the loss gives 0 no meaning."""
    gap: Tensor
    """Mean logit of real images minus that of generated ones."""
    spread: Tensor
    """Standard deviation of logits within the batch."""
    gradient: Tensor | None
    """Norm of the gradient in the weights; None: not taken."""


class Made(NamedTuple):
    """What a step was to the generator; tensors () on the device."""

    loss: Tensor
    gradient: Tensor | None
    """Norm of the gradient in the weights; None: not taken."""


def judged(loss: Tensor, real: Tensor, fake: Tensor, centred: Tensor, gradient: Tensor | None) -> Judged:
    """Reduce a step's logits, real, generated and centred real ones (n,), to what is kept of them."""
    real, fake = real.detach(), fake.detach()
    spread = ((real.var(correction=0) + fake.var(correction=0)) / 2).sqrt()
    return Judged(loss.detach(), centred.detach().sign().mean(), real.mean() - fake.mean(), spread, gradient)


class RunningStatistics:
    """Sums since they were last taken: losses, gradients, what the discriminator's logits do."""

    def __init__(self, device: torch.device) -> None:
        self._zero, self._one = torch.zeros((), device=device), torch.ones((), device=device)
        self._sums = torch.zeros(len(_SUMS), device=device, dtype=torch.float64)
        self._gap: Tensor | None = None
        self._added = 0

    @property
    def norms_are_due(self) -> bool:
        """Whether the next step's gradients are to be measured; the first one's after `take` are."""
        return self._added % STEPS_BETWEEN_NORMS == 0

    def add(self, judged: Judged | None, made: Made | None) -> None:
        """Add a step: what it was to the discriminator, to the generator, or to both."""
        zero, one = self._zero, self._one
        row = [zero] * 11
        if judged is not None:
            move = (zero, zero) if self._gap is None else (one, (judged.gap - self._gap).square())
            norm = (zero, zero) if judged.gradient is None else (one, judged.gradient)
            row = [one, *judged[:4], judged.gap.square(), judged.gap.abs(), *move, *norm]
            self._gap = judged.gap
        if made is None:
            row += [zero] * 5
        elif made.gradient is None:
            row += [one, made.loss, zero, zero, zero]
        else:
            row += [one, made.loss, one, made.gradient, made.gradient.square()]
        self._sums += torch.stack(row).double()
        self._added += 1

    @property
    def finite(self) -> bool:
        """Whether every number so far is finite; asking waits for the device."""
        return bool(torch.isfinite(self._sums).all())

    def state(self) -> dict[str, Any]:
        """Everything that the next means depend on, as it stands: the sums go on in place."""
        return {"sums": self._sums.clone(), "gap": self._gap, "added": self._added}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, which is copied."""
        self._sums.copy_(state["sums"])
        self._added = state["added"]
        self._gap = None if state["gap"] is None else state["gap"].to(self._sums.device)

    def take(self) -> dict[str, Any]:
        """Return the means since the last call by the names that a Measurement has, and begin anew.

        What is known of no step, because two-step training trained one network alone, is 0, or None for what came to
        be measured later.
        """
        sums = dict(zip(_SUMS, self._sums.tolist(), strict=True))
        self._sums.zero_()
        self._gap, self._added = None, 0
        judged, made = max(sums["judged"], 1.0), max(sums["made"], 1.0)
        d_norms, g_norms = max(sums["d_norms"], 1.0), max(sums["g_norms"], 1.0)
        g_norm = sums["g_norm"] / g_norms
        deviation = max(sums["g_norm_squared"] / g_norms - g_norm**2, 0.0) ** 0.5
        known = sums["judged"] > 0
        return {
            "discriminator_loss": sums["d_loss"] / judged,
            "generator_loss": sums["g_loss"] / made,
            "real_sign": sums["sign"] / judged,
            "generator_gradient": g_norm,
            "stability": deviation / g_norm if g_norm > 0 else 0.0,
            "discriminator_gradient": sums["d_norm"] / d_norms if known else None,
            "logit_gap": sums["gap"] / judged if known else None,
            "oscillation": _oscillation(sums) if known else None,
        }


def _oscillation(sums: dict[str, float]) -> float:
    """Deviation of the gap's slow part over the size of the logits."""
    judged = sums["judged"]
    variance = max(sums["gap_squared"] / judged - (sums["gap"] / judged) ** 2, 0.0)
    # Half the mean squared move from step to step is the variance of what is noise alone (von Neumann et al. 1941).
    slow = max(variance - sums["moves"] / max(sums["moved"], 1.0) / 2, 0.0)
    size = (sums["gap_size"] + sums["spread"]) / judged
    return slow**0.5 / size if size > 0 else 0.0
