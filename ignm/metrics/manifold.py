"""Precision, recall, density, coverage: which images lie in the balls that the others' neighbours span."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ignm.metrics.estimate import Estimate, jackknife_error, mean_of
from ignm.metrics.neighbours import check_rows, radii, squared_distances

PRECISION_NEIGHBOUR = 3
"""Kynkaanniemi et al. 2019, section 2."""
DENSITY_NEIGHBOUR = 5
"""Naeem et al. 2020, section 3.3."""


@dataclass(frozen=True)
class Balls:
    """Squared radii (m,) of the real images' balls, for precision and for density."""

    precision: Tensor
    density: Tensor

    @classmethod
    def around(cls, real: Tensor, precision: int = PRECISION_NEIGHBOUR, density: int = DENSITY_NEIGHBOUR) -> "Balls":
        """Balls around real features (m, D), each reaching to a neighbour; ValueError with too few rows."""
        return cls(radii(real, precision), radii(real, density))


def manifold_metrics(
    rows: Tensor,
    real: Tensor,
    balls: Balls | None = None,
    *,
    precision: int = PRECISION_NEIGHBOUR,
    density: int = DENSITY_NEIGHBOUR,
) -> dict[str, Estimate]:
    """Precision, recall, density and coverage of features (n, D) against real ones (m, D), in one pass over distances.

    precision: share of generated images in a real image's ball; recall: share of real images in a generated image's
    ball; both reach to neighbour `precision`. density: mean number of real balls that a generated image is in, over
    `density`, their neighbour (0 or more); coverage: share of real balls with a generated image in them. The errors
    are over generated images, by the jackknife for recall and coverage, generated balls held as they are.
    ValueError on shapes that do not fit or too few rows.

    Source: Kynkaanniemi et al. 2019, "Improved precision and recall metric"; Naeem et al. 2020, "Reliable fidelity and
    diversity metrics".
    """
    check_rows(rows, real, least=max(precision, density) + 1)
    balls = balls or Balls.around(real, precision, density)
    own = radii(rows, precision)
    inside, depth = [], []
    recalled, covered = _Cover(len(real), rows.device), _Cover(len(real), rows.device)
    for start, distances in squared_distances(rows, real):
        inside.append((distances <= balls.precision).any(1))
        within = distances < balls.density
        depth.append(within.sum(1))
        covered.add(start, within)
        recalled.add(start, distances <= own[start : start + len(distances), None])
    return {
        "precision": mean_of(torch.cat(inside)),
        "recall": recalled.estimate(len(rows)),
        "density": mean_of(torch.cat(depth) / density),
        "coverage": covered.estimate(len(rows)),
    }


class _Cover:
    """Which real images are covered by generated ones, and by how many."""

    def __init__(self, count: int, device: torch.device) -> None:
        self.times = torch.zeros(count, dtype=torch.long, device=device)
        self.last = torch.zeros(count, dtype=torch.long, device=device)

    def add(self, start: int, covering: Tensor) -> None:
        """Take in rows `start` and on: covering (c, m), bool."""
        self.times += covering.sum(0)
        hit, place = covering.max(0)
        self.last = torch.where(hit, place + start, self.last)

    def estimate(self, rows: int) -> Estimate:
        """Share of real images covered; leaving a row out uncovers those that it alone covers."""
        alone = torch.bincount(self.last[self.times == 1], minlength=rows)
        share = float((self.times > 0).double().mean())
        return Estimate(share, jackknife_error(alone.double() / len(self.times)))
