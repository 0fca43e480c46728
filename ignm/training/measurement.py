"""One evaluation of a trial."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ignm.errors import IgnmError
from ignm.files import write_text


@dataclass(frozen=True)
class Measurement:
    """What was measured at one point of a trial's training."""

    point: float
    """kimg of the schedule that this measurement stands for; the same for every batch size."""
    kimg: float
    """Shown to the discriminator in fact: training ends on a whole step, so a little more than `point`."""
    seconds: float
    """Of training so far, evaluations left out."""
    quality: float
    """The metric named in `metric`; lower is better."""
    diversity: float
    """Total feature variance of generated over real images: 1 is as varied as real, 0 is one image."""
    stability: float
    """Coefficient of variation of the generator's gradient norm since the last measurement; lower is calmer."""
    images_per_second: float
    """Real images shown to the discriminator per second of training."""
    precision: str
    """`bf16` or `fp32`: what training ran in."""
    metric: str
    reference_id: str
    discriminator_loss: float
    """Adversarial part only, mean since the last measurement."""
    generator_loss: float
    real_sign: float
    """Mean sign of the discriminator's logit of real images: near 1, it knows them by heart (Karras et al. 2020).

    Where the loss gives 0 no meaning, logits are centred between real and generated ones, as for ADA."""
    generator_gradient: float
    """Mean norm of the generator's gradient since the last measurement."""
    augment_strength: float = 0.0
    """Strength of augmentation in force then; 0 without a policy."""
    quality_error: float | None = None
    """Standard error of `quality` over the generated images; None where it was not measured."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What `evaluation.metrics` asked for, by column: each value, and its standard error as NAME_error."""
    generator_updates: int | None = None
    """Steps of the generator against the discriminator so far; None, like all below, where it was not measured."""
    discriminator_gradient: float | None = None
    """Mean norm of the gradient of the discriminator's loss since the last measurement: the last update of each step, a
    lazy penalty left out; None where it was not trained."""
    logit_gap: float | None = None
    """Mean logit of real images minus that of generated ones, mean since the last measurement."""
    oscillation: float | None = None
    """Slow swings of this gap since the last measurement, over the size of the logits: near 0 is steady."""
    separation: float | None = None
    """Share of pairs of a training and a generated image whose real one has the higher logit: 0.5 cannot be told."""
    slope: float | None = None
    """Mean norm of the discriminator's gradient in the image, between training and generated ones: 1 in a WGAN-GP."""
    signal: float | None = None
    """Median norm of the gradient of the generator's loss in a generated image: what the generator learns from."""
    held_out_gap: float | None = None
    """Mean logit of training images minus that of held-out ones, in standard deviations: 0 is not overfitted."""
    batch_parts: int = 1
    """Parts in which a batch was passed through the networks, so that it fitted into memory."""
    memory_gib: float | None = None
    """Largest memory held on the GPU at once, by this process since it took the trial up; None on a CPU."""
    defects: tuple[str, ...] = ()
    """Names from `ignm.diagnostics.defects`."""


def as_measurement(written: Mapping[str, Any]) -> Measurement:
    """Return a measurement from what JSON holds of it; TypeError where it is none. Older ones hold less."""
    return Measurement(**{**written, "defects": tuple(written.get("defects", ()))})


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write all measurements of a trial, one JSON object a line."""
    write_text(path, "".join(json.dumps(asdict(each)) + "\n" for each in measurements), make_folder=False)


def read_measurements(path: Path) -> list[dict[str, Any]]:
    """Read the measurements of a trial as plain mappings; none if there are none yet."""
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise IgnmError(f"{path}: cannot be read: {error}") from None
