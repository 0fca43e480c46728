"""The part of the Config that says what the networks are shown: images, their quality, synthetic ones, augmentation."""

import re
from typing import Annotated, Literal, get_args

from pydantic import Field

from ignm.config.section import Section
from ignm.errors import IgnmError

Resolution = Literal[16, 32, 64, 128, 256]
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
"""Of a dataset's name."""
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]


def parse_dataset(text: str) -> tuple[str, int]:
    """Read NAME@RESOLUTION; raise IgnmError, with what is allowed, for anything else."""
    name, _, resolution = text.partition("@")
    allowed = [str(size) for size in get_args(Resolution)]
    if not re.match(NAME_PATTERN, name) or resolution not in allowed:
        raise IgnmError(
            f"'{text}' is no dataset: expected NAME@RESOLUTION, as embedded@32; a name has lower-case letters, digits, "
            f"dots, dashes and underscores, the resolution is one of {', '.join(allowed)}"
        )
    return name, int(resolution)


class DegradeConfig(Section):
    """Graded degradations of the training images: quality as something to turn down. The reference stays whole."""

    downscale: Annotated[float, Field(ge=1.0, le=64.0)] = 1.0
    """The side is shrunk by this factor and enlarged again."""
    blur: Annotated[float, Field(ge=0.0, le=64.0)] = 0.0
    """Standard deviation of a Gaussian, in pixels."""
    noise: Unit = 0.0
    """Standard deviation of Gaussian noise, as a share of the range from black to white."""
    jpeg: Annotated[int, Field(ge=1, le=100)] | None = None
    """Quality of a JPEG that each image goes through; null: none."""
    label_noise: Unit = 0.0
    """Share of the images whose labels are those of another image."""
    keep: Share = 1.0
    """Share of the images that are kept."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the noise, and of which images and labels are concerned; not the trial's, so that trials share the images."""


class SyntheticConfig(Section):
    """A pool of synthetic images, made first and kept on disk, that is mixed into what is shown."""

    fraction: Unit = 0.0
    """Share of the images shown that come from the pool; 0: there is none, 1: instead of the real ones."""
    source: Literal["variants", "faces", "teacher"] = "variants"
    """`variants`: real images relit, turned, with another background and colour temperature; `faces`: the faces that
    IGNM draws; `teacher`: a trained generator."""
    count: Annotated[int, Field(ge=2, le=10_000_000)] = 10_000
    """Images in the pool."""
    light: Unit = 0.5
    """`variants`: strength of relighting by smooth illumination fields."""
    pose: Unit = 0.5
    """`variants`: strength of perspective and thin-plate warps about the face's axis."""
    background: Unit = 0.5
    """`variants`: share of the images whose background is replaced."""
    temperature: Unit = 0.5
    """`variants`: strength of shifts in colour temperature; grey images have none."""
    teacher: str | None = None
    """`teacher`: a checkpoint, a trial's folder, or a study's best/."""
    truncation: Share = 1.0
    """`teacher`: the latents' distance from their mean is scaled by this."""
    rejection: Annotated[float, Field(ge=0.0, le=0.95)] = 0.0
    """`teacher`: share of the images dropped, those that the teacher's discriminator believes least."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the pool, not the trial's, so that trials share one pool."""


class DataConfig(Section):
    """Which images are shown to the discriminator."""

    name: str = Field("embedded", pattern=NAME_PATTERN)
    """A dataset; of a study it is said once, under its `data`."""
    resolution: Resolution = 64
    """Side of the images, in pixels; likewise."""
    mirror: bool = False
    """Show each image or its mirror image, at even odds."""
    labels: tuple[str, ...] | None = None
    """Attributes that are learnt, where the config asks for any; null: all that the dataset has."""
    degrade: DegradeConfig = DegradeConfig()
    synthetic: SyntheticConfig = SyntheticConfig()


class AugmentConfig(Section):
    """Differentiable augmentation of real and generated images alike, on their way into the discriminator."""

    policy: Literal["diffaugment", "ada"] | None = None
    """`diffaugment`: colour, translation and cutout on every image (Zhao et al. 2020); `ada`: pixel blitting, geometry
    and colour, each with a probability (Karras et al. 2020)."""
    strength: Unit = 1.0
    """`diffaugment`: scales every range; `ada`: the probability p of each transformation. 0 leaves images as they are.
    Without a target it stays what it is."""
    target: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Adaptive: the strength begins at 0 and rises while the mean sign of D(real) is above this (ADA: 0.6)."""
    adapt_kimg: Annotated[float, Field(gt=0.0, le=1e5)] = 500.0
    """kimg in which an adaptive strength can go from 0 to 1."""
    consistency: Annotated[float, Field(ge=0.0, le=1e4)] = 0.0
    """Weight of consistency regularisation: the discriminator says the same of an image and of its augmented version,
    and the adversarial loss then judges images as they are (bCR, Zhao et al. 2021)."""
