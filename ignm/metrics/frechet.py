"""Moments of features and the Frechet distance between two Gaussians, both in float64."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from ignm.metrics.estimate import Estimate, influence_error

INFLUENCE_ROWS = 2048
"""Most rows over which the standard error is taken: it is then known to a few percent."""


class Moments:
    """Mean and covariance (n-1) of features that arrive in batches; parts computed apart can be merged.

    Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", the pairwise update.
    """

    def __init__(self, dim: int) -> None:
        self.count = 0
        self.mean = torch.zeros(dim, dtype=torch.float64)
        self.scatter = torch.zeros((dim, dim), dtype=torch.float64)

    @classmethod
    def of(cls, batches: Iterable[Tensor], dim: int) -> "Moments":
        """Moments of all rows of all batches, each (n, dim)."""
        moments = cls(dim)
        for features in batches:
            moments.update(features)
        return moments

    def update(self, features: Tensor) -> None:
        """Take in features (n, dim) of any float type; sums stay on their device where it knows float64."""
        rows = features.detach().to("cpu" if features.device.type == "mps" else features.device).double()
        if len(rows) == 0:
            return
        mean = rows.mean(0)
        centred = rows - mean
        self._join(len(rows), mean, centred.T @ centred)

    def merge(self, other: "Moments") -> None:
        """Take in all that `other` has seen; `other` is left as it is."""
        if other.count:
            self._join(other.count, other.mean, other.scatter)

    @property
    def covariance(self) -> Tensor:
        """Unbiased covariance (dim, dim); needs at least two rows."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 rows, got {self.count}")
        return self.scatter / (self.count - 1)

    def _join(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        self.mean, self.scatter = self.mean.to(mean.device), self.scatter.to(mean.device)
        total = self.count + count
        shift = mean - self.mean
        self.scatter = self.scatter + scatter + torch.outer(shift, shift) * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total


def covariance_root(covariance: Tensor) -> Tensor:
    """Return A (D, r) with A A' = `covariance` (D, D, symmetric, positive semi-definite) and r its numerical rank.

    Computed once for a reference: with it a distance costs one `eigvalsh` instead of a general matrix square root.
    """
    values, vectors = torch.linalg.eigh(covariance.double())
    kept = values > _floor(values)
    return vectors[:, kept] * values[kept].sqrt()


def frechet_distance(mean: Tensor, covariance: Tensor, reference_mean: Tensor, reference_root: Tensor) -> float:
    """Squared Frechet distance between N(mean, covariance) and the reference N(reference_mean, A A'), A its root.

    d = |m - m_r|^2 + tr S + tr S_r - 2 sum sqrt eig(A' S A), 0 or more, 0 for equal moments, NaN where not finite.

    Source: Dowson & Landau 1982, "The Frechet distance between multivariate normal distributions".
    """
    product = _product(covariance, reference_root)
    if not _finite(product):
        return math.nan
    values = torch.linalg.eigvalsh(product)
    return _distance(mean - reference_mean, covariance.diagonal().sum(), reference_root, values)


def frechet_distance_of_rows(rows: Tensor, reference_mean: Tensor, reference_root: Tensor) -> float:
    """Equal to `frechet_distance` on the moments of `rows` (n, D), and faster when n < D.

    A' S A and Xc A A' Xc' / (n-1) share their non-zero eigenvalues, and the latter is only n by n.
    """
    shift, centred, gram = _gram(rows, reference_mean, reference_root)
    if not _finite(gram):
        return math.nan
    return _distance(shift, centred.square().sum(), reference_root, torch.linalg.eigvalsh(gram))


def frechet_estimate(
    rows: Tensor, reference_mean: Tensor, reference_root: Tensor, moments: Moments | None = None
) -> Estimate:
    """Distance of `rows` (n, D) from the reference, as `frechet_distance`, with its standard error over the rows.

    `moments` are those of all rows where they are known already; `rows` may then be every k-th of them, if still more
    than D. NaN where they are not finite. The error is the infinitesimal jackknife's: with
    c = x - m and the transport map T = A (A' S A)^(-1/2) A', a row moves the distance by
    2 (m - m_r)' c + c' c - c' T c, and one eigendecomposition serves both numbers. It tells nothing of the bias, which
    falls as 1/n and is the same for all that is compared at one n. ValueError under 2 rows.
    """
    if len(rows) < 2:
        raise ValueError(f"a distance needs at least 2 rows, got {len(rows)}")
    if len(rows) <= rows.shape[1]:
        return _estimate_of_few(rows, reference_mean, reference_root)
    moments = moments or Moments.of(rows.split(INFLUENCE_ROWS), rows.shape[1])
    return _estimate_of_many(rows, moments, reference_mean, reference_root)


def _estimate_of_few(rows: Tensor, reference_mean: Tensor, reference_root: Tensor) -> Estimate:
    shift, centred, gram = _gram(rows.double(), reference_mean, reference_root)
    if not _finite(gram):
        return Estimate(math.nan)
    values, vectors = torch.linalg.eigh(gram)
    distance = _distance(shift, centred.square().sum(), reference_root, values)
    # c' T c of all rows is the diagonal of (Xc A A' Xc')^(1/2), so the transport map itself is not needed.
    transported = vectors.square() @ values.clamp(min=0).sqrt()
    scale = len(rows) - 1
    influence = 2 * scale**0.5 * (centred @ shift) + scale * (centred.square().sum(1) - transported)
    return Estimate(distance, influence_error(influence))


def _estimate_of_many(rows: Tensor, moments: Moments, reference_mean: Tensor, reference_root: Tensor) -> Estimate:
    covariance, shift = moments.covariance, moments.mean - reference_mean
    product = _product(covariance, reference_root)
    if not _finite(product):
        return Estimate(math.nan)
    values, vectors = torch.linalg.eigh(product)
    distance = _distance(shift, covariance.diagonal().sum(), reference_root, values)
    kept = values > _floor(values)
    # An error need not be exact to more than float32, at half the price.
    transport = reference_root.float() @ (vectors[:, kept] * values[kept] ** -0.25).float()
    centred = (rows[:: -(-len(rows) // INFLUENCE_ROWS)] - moments.mean.to(rows.dtype)).float()
    influence = 2 * (centred @ shift.float()) + centred.square().sum(1) - (centred @ transport).square().sum(1)
    return Estimate(distance, influence_error(influence) * (len(centred) / moments.count) ** 0.5)


def _product(covariance: Tensor, reference_root: Tensor) -> Tensor:
    product = reference_root.T @ (covariance @ reference_root)
    return (product + product.T) / 2


def _gram(rows: Tensor, reference_mean: Tensor, reference_root: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mean = rows.mean(0)
    centred = (rows - mean) / (len(rows) - 1) ** 0.5
    projected = centred @ reference_root
    return mean - reference_mean, centred, projected @ projected.T


def _distance(shift: Tensor, trace: Tensor, reference_root: Tensor, values: Tensor) -> float:
    fidelity = values.clamp(min=0).sqrt().sum()
    # Tensor.clamp keeps NaN, of which max(0.0, NaN) makes a perfect score.
    return float((shift @ shift + trace + reference_root.square().sum() - 2 * fidelity).clamp(min=0))


def _finite(matrix: Tensor) -> bool:
    """Whether it has a spectrum: LAPACK raises, or never returns, on what is not finite."""
    return bool(matrix.isfinite().all())


def _floor(values: Tensor) -> Tensor:
    """Eigenvalues below this are rounding errors."""
    return values.abs().max() * len(values) * torch.finfo(torch.float64).eps
