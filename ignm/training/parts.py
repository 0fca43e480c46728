"""A batch that goes through the networks in parts, so that what one pass keeps in memory fits.

Gradients of the parts are added up before an optimiser's step, each weighted by its share of the images. Whatever is a
mean over images therefore stays what it was, to rounding: every adversarial loss (relativistic pairs stay together),
every gradient penalty, LeCam, attention, consistency, reconstruction; so does minibatch standard deviation, whose
groups are kept together where the batch is a multiple of four. Latents, mirrorings, augmentations and the places of
penalties are drawn for the whole batch. What becomes another number than in one pass:

- batch normalisation has the statistics of each part, and moves its running averages once for each;
- spectral normalisation iterates once for each part, so it is nearer to the norm;
- the contrastive embedding compares the images of a part;
- means over known labels are taken within a part, so where labels are missing they weigh a little otherwise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ignm.data.targets import LabelBatch
from ignm.models.head import GROUP

SMALLEST = 4
"""Images in a part: fewer have no batch statistics to speak of."""


@dataclass(frozen=True)
class Part:
    """Some images of a batch."""

    rows: Tensor | None
    """Their numbers in the batch, int64 (n,); None: all of them."""
    share: float
    """Of the batch's images."""

    def of(self, values: Tensor) -> Tensor:
        """The part's rows of values (N, ...)."""
        return values if self.rows is None else values[self.rows]

    def labels(self, batch: LabelBatch) -> LabelBatch:
        """The labels of the part's images."""
        return LabelBatch(self.of(batch.classes), self.of(batch.continuous), self.of(batch.vectors))

    def among(self, values: Tensor, size: int) -> Tensor:
        """Values (size, ...) of the whole batch: these ones (n, ...) in the part's rows, 0 elsewhere."""
        if self.rows is None:
            return values
        return values.new_zeros(size, *values.shape[1:]).index_copy(0, self.rows, values)


def more_parts(batch: int, count: int) -> int | None:
    """Twice as many parts, or None where they would be smaller than SMALLEST."""
    return 2 * count if batch // (2 * count) >= SMALLEST else None


def most_parts(batch: int) -> int:
    """As many parts as doubling comes to."""
    count = 1
    while (more := more_parts(batch, count)) is not None:
        count = more
    return count


def largest_part(batch: int, count: int) -> int:
    """Images in the largest of so many parts."""
    unit = GROUP if batch % GROUP == 0 else 1
    return -(-batch // unit // count) * unit


def parts_of(batch: int, count: int, device: torch.device) -> tuple[Part, ...]:
    """Divide a batch into `count` parts, as equal as groups of images that are compared let them be."""
    if count == 1:
        return (Part(None, 1.0),)
    # Images i, i + N/GROUP, ... of N are compared by minibatch standard deviation.
    groups = GROUP if batch % GROUP == 0 else 1
    numbers = torch.arange(batch, device=device).view(groups, -1)
    pieces = [piece.flatten() for piece in numbers.tensor_split(count, dim=1)]
    return tuple(Part(rows, len(rows) / batch) for rows in pieces)
