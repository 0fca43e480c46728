"""One trial, from its specification to its last measurement, resumable at every checkpoint.

A trial's directory holds `trial.json` (the specification), `checkpoint-*`, `measurements.jsonl`, `samples.png`,
`progress.json` (where training stands, for whoever watches), `owner.json` (which process trains it) and
`attempts.jsonl` (which have, and from where each went on).
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ignm.config import Config, TrialSpec, validated
from ignm.data.cache import Dataset
from ignm.data.targets import targets_of
from ignm.diagnostics.judging import Probe
from ignm.errors import IgnmError
from ignm.files import expanded, read_json, sweep, write_json
from ignm.initialisation.transfer import Copied, load_initial
from ignm.metrics.evaluator import Evaluator
from ignm.synthetic.pool import fingerprint_of
from ignm.training import patience
from ignm.training.attempts import note_attempt
from ignm.training.checkpoint import discard_newer, latest_checkpoint, restore, save_checkpoint
from ignm.training.measurement import Measurement, write_measurements
from ignm.training.measuring import measure
from ignm.training.memory import keep_freed_memory
from ignm.training.out_of_memory import DoesNotFitError, begin_peak, is_out_of_memory, let_go
from ignm.training.ownership import Ownership, owned
from ignm.training.parts import largest_part, more_parts
from ignm.training.preparation import open_training_set
from ignm.training.progress import CheckpointEvery, OnProgress, ProgressFile
from ignm.training.samples import save_samples
from ignm.training.trainer import DivergedError, Trainer
from ignm.training.training_set import TrainingSet

EVERY_TEN_MINUTES = CheckpointEvery()
_log = logging.getLogger(__name__)


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
    if weights is not None and not expanded(weights, "init.features_weights").is_file():
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
    *,
    checkpoints: CheckpointEvery = EVERY_TEN_MINUTES,
    on_checkpoint: Callable[[], None] = lambda: None,
    batch_parts: int = 1,
    take_over: bool = False,
    storage_patience: float = patience.SECONDS,
) -> Iterator[Measurement]:
    """Train and yield each measurement as it is made; measurements kept from an earlier run are yielded first.

    Every measurement is on disk, with the checkpoint to continue from, before it is yielded, and `checkpoints` says how
    often one is written in between; `on_checkpoint` is called after each of those. Continuing is bit-exact on one
    device with one number of threads.

    After a lack of memory it goes on from its last checkpoint with each batch in twice as many parts as before, at
    first `batch_parts` (`ignm.training.parts`). With `take_over` another process that may still train there, given up
    for dead, is told to stop; without, it is one too many. Storage that is full or away is waited for,
    `storage_patience` seconds at a time.

    Raises DivergedError when the training is no longer finite; DoesNotFitError when memory does not suffice for the
    smallest parts; LostOwnershipError when another process has taken the trial over; IgnmError when the directory
    belongs to another trial, to other images or to another process, or its storage does not come back.
    """
    if device.type == "cpu":
        keep_freed_memory()
    begun = any(directory.glob("checkpoint-*"))
    (check_config if begun else check_new)(spec.config, dataset)
    with owned(directory, take_over, storage_patience) as ownership:
        check_directory(spec, directory)
        training = _Training(
            spec, dataset, directory, evaluator, device, on_progress, checkpoints, on_checkpoint, ownership, batch_parts
        )
        try:
            yield from training.measurements()
        except (DivergedError, DoesNotFitError):
            # What a process says that has lost the trial is not the trial's end.
            ownership.write(lambda: None, "how it ended")
            raise


def note_copied(copied: dict[str, Copied], directory: Path) -> None:
    """Write down, as `initialisation.json`, what share of each network came from the checkpoint that init names."""
    if copied:
        summary = {
            name: {"copied": each.copied, "total": each.total, "share": each.share, "fresh": list(each.fresh)}
            for name, each in copied.items()
        }
        write_json(directory / "initialisation.json", summary)


@dataclass
class _Training:
    """A trial that this process owns."""

    spec: TrialSpec
    dataset: Dataset
    directory: Path
    evaluator: Evaluator
    device: torch.device
    on_progress: OnProgress
    checkpoints: CheckpointEvery
    on_checkpoint: Callable[[], None]
    ownership: Ownership
    parts: int
    kept: list[Measurement] = field(default_factory=list)
    """Those that the newest checkpoint holds."""
    saved_at: float = 0.0
    """Seconds of training at the newest checkpoint."""

    def measurements(self) -> Iterator[Measurement]:
        """Train to the end, each measurement yielded once, in as few parts as memory allows."""
        done = 0.0
        while True:
            shortage: str | None = None
            try:
                for measurement in self._attempt():
                    if measurement.point > done:
                        done = measurement.point
                        yield measurement
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                shortage = (str(error).splitlines() or [type(error).__name__])[0]
            if shortage is None:
                return
            # Only here is the failed attempt gone, which the error held on to.
            let_go(self.device)
            self._divide(shortage)

    def _divide(self, shortage: str) -> None:
        batch = self.spec.config.optim.batch
        more = more_parts(batch, self.parts)
        if more is None:
            raise DoesNotFitError(
                f"out of memory with {largest_part(batch, self.parts)} images at once, the fewest that a batch of "
                f"{batch} is divided into ({shortage}); make the networks narrower or the images smaller"
            )
        _log.warning(
            "%s: out of memory (%s); on from the last checkpoint with batches of %d in %d parts",
            self.directory, shortage, batch, more,
        )  # fmt: skip
        self.parts = more

    def _attempt(self) -> Iterator[Measurement]:
        begin_peak(self.device)
        self.ownership.write(lambda: sweep(self.directory), "what was left half-written")
        shown = open_training_set(self.spec.config, self.dataset)
        trainer = Trainer(self.spec.config, shown, self.spec.seed, self.device, self.parts)
        self._take_up(trainer, shown)
        yield from self.kept
        probe = Probe(trainer, shown, self.dataset)
        progress = ProgressFile(self.directory / "progress.json", self.ownership.check)

        def note(kimg: float) -> None:
            progress(kimg)
            self.on_progress(kimg)

        done = self.kept[-1].point if self.kept else 0.0
        # By points, not by images seen: a batch larger than the way to the next points must still end at the last one.
        for target in (point for point in self.spec.measure_at if point > done):
            self._advance(trainer, target, shown, note)
            self.kept = [*self.kept, measure(trainer, self.evaluator, probe, target)]
            self._draw(trainer)
            self._save(trainer, shown)
            self._write_measurements()
            yield self.kept[-1]

    def _take_up(self, trainer: Trainer, shown: TrainingSet) -> None:
        """Put the trainer where the newest intact checkpoint was, or where a new trial begins."""
        checkpoint = self.ownership.read(lambda: latest_checkpoint(self.directory), "its checkpoints")
        if checkpoint is not None:
            self.ownership.read(lambda: restore(trainer, checkpoint, shown.fingerprint), checkpoint.path.name)
            self.parts = trainer.batch_parts
        else:
            copied = trainer.initialise()
            self.ownership.write(lambda: note_copied(copied, self.directory), "initialisation.json")
        self.ownership.write(lambda: note_attempt(self.directory, trainer.kimg), "attempts.jsonl")
        self.kept = [] if checkpoint is None else checkpoint.measurements
        self.saved_at = trainer.seconds
        damaged = self.ownership.write(lambda: discard_newer(self.directory, checkpoint), "damaged checkpoints")
        if damaged and checkpoint is None:
            _log.warning("%s: no checkpoint is intact; it starts over", self.directory)
        # Only now: a trial that cannot begin leaves its directory to the one that mends what was wrong.
        spec = self.spec.model_dump(mode="json")
        self.ownership.write(lambda: write_json(self.directory / "trial.json", spec), "trial.json")
        self._write_measurements()

    def _advance(self, trainer: Trainer, target: float, shown: TrainingSet, note: OnProgress) -> None:
        """Train up to a measurement, with the checkpoints that are due on the way."""
        while True:
            pause = self.checkpoints.next_kimg(trainer.kimg)
            left = self.checkpoints.seconds_left(trainer.seconds - self.saved_at)
            trainer.advance(min(target, pause), note, left)
            if trainer.reached(target):
                return
            self._save(trainer, shown)
            self.on_checkpoint()

    def _draw(self, trainer: Trainer) -> None:
        path = self.directory / "samples.png"
        self.ownership.write(lambda: save_samples(trainer.average, path), path.name)

    def _save(self, trainer: Trainer, shown: TrainingSet) -> None:
        own, measurements = self.ownership, self.kept
        own.write(
            lambda: save_checkpoint(trainer, measurements, shown.fingerprint, self.directory, own.check), "a checkpoint"
        )
        self.saved_at = trainer.seconds

    def _write_measurements(self) -> None:
        path = self.directory / "measurements.jsonl"
        self.ownership.write(lambda: write_measurements(path, self.kept), path.name)
