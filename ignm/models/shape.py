"""What a dataset makes of the networks: image channels, and how many labels there are to learn."""

from dataclasses import dataclass

from ignm.config import Config
from ignm.data.cache import Dataset
from ignm.data.targets import Targets, targets_of


@dataclass(frozen=True)
class DataShape:
    """Image channels, the number of classes of each class attribute, and the number of continuous labels."""

    channels: int
    classes: tuple[int, ...] = ()
    continuous: int = 0

    @property
    def labels(self) -> int:
        """Length of an image's label vector: one-hot classes, then continuous labels."""
        return sum(self.classes) + self.continuous

    @classmethod
    def of(cls, channels: int, targets: Targets) -> "DataShape":
        """The shape of images of so many channels with these labels to learn."""
        return cls(channels, targets.counts, targets.continuous.shape[1])


def shape_of(config: Config, dataset: Dataset) -> DataShape:
    """Return the shape that a dataset has for a config; IgnmError where it asks for labels that are not there."""
    return DataShape.of(dataset.channels, targets_of(config, dataset))
