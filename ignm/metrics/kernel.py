"""Kernel distance: the squared maximum mean discrepancy of features under a cubic kernel (KID, of Inception's)."""

import math

import numpy as np
import torch
from torch import Tensor

from ignm.metrics.estimate import Estimate, jackknife_error
from ignm.metrics.neighbours import check_rows, chunks

DEGREE = 3
SUBSETS, SUBSET_SIZE, SUBSET_SEED = 100, 1000, 2020


def kernel_distance(rows: Tensor, real: Tensor, real_mean: float | None = None) -> Estimate:
    """Unbiased squared MMD of `rows` (n, D) from `real` (m, D), over all pairs, with its delete-one jackknife error.

    0 in expectation for equal distributions, and then as often below as above; `real_mean` is `self_similarity(real)`
    where that is known already. The error is exact for the jackknife: leaving one row out only takes its sums away.
    Raises ValueError on shapes that do not fit or under 2 rows.

    Source: Binkowski et al. 2018, "Demystifying MMD GANs", section 4; Gretton et al. 2012, lemma 6.
    """
    check_rows(rows, real, least=2)
    if real_mean is None:
        real_mean = self_similarity(real)
    n, m = len(rows), len(real)
    own, cross = _sums(rows, rows) - _self_kernel(rows), _sums(rows, real)
    own_total, cross_total = own.sum(), cross.sum()
    value = own_total / (n * (n - 1)) - 2 * cross_total / (n * m) + real_mean
    error = math.nan
    if n > 2:
        without = (own_total - 2 * own) / ((n - 1) * (n - 2)) - 2 * (cross_total - cross) / ((n - 1) * m)
        error = jackknife_error(without)
    return Estimate(float(value), error)


def self_similarity(rows: Tensor) -> float:
    """Mean kernel of two different rows of (n, D)."""
    check_rows(rows, rows, least=2)
    total = (_sums(rows, rows) - _self_kernel(rows)).sum()
    return float(total / (len(rows) * (len(rows) - 1)))


def kernel_distance_of_subsets(
    rows: Tensor, real: Tensor, subsets: int = SUBSETS, size: int = SUBSET_SIZE, seed: int = SUBSET_SEED
) -> tuple[float, float]:
    """Mean and standard deviation of the distance over random subsets, the form in which KID was published.

    The deviation is that of a subset's value and no standard error: subsets overlap. The draw is torch-fidelity's, so
    that equal features give its number. ValueError where a set has fewer than `size` rows.
    """
    check_rows(rows, real, least=size)
    draw = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        ours = torch.from_numpy(draw.choice(len(rows), size, replace=False)).to(rows.device)
        theirs = torch.from_numpy(draw.choice(len(real), size, replace=False)).to(real.device)
        values.append(kernel_distance(rows[ours], real[theirs]).value)
    return float(np.mean(values)), float(np.std(values))


def _sums(one: Tensor, other: Tensor) -> Tensor:
    """Sum of the kernel (n,), float64, of each row of `one` with all of `other`."""
    sums = []
    for part in chunks(one, len(other)):
        base = torch.addmm(one.new_ones(()), part, other.T, alpha=1 / one.shape[1])
        sums.append((base * base).mul_(base).sum(1, dtype=torch.float64))
    return torch.cat(sums)


def _self_kernel(rows: Tensor) -> Tensor:
    return (rows.square().sum(1).double() / rows.shape[1] + 1) ** DEGREE
