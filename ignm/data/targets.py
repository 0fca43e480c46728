"""The labels that a config learns: chosen attributes of a dataset, standardised, as vectors and batches."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ignm.config import Config, nearest
from ignm.data.cache import Dataset
from ignm.data.labels import MISSING_CLASS
from ignm.errors import IgnmError


@dataclass(frozen=True)
class LabelBatch:
    """Labels of n images: `classes` (n, A), -1 = missing; `continuous` (n, K), NaN = missing; `vectors` (n, L)."""

    classes: Tensor
    continuous: Tensor
    vectors: Tensor


@dataclass(frozen=True, eq=False)
class Targets:
    """The chosen labels of N images; `continuous` has mean 0 and standard deviation 1 over the dataset."""

    classes: npt.NDArray[np.int64]
    continuous: npt.NDArray[np.float32]
    counts: tuple[int, ...]
    """Number of classes of each class attribute."""

    @classmethod
    def none(cls, count: int) -> "Targets":
        """The targets of `count` images where nothing is learnt from labels."""
        return cls(np.zeros((count, 0), np.int64), np.zeros((count, 0), np.float32), ())

    def __len__(self) -> int:
        return len(self.classes)

    def rows(self, indices: npt.NDArray[np.int64]) -> "Targets":
        """Return the labels of the images at these indices; -1 stands for an image about which nothing is known."""
        unknown = indices[:, None] < 0
        classes = np.where(unknown, MISSING_CLASS, self.classes[indices])
        return Targets(classes, np.where(unknown, np.float32(np.nan), self.continuous[indices]), self.counts)

    def followed_by(self, other: "Targets") -> "Targets":
        """Return these labels with those of further images of the same dataset after them."""
        classes = np.concatenate([self.classes, other.classes])
        return Targets(classes, np.concatenate([self.continuous, other.continuous]), self.counts)

    def batch(self, indices: npt.NDArray[np.int64], device: torch.device) -> LabelBatch:
        """Return the labels of the images at these indices, on a device; missing ones are 0 in their vector."""
        classes = torch.from_numpy(self.classes[indices])
        continuous = torch.from_numpy(self.continuous[indices])
        # One-hot with one more class for the missing, which is cut off.
        parts = [
            torch.nn.functional.one_hot(column.where(column >= 0, count), count + 1)[:, :count].float()
            for column, count in zip(classes.unbind(1), self.counts, strict=True)
        ]
        vectors = torch.cat([*parts, continuous.nan_to_num(0.0)], dim=1)
        return LabelBatch(classes.to(device), continuous.to(device), vectors.to(device))


def targets_of(config: Config, dataset: Dataset) -> Targets:
    """Return what `config` learns of a dataset's labels; raise IgnmError where it asks for ones that are not there."""
    if not config.uses_labels:
        return Targets.none(len(dataset.images))
    class_names, continuous_names = _chosen(config, dataset)
    columns = list(dataset.class_names)
    classes = np.asarray(dataset.classes)[:, [columns.index(name) for name in class_names]]
    places = [dataset.continuous_names.index(name) for name in continuous_names]
    continuous = np.asarray(dataset.continuous)[:, places]
    counts = tuple(len(dataset.class_names[name]) for name in class_names)
    targets = Targets(classes, _standardised(continuous), counts)
    _check(config, dataset, targets)
    return targets


def _chosen(config: Config, dataset: Dataset) -> tuple[list[str], list[str]]:
    wanted = config.data.labels
    known = [*dataset.class_names, *dataset.continuous_names]
    for name in wanted or ():
        if name not in known:
            there = ", ".join(known) or "none"
            raise IgnmError(
                f"data.labels: {dataset.name} has no label '{name}'{nearest(name, known)}; its labels: {there}"
            )
    classes = [name for name in dataset.class_names if wanted is None or name in wanted]
    return classes, [name for name in dataset.continuous_names if wanted is None or name in wanted]


def _standardised(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0, dtype=np.float64) / counts
    variance = np.square(np.where(known, values - mean, 0)).sum(axis=0, dtype=np.float64) / counts
    # A label that is the same everywhere says nothing; it stays 0.
    scale = np.where(variance > 0, np.sqrt(variance), 1.0)
    return ((values - mean) / scale).astype(np.float32)


def _check(config: Config, dataset: Dataset, targets: Targets) -> None:
    has_classes = bool((targets.classes != MISSING_CLASS).any())
    has_continuous = bool((~np.isnan(targets.continuous)).any())
    where = f"{dataset.name} at {dataset.resolution}"
    if config.loss.classification > 0 and not has_classes:
        raise IgnmError(
            f"loss.classification: {where} has no class labels to learn; set it to 0, or import a labels.csv"
        )
    if config.loss.regression > 0 and not has_continuous:
        raise IgnmError(
            f"loss.regression: {where} has no continuous labels to learn; set it to 0, or import a labels.csv with a "
            "numeric column"
        )
    if config.generator.condition is not None and not (has_classes or has_continuous):
        raise IgnmError(f"generator.condition: {where} has no labels; set it to null, or import a labels.csv")
