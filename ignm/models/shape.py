"""What a dataset makes of the networks: image channels, and how many labels there are to learn."""

from dataclasses import dataclass


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
