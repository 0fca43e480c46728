"""Defects of adversarial training by name: each a pure function of what one measurement holds.

The thresholds come from runs made to have a defect and runs of the same size that are healthy: docs/diagnostics.md.
"""

from collections.abc import Callable

from ignm.config.learning import EmaConfig
from ignm.training.measurement import Measurement

SETTLED_UPDATES = 500
"""Updates of the generator before which nothing is concluded from its diversity: every trial begins with one image."""
COLLAPSED = 0.1
"""Diversity below which most modes are missing."""
ALIKE = 0.01
"""Diversity below which all images are alike: a hundredth of the real variance."""
VANISHED = 0.01
"""Signal below which a generated image is told next to nothing of where to go."""
EXPLODED = 100.0
"""Slope above which a change that nobody sees (1/255 of each pixel) decides what the discriminator says."""
OSCILLATING = 0.5
"""Slow swings of the gap as large as half the size of the logits."""
LOST = 0.35
"""Separation below which the generator fools the discriminator on most pairs."""
MEMORISED = 1.0
"""Standard deviations by which a training image's logit is above a held-out one's."""


def _above(value: float | None, bound: float) -> bool:
    return value is not None and value > bound


def _below(value: float | None, bound: float) -> bool:
    return value is not None and value < bound


def settled(measurement: Measurement) -> bool:
    """Whether the generator has had time to make images that differ."""
    return measurement.generator_updates is not None and measurement.generator_updates >= SETTLED_UPDATES


def _learns(measurement: Measurement) -> bool:
    """Whether the discriminator has been trained: in two-step training it begins later, and what it says is noise."""
    return measurement.discriminator_gradient is not None


def mode_collapse(measurement: Measurement) -> bool:
    """The generated images vary far less than the real ones (Goodfellow 2016, section 5.1.1)."""
    return settled(measurement) and measurement.diversity < COLLAPSED


def vanishing_gradient(measurement: Measurement) -> bool:
    """The discriminator tells the generator nothing (Arjovsky and Bottou 2017, theorem 2.4)."""
    return _learns(measurement) and _below(measurement.signal, VANISHED)


def exploding_gradient(measurement: Measurement) -> bool:
    """The discriminator is so steep that its gradient means nothing (Gulrajani et al. 2017, section 3)."""
    steep = _above(measurement.slope, EXPLODED) or _above(measurement.signal, EXPLODED)
    return _learns(measurement) and steep


def oscillation(measurement: Measurement) -> bool:
    """Neither network holds its ground: they take turns (Mescheder et al. 2018, section 2)."""
    return settled(measurement) and _above(measurement.oscillation, OSCILLATING)


def weak_discriminator(measurement: Measurement) -> bool:
    """The discriminator judges generated images to be the real ones, and so teaches nothing."""
    return _learns(measurement) and _below(measurement.separation, LOST)


def discriminator_overfitting(measurement: Measurement) -> bool:
    """The discriminator knows the training images by heart (Karras et al. 2020, section 3.1)."""
    return _learns(measurement) and _above(measurement.held_out_gap, MEMORISED)


DEFECTS: dict[str, Callable[[Measurement], bool]] = {
    "mode-collapse": mode_collapse,
    "vanishing-gradient": vanishing_gradient,
    "exploding-gradient": exploding_gradient,
    "oscillation": oscillation,
    "weak-discriminator": weak_discriminator,
    "discriminator-overfitting": discriminator_overfitting,
}


def defects_of(measurement: Measurement) -> tuple[str, ...]:
    """Return the names of the defects that a measurement shows; what was not measured shows none."""
    return tuple(name for name, shows in DEFECTS.items() if shows(measurement))


def total_collapse(measurement: Measurement, ema: EmaConfig) -> str | None:
    """Return why a trial is lost whose images are all alike; None while it is not, or too young to tell.

    The average is measured: two of its half-lives must have passed too, or it may still hold the first weights.
    """
    half_life = min(ema.half_life, measurement.kimg * ema.ramp) if ema.ramp > 0 else ema.half_life
    if not settled(measurement) or measurement.kimg < 2 * half_life or measurement.diversity >= ALIKE:
        return None
    return (
        f"all generated images are alike after {measurement.kimg:g} kimg: diversity {measurement.diversity:.4f}, "
        f"below {ALIKE:g}"
    )
