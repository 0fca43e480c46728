"""A measurement: what training was since the last one, the metric, and what the discriminator says."""

import math
from dataclasses import asdict, replace

from ignm.diagnostics.defects import defects_of, total_collapse
from ignm.diagnostics.judging import Probe
from ignm.metrics.evaluator import Evaluator
from ignm.training.measurement import Measurement
from ignm.training.out_of_memory import peak_gib
from ignm.training.trainer import DivergedError, Trainer


def measure(trainer: Trainer, evaluator: Evaluator, probe: Probe, point: float) -> Measurement:
    """Measure a trainer at `point` of its schedule; DivergedError where something is not finite, or all alike."""
    statistics = trainer.take_statistics()
    score = evaluator.score(trainer.average)
    if not score.quality < float("inf"):
        raise DivergedError(f"the {score.metric} is not finite after {trainer.kimg:g} kimg")
    judging = probe.ask()
    if not judging.finite:
        raise DivergedError(f"what the discriminator says of images is not finite after {trainer.kimg:g} kimg")
    measurement = Measurement(
        point=point,
        kimg=trainer.kimg,
        seconds=trainer.seconds,
        quality=score.quality,
        quality_error=score.quality_error if math.isfinite(score.quality_error) else None,
        metrics=score.columns,
        diversity=score.diversity,
        images_per_second=trainer.images_seen / trainer.seconds,
        precision=trainer.precision,
        metric=score.metric,
        reference_id=score.reference_id,
        generator_updates=trainer.generator_updates,
        batch_parts=trainer.batch_parts,
        memory_gib=peak_gib(trainer.device),
        **statistics,
        **asdict(judging),
    )
    lost = total_collapse(measurement, trainer.config.ema)
    if lost is not None:
        raise DivergedError(lost)
    return replace(measurement, defects=defects_of(measurement))
