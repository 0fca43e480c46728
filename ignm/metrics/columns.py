"""What the columns of a measurement are called, and which way is better; without torch, so that reports can read it.

A metric's own column is here as its family in `ignm.metrics.registry` calls it; one of features carries in the results
the name of its extractor, as `precision_scatter`, and one's standard error ends in `_error`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

ERROR = "_error"


@dataclass(frozen=True)
class Column:
    """A number of a measurement.

    better: None where neither lower nor higher alone is; target: the value, or the column of the value, that real
    images have, where the nearest to it is the best; of_features: whether it is another number with other features.
    """

    title: str
    better: Literal["lower", "higher"] | None = None
    target: float | str | None = None
    unit: str = ""
    of_features: bool = False


ALWAYS: Mapping[str, Column] = {
    "quality": Column("quality", "lower"),
    # Above the real images' 1, more is not better: where that matters, the distance to the target tells.
    "diversity": Column("diversity", "higher", target=1.0),
    "stability": Column("stability", "lower"),
    "seconds": Column("seconds of training", "lower", unit="s"),
    "images_per_second": Column("images per second", "higher", unit="1/s"),
}
"""What every measurement has."""

EXTRA: Mapping[str, Column] = {
    "kd": Column("kernel distance", "lower", of_features=True),
    "kid": Column("kernel Inception distance", "lower"),
    "precision": Column("precision", "higher", of_features=True),
    "recall": Column("recall", "higher", of_features=True),
    "density": Column("density", target=1.0, of_features=True),
    "coverage": Column("coverage", "higher", of_features=True),
    "nearer": Column("chance to be nearer to training than a real new image", target=0.5, of_features=True),
    "copies": Column("share of copies", target=0.01, of_features=True),
    "ms_ssim": Column("likeness of pairs (MS-SSIM)", target="ms_ssim_real"),
    "ms_ssim_real": Column("likeness of pairs of real images (MS-SSIM)"),
    "lpips": Column("perceptual distance of pairs (LPIPS)", target="lpips_real"),
    "lpips_real": Column("perceptual distance of pairs of real images (LPIPS)"),
    "swd": Column("sliced Wasserstein distance", "lower"),
}
"""What `evaluation.metrics` asks for, by its name in its family."""


def column_called(name: str) -> Column | None:
    """Return a column by its name in the results, the features in its title; None for what is no metric."""
    known = ALWAYS.get(name) or EXTRA.get(name)
    if known is not None and not known.of_features:
        return known
    if name.endswith(ERROR):
        return None
    for base, column in EXTRA.items():
        features = name.removeprefix(f"{base}_")
        if column.of_features and features not in (name, ""):
            return replace(column, title=f"{column.title} ({features})")
    return None


def extra_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of a table's columns that hold a metric that was asked for, in their order."""
    return tuple(name for name in names if name not in ALWAYS and column_called(name) is not None)
