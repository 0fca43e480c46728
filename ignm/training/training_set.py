"""What a trial is shown: the real images as the config keeps and degrades them, and the synthetic pool beside them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ignm.data.targets import Targets


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """N real images, then P synthetic ones, under one numbering; `targets` has the labels of all N + P.

    `images` uint8 (.., R, R, C) holds the real ones, of which `rows` int64 (N,) are used; `pool` uint8 (P, R, R, C).
    Both are memory-mapped and read, never copied. `fraction` is the share of synthetic images among those shown.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    targets: Targets
    fingerprint: str
    pool: npt.NDArray[np.uint8]
    fraction: float = 0.0

    @classmethod
    def of(cls, images: npt.NDArray[np.uint8], targets: Targets | None = None) -> "TrainingSet":
        """Images as they are, (N, R, R, C), with nothing beside them and no fingerprint."""
        targets = Targets.none(len(images)) if targets is None else targets
        return cls(images, np.arange(len(images)), targets, "", images[:0])

    @property
    def real(self) -> int:
        """N."""
        return len(self.rows)

    def __len__(self) -> int:
        return len(self.rows) + len(self.pool)

    def pixels(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the images of these numbers, (n, R, R, C)."""
        synthetic = numbers >= self.real
        if not synthetic.any():
            return self.images[self.rows[numbers]]
        chosen = np.empty((len(numbers), *self.images.shape[1:]), np.uint8)
        chosen[~synthetic] = self.images[self.rows[numbers[~synthetic]]]
        chosen[synthetic] = self.pool[numbers[synthetic] - self.real]
        return chosen
