"""One evaluation of a trial."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
    """Mean sign of the discriminator's logit of real images: near 1, it knows them by heart (Karras et al. 2020)."""
    generator_gradient: float
    """Mean norm of the generator's gradient since the last measurement."""
    augment_strength: float = 0.0
    """Strength of augmentation in force then; 0 without a policy."""


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write all measurements of a trial, one JSON object a line."""
    write_text(path, "".join(json.dumps(asdict(each)) + "\n" for each in measurements))


def read_measurements(path: Path) -> list[dict[str, Any]]:
    """Read the measurements of a trial as plain mappings; none if there are none yet."""
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise IgnmError(f"{path}: cannot be read: {error}") from None
