"""The share of one population in a mixture of two, from numbers that describe the mixture and examples of both."""

from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 10
_SHARES = torch.linspace(0, 1, 401, dtype=torch.float64)[:, None]


@dataclass(frozen=True)
class Share:
    """An estimate in [0, 1], and its variance because of the mixture's and because of the examples' finite number.

    Both variances are infinite where the numbers do not tell the populations apart; `apart` is how far they do, the
    total variation between the two, 0 to 1.
    """

    value: float
    apart: float
    variance_mixture: float
    variance_examples: float


def mixture_share(mixture: Tensor, absent: Tensor, present: Tensor) -> Share:
    """Estimate the share of `present` in a mixture with `absent`, given one score (N,) of each of their members.

    The adjusted count (Forman 2008: share = (rate - fpr) / (tpr - fpr)) at nine thresholds at once instead of one:
    scores are counted in ten bins, and the share is the most likely one given the two populations' counts, corrected
    for what these counts, of few examples, differ by chance.
    """
    found, without, with_it = (densities[0] for densities in _densities(mixture, absent, present))
    share, apart = _likeliest(found, without, with_it), float(_distance(without, with_it))
    expected = (1 - share) * without + share * with_it
    contrast = (with_it - without) / expected
    information = (contrast.square() * expected).sum()
    # Two finite samples of one population differ too: that draws the share towards the middle.
    spurious_without = (without / expected).sum() / len(absent)
    true = information - spurious_without - (with_it / expected).sum() / len(present)
    if true <= 0:
        return Share(share, apart, float("inf"), float("inf"))
    corrected = float((share * information - spurious_without) / true)
    uncertain = (1 - share) ** 2 * without / len(absent) + share**2 * with_it / len(present)
    of_examples = (contrast.square() * uncertain).sum() / true.square()
    of_mixture = information / len(mixture) / true.square()
    return Share(min(max(corrected, 0.0), 1.0), apart, float(of_mixture), float(of_examples))


def is_neither(mixture: Tensor, absent: Tensor, present: Tensor, least: float) -> bool:
    """Whether what is called a mixture is none of the two populations, given numbers (N, S) of their members.

    Of the S, the one counts that tells the populations best apart: the mixture must not be further from all mixtures
    of them than they are from one another. Where they are not `least` apart in it (total variation over ten bins),
    it has no say.
    """
    found, without, with_it = _densities(mixture, absent, present)
    apart = _distance(without, with_it)
    column = int(apart.argmax())
    found, without, with_it = found[column], without[column], with_it[column]
    share = _likeliest(found, without, with_it)
    off = _distance(found, (1 - share) * without + share * with_it)
    return bool(off > apart[column] >= least)


def _likeliest(found: Tensor, without: Tensor, with_it: Tensor) -> float:
    likelihood = (found * torch.log((1 - _SHARES) * without + _SHARES * with_it)).sum(1)
    return float(_SHARES[likelihood.argmax(), 0])


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return 0.5 * (one - other).abs().sum(-1)


def _densities(mixture: Tensor, absent: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shares (S, 10) of each in bins that hold as many of the examples; values (N,) or (N, S)."""
    columns = [values.reshape(len(values), -1).T.contiguous() for values in (mixture, absent, present)]
    levels = torch.linspace(0, 1, BINS + 1)[1:-1]
    edges = torch.quantile(torch.cat(columns[1:], dim=1), levels, dim=1).T.contiguous()
    found, without, with_it = (_density(values, edges) for values in columns)
    return found, without, with_it


def _density(values: Tensor, edges: Tensor) -> Tensor:
    """Share of the values (S, N) in each bin (S, 10), none of them 0."""
    counts = torch.full((len(values), BINS), 0.5, dtype=torch.float64)
    bins = torch.searchsorted(edges, values)
    counts.scatter_add_(1, bins, torch.ones(bins.shape, dtype=torch.float64))
    return counts / counts.sum(1, keepdim=True)
