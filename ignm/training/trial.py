"""One trial, from its specification to its last measurement, resumable at every measurement.

A trial's directory holds `trial.json` (the specification), `checkpoint-*`, `measurements.jsonl`, `samples.png` and
`progress.json` (where training stands, for whoever watches).
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ignm.config import Config, TrialSpec, validated
from ignm.data.cache import Dataset
from ignm.data.targets import targets_of
from ignm.diagnostics.defects import defects_of, total_collapse
from ignm.diagnostics.judging import Probe
from ignm.errors import IgnmError
from ignm.files import read_json, sweep, write_json
from ignm.initialisation.transfer import Copied, load_initial
from ignm.metrics.evaluator import Evaluator
from ignm.synthetic.pool import fingerprint_of
from ignm.training.checkpoint import latest_checkpoint, restore, save_checkpoint
from ignm.training.measurement import Measurement, write_measurements
from ignm.training.memory import keep_freed_memory
from ignm.training.preparation import open_training_set
from ignm.training.samples import save_samples
from ignm.training.trainer import DivergedError, Trainer

SECONDS_BETWEEN_PROGRESS = 0.5
LOCK_SECONDS = 60.0

OnProgress = Callable[[float], None]


@dataclass
class ProgressFile:
    """Keeps `progress.json` of a trial current without writing more often than people can read."""

    path: Path
    written: float = 0.0

    def __call__(self, kimg: float) -> None:
        """Note that training stands at `kimg`."""
        now = time.time()
        if now - self.written >= SECONDS_BETWEEN_PROGRESS:
            write_json(self.path, {"kimg": kimg, "time": now})
            self.written = now


def check_config(config: Config, dataset: Dataset) -> None:
    """Raise IgnmError where the dataset is not the one that the config names, or lacks what the config learns of it."""
    data = config.data
    if (dataset.name, dataset.resolution) != (data.name, data.resolution):
        raise IgnmError(
            f"data: the config names {data.name} at {data.resolution}, given {dataset.name} at {dataset.resolution}"
        )
    if len(dataset.images) < 2:
        raise IgnmError(f"data.name: {data.name} has {len(dataset.images)} image; at least 2 are needed")
    targets_of(config, dataset)


def check_new(config: Config, dataset: Dataset) -> None:
    """Raise IgnmError where a trial of this config could not begin: as `check_config`, and for missing files.

    A trial that goes on from its own checkpoint no longer needs the one that `init` names.
    """
    check_config(config, dataset)
    if config.init.checkpoint is not None:
        load_initial(config.init.checkpoint, config.init.networks)
    weights = config.init.features_weights
    if weights is not None and not Path(weights).expanduser().is_file():
        raise IgnmError(f"init.features_weights: {weights}: no such file")
    if config.data.synthetic.fraction > 0:
        fingerprint_of(config.data.synthetic, dataset)


def check_directory(spec: TrialSpec, directory: Path) -> None:
    """Raise IgnmError if the directory belongs to another trial."""
    path = directory / "trial.json"
    if path.exists():
        before = validated(TrialSpec, read_json(path), str(path))
        if (before.config, before.seed, before.evaluation) != (spec.config, spec.seed, spec.evaluation):
            raise IgnmError(
                f"{directory}: holds another trial (config {before.config.config_id}, seed {before.seed}), not "
                f"config {spec.config.config_id}, seed {spec.seed}; use another directory, or remove this one"
            )


def run_trial(
    spec: TrialSpec,
    dataset: Dataset,
    directory: Path,
    evaluator: Evaluator,
    device: torch.device,
    on_progress: OnProgress = lambda kimg: None,
) -> Iterator[Measurement]:
    """Train and yield each measurement as it is made; measurements kept from an earlier run are yielded first.

    Every measurement is on disk, with the checkpoint to continue from, before it is yielded. Continuing is bit-exact on
    one device with one number of threads. Raises DivergedError when the training is no longer finite, IgnmError when
    the directory belongs to another trial, to other images, or to a process that has not let go after LOCK_SECONDS.
    """
    if device.type == "cpu":
        keep_freed_memory()
    begun = any(directory.glob("checkpoint-*"))
    (check_config if begun else check_new)(spec.config, dataset)
    with _locked(directory):
        check_directory(spec, directory)
        yield from _train(spec, dataset, directory, evaluator, device, on_progress)


def note_copied(copied: dict[str, Copied], directory: Path) -> None:
    """Write down, as `initialisation.json`, what share of each network came from the checkpoint that init names."""
    if copied:
        summary = {
            name: {"copied": each.copied, "total": each.total, "share": each.share, "fresh": list(each.fresh)}
            for name, each in copied.items()
        }
        write_json(directory / "initialisation.json", summary)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    # A process that its driver left behind may still be writing; the system frees the lock when it is gone.
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory / ".lock")
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise IgnmError(f"{directory}: another process is training there; use another directory") from None
    try:
        yield
    finally:
        lock.release()


def _train(
    spec: TrialSpec,
    dataset: Dataset,
    directory: Path,
    evaluator: Evaluator,
    device: torch.device,
    on_progress: OnProgress,
) -> Iterator[Measurement]:
    sweep(directory)
    shown = open_training_set(spec.config, dataset)
    trainer = Trainer(spec.config, shown, spec.seed, device)
    measurements: list[Measurement] = []
    checkpoint = latest_checkpoint(directory)
    if checkpoint is not None:
        restore(trainer, checkpoint, shown.fingerprint)
        measurements = checkpoint.measurements
    else:
        note_copied(trainer.initialise(), directory)
    # Only now: a trial that cannot begin leaves its directory to the one that mends what was wrong.
    write_json(directory / "trial.json", spec.model_dump(mode="json"))
    write_measurements(directory / "measurements.jsonl", measurements)
    yield from measurements
    probe = Probe(trainer, shown, dataset)
    progress = ProgressFile(directory / "progress.json")

    def note(kimg: float) -> None:
        progress(kimg)
        on_progress(kimg)

    done = measurements[-1].point if measurements else 0.0
    # By points, not by images seen: a batch larger than the way to the next points must still end at the last one.
    for target in (point for point in spec.measure_at if point > done):
        trainer.advance(target, note)
        measurement = _measure(trainer, evaluator, probe, target)
        measurements.append(measurement)
        save_samples(trainer.average, directory / "samples.png")
        save_checkpoint(trainer, measurements, shown.fingerprint, directory)
        write_measurements(directory / "measurements.jsonl", measurements)
        yield measurement


def _measure(trainer: Trainer, evaluator: Evaluator, probe: Probe, point: float) -> Measurement:
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
        **statistics,
        **asdict(judging),
    )
    lost = total_collapse(measurement, trainer.config.ema)
    if lost is not None:
        raise DivergedError(lost)
    return replace(measurement, defects=defects_of(measurement))
