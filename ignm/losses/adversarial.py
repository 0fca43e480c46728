"""Adversarial losses as pure functions of logits, each a pair for discriminator and generator."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class AdversarialLoss:
    """The two sides of the game; both take (real logits, fake logits), each (N,), and give a scalar to be minimised."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    generator_sees_real: bool = False
    """Whether the generator's side depends on the real logits; if not, they need not be computed for it."""
    calibrated: bool = True
    """Whether 0 is where the discriminator cannot tell real from generated."""

    def centred(self, real: Tensor, fake: Tensor) -> Tensor:
        """The real logits with 0 where the discriminator cannot tell; without calibration the means' midpoint is that.

        ADA's sign of D(real) is defined for logits whose 0 means something (Karras et al. 2020, section 3.1).
        """
        return real if self.calibrated else real - (real.mean() + fake.mean()) / 2


def _check(real: Tensor, fake: Tensor) -> None:
    if real.ndim != 1 or real.shape != fake.shape:
        raise ValueError(f"logits must be (N,) and alike: real {tuple(real.shape)}, fake {tuple(fake.shape)}")


def cross_entropy_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-log s(real) - log(1 - s(fake)) with the logistic s (Goodfellow et al. 2014, equation 1)."""
    _check(real, fake)
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_generator(real: Tensor, fake: Tensor) -> Tensor:
    """log(1 - s(fake)) (Goodfellow et al. 2014, equation 1): saturates where the discriminator is sure."""
    return -F.softplus(fake).mean()


def non_saturating_generator(real: Tensor, fake: Tensor) -> Tensor:
    """-log s(fake) (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """((real - 1)^2 + fake^2) / 2 (Mao et al. 2017, equation 9)."""
    _check(real, fake)
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    """(fake - 1)^2 / 2 (Mao et al. 2017, equation 9)."""
    return (fake - 1).square().mean() / 2


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-real + fake (Arjovsky et al. 2017, equation 3): means something only for a critic that is kept Lipschitz."""
    _check(real, fake)
    return fake.mean() - real.mean()


def wasserstein_generator(real: Tensor, fake: Tensor) -> Tensor:
    """-fake (Arjovsky et al. 2017, theorem 3 and algorithm 1)."""
    return -fake.mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - real) + max(0, 1 + fake) (Miyato et al. 2018, equation 16)."""
    _check(real, fake)
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(real: Tensor, fake: Tensor) -> Tensor:
    """-fake (Miyato et al. 2018, equation 17)."""
    return -fake.mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(-(real - fake)), image by image (Jolicoeur-Martineau 2019; Huang et al. 2024, equation 2)."""
    _check(real, fake)
    return F.softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(-(fake - real)), image by image (Huang et al. 2024, equation 2)."""
    _check(real, fake)
    return F.softplus(real - fake).mean()


ADVERSARIAL: dict[str, AdversarialLoss] = {
    "minimax": AdversarialLoss(cross_entropy_discriminator, minimax_generator),
    "non_saturating": AdversarialLoss(cross_entropy_discriminator, non_saturating_generator),
    "least_squares": AdversarialLoss(least_squares_discriminator, least_squares_generator, calibrated=False),
    "wasserstein": AdversarialLoss(wasserstein_discriminator, wasserstein_generator, calibrated=False),
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator),
    "relativistic": AdversarialLoss(
        relativistic_discriminator, relativistic_generator, generator_sees_real=True, calibrated=False
    ),
}
