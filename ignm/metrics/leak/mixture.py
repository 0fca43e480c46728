"""The share of one population in a mixture of two, from scores of the mixture and of examples of both."""

from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 10
_STEPS = 400


@dataclass(frozen=True)
class Share:
    """An estimate in [0, 1], and its variance because of the mixture's and because of the examples' finite number.

    Both variances are infinite where the scores do not tell the populations apart.
    """

    value: float
    variance_mixture: float
    variance_examples: float


def mixture_share(mixture: Tensor, absent: Tensor, present: Tensor) -> Share:
    """Estimate the share of `present` in a mixture with `absent`, given scores (N,) of the three.

    The adjusted count (Forman 2008: share = (rate - fpr) / (tpr - fpr)) at nine thresholds at once instead of one:
    scores are counted in ten bins, and the share is the most likely one given the two populations' counts.
    """
    edges = torch.quantile(torch.cat([absent, present]), torch.linspace(0, 1, BINS + 1)[1:-1])
    found, without, with_it = (_density(scores, edges) for scores in (mixture, absent, present))
    shares = torch.linspace(0, 1, _STEPS + 1, dtype=torch.float64)[:, None]
    likelihood = (found * torch.log((1 - shares) * without + shares * with_it)).sum(1)
    share = float(shares[likelihood.argmax(), 0])
    expected = (1 - share) * without + share * with_it
    contrast = (with_it - without) / expected
    information = (contrast.square() * expected).sum()
    # Two finite samples of one population differ too.
    spurious = ((without / len(absent) + with_it / len(present)) / expected).sum()
    if information <= spurious:
        return Share(share, float("inf"), float("inf"))
    scale = 1 / (information * (information - spurious))
    uncertain = (1 - share) ** 2 * without / len(absent) + share**2 * with_it / len(present)
    return Share(share, float(scale * information / len(mixture)), float(scale * (contrast.square() * uncertain).sum()))


def _density(scores: Tensor, edges: Tensor) -> Tensor:
    """Share of the scores in each bin (10,), none of them 0."""
    counts = torch.bincount(torch.bucketize(scores.contiguous(), edges), minlength=BINS).double() + 0.5
    return counts / counts.sum()
