"""Strength of augmentation that follows how well the discriminator knows the real images by heart."""

from typing import Any

import torch
from torch import Tensor

STEPS = 4
"""Discriminator steps between two moves (Karras et al. 2020, section 3)."""


class AdaptiveStrength:
    """Begins at 0, and every STEPS steps moves up where the mean sign of D(real) is above the target, else down.

    Karras et al. 2020, section 3.1, r_t. It lives on the device, and nothing here waits for that.
    """

    def __init__(self, target: float, kimg: float, batch: int, device: torch.device) -> None:
        """`kimg` real images, `batch` a step, take the strength from 0 to 1."""
        self._target, self._device = target, device
        self._move = STEPS * batch / (kimg * 1000)
        self._steps = 0
        self._signs = torch.zeros((), device=device)
        self.strength = torch.zeros((), device=device)

    def observe(self, real_logits: Tensor) -> None:
        """Note one discriminator step's logits (N,) of real images, and move when it is time."""
        self._signs = self._signs + real_logits.detach().float().sign().mean()
        self._steps += 1
        if self._steps == STEPS:
            direction = (self._signs / STEPS - self._target).sign()
            self.strength = (self.strength + self._move * direction).clamp(0.0, 1.0)
            self._steps, self._signs = 0, torch.zeros_like(self._signs)

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {"strength": self.strength, "signs": self._signs, "steps": self._steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.strength, self._signs = state["strength"].to(self._device), state["signs"].to(self._device)
        self._steps = state["steps"]
