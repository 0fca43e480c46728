"""Moments of features and the Frechet distance between two Gaussians, both in float64."""

from collections.abc import Iterable

import torch
from torch import Tensor


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
    floor = values.abs().max() * len(values) * torch.finfo(torch.float64).eps
    kept = values > floor
    return vectors[:, kept] * values[kept].sqrt()


def frechet_distance(mean: Tensor, covariance: Tensor, reference_mean: Tensor, reference_root: Tensor) -> float:
    """Squared Frechet distance between N(mean, covariance) and the reference N(reference_mean, A A'), A its root.

    d = |m - m_r|^2 + tr S + tr S_r - 2 sum sqrt eig(A' S A), 0 or more, 0 for equal moments.

    Source: Dowson & Landau 1982, "The Frechet distance between multivariate normal distributions".
    """
    product = reference_root.T @ covariance @ reference_root
    return _distance(mean - reference_mean, covariance.diagonal().sum(), reference_root, product)


def frechet_distance_of_rows(rows: Tensor, reference_mean: Tensor, reference_root: Tensor) -> float:
    """Equal to `frechet_distance` on the moments of `rows` (n, D), and faster when n < D.

    A' S A and Xc A A' Xc' / (n-1) share their non-zero eigenvalues, and the latter is only n by n.
    """
    mean = rows.mean(0)
    centred = (rows - mean) / (len(rows) - 1) ** 0.5
    projected = centred @ reference_root
    return _distance(mean - reference_mean, centred.square().sum(), reference_root, projected @ projected.T)


def _distance(shift: Tensor, trace: Tensor, reference_root: Tensor, product: Tensor) -> float:
    fidelity = torch.linalg.eigvalsh((product + product.T) / 2).clamp(min=0).sqrt().sum()
    return max(0.0, float(shift @ shift + trace + reference_root.square().sum() - 2 * fidelity))
