"""The Config: everything that decides one training run, apart from its seed and its budget."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Activation = Literal["relu", "leaky_relu", "elu", "silu", "gelu", "mish", "tanh", "sigmoid"]
Normalisation = Literal["batch", "instance", "layer", "pixel"]
Adversarial = Literal["minimax", "non_saturating", "least_squares", "hinge", "relativistic"]
Resolution = Literal[16, 32, 64, 128, 256]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Width = Annotated[int, Field(ge=4, le=1024)]


class Section(BaseModel):
    """A frozen part of the Config that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataConfig(Section):
    """Which images are shown to the discriminator."""

    name: str = Field("embedded", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    resolution: Resolution = 64
    mirror: bool = False
    """Show each image or its mirror image, at even odds."""


class AugmentConfig(Section):
    """Differentiable augmentation of real and generated images alike (Zhao et al. 2020)."""

    policy: Literal["diffaugment"] | None = None
    strength: Unit = 1.0
    """Scales every range of the policy; 0 leaves images as they are."""


class NetworkConfig(Section):
    """What generator and discriminator have in common."""

    width: Width = 64
    """Channels of the widest map (half the image's resolution); doubles with each halving, up to 8 times."""
    normalisation: Normalisation | None = "batch"
    spectral_norm: bool = False
    weights: Literal["normal", "orthogonal", "xavier"] = "normal"
    """Initial weights; `normal` is DCGAN's N(0, 0.02)."""


class GeneratorConfig(NetworkConfig):
    """From a latent vector to an image."""

    latent: Annotated[int, Field(ge=1, le=4096)] = 100
    activation: Activation = "relu"


class DiscriminatorConfig(NetworkConfig):
    """From an image to one logit."""

    activation: Activation = "leaky_relu"


class LossConfig(Section):
    """Adversarial loss x gradient penalty."""

    adversarial: Adversarial = "non_saturating"
    penalty: Literal["r1"] | None = None
    gamma: Annotated[float, Field(gt=0.0, le=1e4)] = 1.0
    """Weight of the penalty: gamma/2 |grad|^2."""
    interval: Annotated[int, Field(ge=1, le=64)] = 16
    """The penalty is computed once in this many discriminator steps, times this many (StyleGAN2's laziness)."""


class AdamConfig(Section):
    """Adam for one of the two networks."""

    lr: Annotated[float, Field(gt=0.0, le=1.0)] = 2e-4
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999


class OptimConfig(Section):
    """How the two networks are updated."""

    generator: AdamConfig = AdamConfig()
    discriminator: AdamConfig = AdamConfig()
    batch: Annotated[int, Field(ge=2, le=4096)] = 128
    n_critic: Annotated[int, Field(ge=1, le=64)] = 1
    """Discriminator steps for each generator step."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 autocast where the device multiplies bf16 matrices in hardware, else fp32."""


class EmaConfig(Section):
    """The running average of the generator's weights that is measured, sampled and kept."""

    half_life: Annotated[float, Field(gt=0.0, le=1e4)] = 10.0
    """In kimg."""
    ramp: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    """Early half-life as a share of the images seen so far (StyleGAN2-ADA); 0 switches the ramp off."""


class Config(Section):
    """Everything that decides one training run, as one frozen, validated, content-hashed object."""

    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    ema: EmaConfig = EmaConfig()

    @model_validator(mode="after")
    def _penalty_needs_independent_images(self) -> "Config":
        if self.loss.penalty is not None and self.discriminator.normalisation == "batch":
            raise ValueError(
                "loss.penalty and discriminator.normalisation: a gradient penalty is defined image by image, and batch "
                "normalisation mixes the images of a batch; use instance, layer, pixel or null "
                "(Gulrajani et al. 2017, section 4)"
            )
        return self

    @property
    def config_id(self) -> str:
        """The first 12 hex digits of the SHA-256 of the canonical JSON."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


class Evaluation(Section):
    """How a trial is measured; the same for all trials that are compared."""

    extractor: str = "auto"
    """`auto`: Inception if its weights are on this machine, else the embedded extractor."""
    images: Annotated[int, Field(ge=16, le=200_000)] = 5_000
    """Generated images per measurement."""
    reference_images: Annotated[int, Field(ge=16)] | None = None
    """Real images in the reference; null takes all."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the evaluation latents, which are the same in every trial."""


class TrialSpec(Section):
    """One Config with one seed and a budget."""

    config: Config
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    kimg: Annotated[float, Field(gt=0.0, le=1e6)]
    measure_at: tuple[float, ...]
    """kimg at which the trial is measured and checkpointed, rising; the last is `kimg`."""
    evaluation: Evaluation = Evaluation()

    @field_validator("measure_at")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or list(value) != sorted(set(value)) or value[0] <= 0:
            raise ValueError("must be rising and above 0")
        return value

    @model_validator(mode="after")
    def _ends_at_budget(self) -> "TrialSpec":
        if self.measure_at[-1] != self.kimg:
            raise ValueError("measure_at: the last measurement must be at the end of the budget (kimg)")
        return self
