"""TensorBoard: scalars, samples and hyperparameters of each trial, under `tensorboard/` of the study.

What is there already is read back before anything is written, so that a study that goes on shows no point twice.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard.summary import hparams
from torch.utils.tensorboard.writer import SummaryWriter

from search.study.folder import Status, StudyFolder, Trial
from search.tracking.tracker import parameters, scalars, step_of

FOLDER = "tensorboard"
_SAMPLES = "samples"
_ALL = 0
"""TensorBoard's word for: keep every event."""


class TensorBoard:
    """Writes event files, one folder for each trial."""

    def __init__(self, folder: StudyFolder, wanted: bool) -> None:
        """Write under the study's own folder."""
        self._root = folder.path / FOLDER
        self._written: dict[str, set[tuple[str, int]]] = {}
        self._writers: dict[str, SummaryWriter] = {}

    def show(self, trial: Trial) -> None:
        """Write the measurements that are not there yet, and the samples of the last one."""
        measured = trial.measurements()
        if not measured:
            return
        path = self._root / trial.name
        written = self._written.setdefault(trial.name, _written(path))
        points = [(name, step_of(each), value) for each in measured for name, value in scalars(each).items()]
        new = [point for point in points if point[:2] not in written]
        pictured = (_SAMPLES, step_of(measured[-1]))
        if new or pictured not in written:
            writer = self._writer(trial, new_run=not written)
            for name, step, value in new:
                writer.add_scalar(name, value, step)
                written.add((name, step))
            with Image.open(trial.path / "samples.png") as picture:
                writer.add_image(_SAMPLES, np.asarray(picture.convert("RGB")), pictured[1], dataformats="HWC")
            written.add(pictured)
            writer.flush()
        if trial.status() is not Status.RUNNING:
            self._let_go(trial.name)

    def close(self) -> None:
        """Close what is open."""
        for name in list(self._written):
            self._let_go(name)

    def _writer(self, trial: Trial, new_run: bool) -> SummaryWriter:
        if trial.name not in self._writers:
            writer = SummaryWriter(str(self._root / trial.name))
            self._writers[trial.name] = writer
            if new_run:
                for summary in hparams(parameters(trial), {"quality": 0.0}):
                    writer._get_file_writer().add_summary(summary)
        return self._writers[trial.name]

    def _let_go(self, name: str) -> None:
        self._written.pop(name, None)
        if name in self._writers:
            self._writers.pop(name).close()


def _written(path: Path) -> set[tuple[str, int]]:
    """Names and steps that the event files of a folder hold; one torn by a kill is read as far as it goes."""
    if not any(path.glob("events.out.tfevents.*")):
        return set()
    events = EventAccumulator(str(path), size_guidance={"scalars": _ALL, "images": _ALL, "tensors": _ALL})
    events.Reload()
    tags = events.Tags()
    found = {(name, event.step) for name in tags["scalars"] for event in events.Scalars(name)}
    return found | {(name, event.step) for name in tags["images"] for event in events.Images(name)}
