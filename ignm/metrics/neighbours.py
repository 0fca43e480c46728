"""Distances between two sets of features, a bounded chunk at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

CHUNK_ELEMENTS = 2**22
"""Numbers in one chunk of a distance matrix: it stays near the core's cache, and memory is bounded for any count."""


def check_rows(one: Tensor, other: Tensor, least: int = 1) -> None:
    """Raise ValueError unless both are feature rows (n, D) of one width, with `least` rows or more each."""
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1]:
        raise ValueError(f"expected features (n, D) and (m, D), got {tuple(one.shape)} and {tuple(other.shape)}")
    if min(len(one), len(other)) < least:
        raise ValueError(f"expected at least {least} rows in each set, got {len(one)} and {len(other)}")


def chunks(rows: Tensor, width: int) -> Iterator[Tensor]:
    """Parts of `rows` whose distances to `width` others fit the bound."""
    yield from rows.split(max(1, CHUNK_ELEMENTS // max(1, width)))


def squared_distances(rows: Tensor, others: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield (start, squared Euclidean distances (c, m)) of consecutive rows (n, D) to all `others` (m, D).

    In the rows' own float type: centre float32 features first, for the product form loses what the mean adds.
    """
    norms = others.square().sum(1)
    start = 0
    for part in chunks(rows, len(others)):
        distances = torch.addmm(norms, part, others.T, alpha=-2).add_(part.square().sum(1, keepdim=True))
        yield start, distances.clamp_(min=0)
        start += len(part)


def radii(rows: Tensor, neighbour: int) -> Tensor:
    """Squared distance (n,) of each row (n, D) to its `neighbour`-th nearest other row."""
    check_rows(rows, rows)
    if len(rows) <= neighbour:
        raise ValueError(f"the distance to neighbour {neighbour} needs more than {neighbour} rows, got {len(rows)}")
    found = []
    for start, distances in squared_distances(rows, rows):
        own = torch.arange(len(distances), device=rows.device)
        # Rounding can put a row a little away from itself, behind a copy of it.
        distances[own, own + start] = -1
        found.append(distances.topk(neighbour + 1, largest=False).values[:, -1])
    return torch.cat(found)
