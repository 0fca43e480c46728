"""The Config: everything that decides one training run, apart from its seed and its budget."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ignm.config.data import AugmentConfig, DataConfig
from ignm.config.learning import EmaConfig, InitConfig, LossConfig, OptimConfig
from ignm.config.networks import DiscriminatorConfig, GeneratorConfig
from ignm.config.refusals import REFUSALS
from ignm.config.section import Section


class Config(Section):
    """Everything that decides one training run, as one frozen, validated, content-hashed object."""

    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    init: InitConfig = InitConfig()
    optim: OptimConfig = OptimConfig()
    ema: EmaConfig = EmaConfig()

    @model_validator(mode="after")
    def _can_work(self) -> "Config":
        for refusal in REFUSALS:
            reason = refusal(self)
            if reason is not None:
                raise ValueError(reason)
        return self

    @property
    def config_id(self) -> str:
        """The first 12 hex digits of the SHA-256 of the canonical JSON."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @property
    def learns_classes(self) -> bool:
        """Whether class labels decide anything."""
        return self.loss.classification > 0

    @property
    def learns_continuous(self) -> bool:
        """Whether continuous labels must be there."""
        return self.loss.regression > 0

    @property
    def uses_labels(self) -> bool:
        """Whether labels of any kind decide anything."""
        return self.learns_classes or self.learns_continuous or self.generator.condition is not None


MetricName = Literal[
    "kd", "kid", "precision", "recall", "density", "coverage", "memorisation", "ms_ssim", "lpips", "swd",
]  # fmt: skip


class Evaluation(Section):
    """How a trial is measured; the same for all trials that are compared."""

    extractor: str = "auto"
    """`auto`: Inception if its weights are on this machine, else the embedded extractor."""
    images: Annotated[int, Field(ge=16, le=200_000)] = 5_000
    """Generated images per measurement."""
    metrics: tuple[MetricName, ...] = ()
    """What is measured beside quality and diversity; each gives its columns in the results."""
    split: Literal["train", "test"] = "train"
    """Real images to compare with: those that are trained on, or those that the dataset holds out."""
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
