"""Whether generated images are copies: how near each is to a training image, against how near new real images are.

The training images are the dataset's own. A trial that was shown others, by `data.degrade` or `data.synthetic`, can
copy what it was shown without being told here.
"""

import torch
from torch import Tensor

from ignm.metrics.estimate import Estimate, mean_of
from ignm.metrics.neighbours import check_rows, squared_distances

NEAR_SHARE = 0.01
"""An image is called a copy where it is nearer to training than this share of real images is."""


def nearest_training(rows: Tensor, training: Tensor, *, leave_out_self: bool = False) -> Tensor:
    """Distance (n,) of each row (n, D) to the nearest of `training` (m, D).

    With `leave_out_self` the rows are the training rows, and none counts as its own neighbour. The winner's distance
    is taken anew from the difference, so that a copy's is 0 and not a rounding error. ValueError on other shapes.
    """
    check_rows(rows, training, least=2 if leave_out_self else 1)
    found = []
    for start, distances in squared_distances(rows, training):
        if leave_out_self:
            own = torch.arange(len(distances), device=rows.device)
            distances[own, own + start] = torch.inf
        nearest = training[distances.argmin(1)]
        found.append((rows[start : start + len(distances)] - nearest).norm(dim=1))
    return torch.cat(found)


def memorisation(generated: Tensor, comparison: Tensor) -> dict[str, Estimate]:
    """Compare distances to training (n,) of generated images with those (m,) of real images that were not trained on.

    nearer: chance that a generated image lies nearer to training than a real one does, ties half: 0.5 as new faces do,
    1 all copies, under 0.5 the images are unlike any face. copies: share of generated images nearer to training than
    the nearest 1 % of real ones; 0.01 is what new faces give. ValueError where a set is empty.

    Source: Meehan et al. 2020, "A three sample test to detect data copying", the global statistic as a probability.
    """
    if not len(generated) or not len(comparison):
        raise ValueError(f"expected distances of both sets, got {len(generated)} and {len(comparison)}")
    ordered = comparison.sort().values
    generated = generated.to(ordered.dtype)
    below = torch.searchsorted(ordered, generated)
    upto = torch.searchsorted(ordered, generated, right=True)
    nearer = 1 - (below + upto) / (2 * len(ordered))
    return {
        "nearer": mean_of(nearer),
        "copies": mean_of(generated < ordered[int(NEAR_SHARE * len(ordered))]),
    }
