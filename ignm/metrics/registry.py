"""The metrics that can be asked for beside the quality, by name, and what each needs of the real images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ignm.errors import IgnmError
from ignm.metrics.columns import EXTRA
from ignm.metrics.estimate import Estimate
from ignm.metrics.extractors import Extractor
from ignm.metrics.kernel import kernel_distance, self_similarity
from ignm.metrics.manifold import DENSITY_NEIGHBOUR, Balls, manifold_metrics
from ignm.metrics.memorisation import memorisation, nearest_training
from ignm.metrics.pairwise import PAIRS, Likeness, build_lpips, mean_over_pairs, ms_ssim
from ignm.metrics.real import Real
from ignm.metrics.store import Tensors
from ignm.metrics.wasserstein import IMAGES, patch_projections, sliced_wasserstein


@dataclass(frozen=True)
class Generated:
    """Generated images as metrics take them: features (n, D) in the reference's space, and the first uint8 images."""

    rows: Tensor
    images: Tensor


Measure = Callable[[Generated], dict[str, Estimate]]
"""Values under the names of a family's columns."""


@dataclass(frozen=True)
class Family:
    """Metrics that one computation gives.

    `columns` says which columns each metric's name stands for, as `ignm.metrics.columns` describes them; `build`
    prepares the real images once and returns the measure; `images` is how many generated images, not only features, it
    looks at.
    """

    columns: dict[str, tuple[str, ...]]
    build: Callable[[Real], Measure]
    images: int = 0
    least_real: int = 2

    @property
    def of_features(self) -> bool:
        """Whether it looks at features."""
        return any(EXTRA[column].of_features for columns in self.columns.values() for column in columns)


def _kernel(real: Real) -> Measure:
    own = real.prepared("kernel-1", lambda: {"mean": torch.tensor(self_similarity(real.rows), dtype=torch.float64)})
    return lambda generated: {"kd": kernel_distance(generated.rows, real.rows, float(own["mean"]))}


def _manifold(real: Real) -> Measure:
    kept = real.prepared("balls-1", lambda: vars(Balls.around(real.rows)))
    balls = Balls(**kept)
    return lambda generated: manifold_metrics(generated.rows, real.rows, balls)


def _memorisation(real: Real) -> Measure:
    def compare() -> Tensors:
        rows = real.training if real.held_out is None else real.held_out
        return {"distances": nearest_training(rows, real.training, leave_out_self=real.held_out is None)}

    others = 0 if real.held_out is None else len(real.held_out)
    kept = real.prepared(f"nearest-1-{len(real.training)}-{others}", compare)
    return lambda generated: memorisation(nearest_training(generated.rows, real.training), kept["distances"])


def _pairs(name: str, build: Callable[[], Likeness]) -> Callable[[Real], Measure]:
    def prepare(real: Real) -> Measure:
        likeness = build()
        if isinstance(likeness, torch.nn.Module):
            likeness = likeness.to(real.device)

        def measured() -> Tensors:
            return {"estimate": torch.tensor(mean_over_pairs(real.images(2 * PAIRS), likeness), dtype=torch.float64)}

        value, error = real.prepared(f"{name}-1", measured)["estimate"].tolist()
        return lambda generated: {
            name: mean_over_pairs(generated.images, likeness),
            f"{name}_real": Estimate(value, error),
        }

    return prepare


def _sliced(real: Real) -> Measure:
    def measured() -> Tensors:
        levels = patch_projections(real.images(IMAGES))
        return {str(number): level.sort(1).values for number, level in enumerate(levels)}

    kept = real.prepared("patches-2", measured)

    def measure(generated: Generated) -> dict[str, Estimate]:
        levels = patch_projections(generated.images)
        real_sorted = [kept[str(number)] for number in range(len(kept))]
        return {"swd": sliced_wasserstein(levels, real_sorted, len(generated.images))}

    return measure


def _itself(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


FAMILIES: tuple[Family, ...] = (
    Family({"kd": ("kd",), "kid": ("kd",)}, _kernel),
    Family(_itself("precision", "recall", "density", "coverage"), _manifold, least_real=DENSITY_NEIGHBOUR + 1),
    Family({"memorisation": ("nearer", "copies")}, _memorisation),
    Family(
        {"ms_ssim": ("ms_ssim", "ms_ssim_real")},
        _pairs("ms_ssim", lambda: ms_ssim),
        images=2 * PAIRS,
    ),
    Family({"lpips": ("lpips", "lpips_real")}, _pairs("lpips", build_lpips), images=2 * PAIRS),
    Family(_itself("swd"), _sliced, images=IMAGES),
)

METRICS: dict[str, Family] = {name: family for family in FAMILIES for name in family.columns}
"""Every name that `evaluation.metrics` may hold."""


@dataclass(frozen=True)
class Measures:
    """The metrics that were asked for, ready for generated images."""

    parts: list[tuple[dict[str, str], Measure]] = field(default_factory=list)
    """For each family its columns' names in the results, by their names in the family, and its measure."""
    images: int = 0
    """Generated images that any of them looks at."""
    features: bool = False
    """Whether any of them looks at features."""
    pictorial: tuple[str, ...] = ()
    """Those that look at images, and so compare only images of one shape."""
    shape: tuple[int, ...] = ()
    """Of a real image (C, H, W)."""

    @classmethod
    def of(cls, names: Sequence[str], real: Real) -> "Measures":
        """Prepare the metrics of these names, each a key of METRICS; IgnmError for one that cannot be had here."""
        for name in names:
            _check(name, real)
        parts = []
        for family in FAMILIES:
            asked = [name for name in names if name in family.columns]
            if asked:
                found = dict.fromkeys(column for name in asked for column in family.columns[name])
                named = {column: _column(column, real.extractor) for column in found}
                parts.append((named, family.build(real)))
        return cls(
            parts,
            images=max([METRICS[name].images for name in names], default=0),
            features=any(METRICS[name].of_features for name in names),
            pictorial=tuple(name for name in names if METRICS[name].images),
            shape=real.shape,
        )

    def check(self, images: Tensor) -> None:
        """Raise IgnmError where a metric looks at images and these (n, C, H, W) are of another shape than real ones."""
        if self.pictorial and images.shape[1:] != self.shape:
            ours, real = ("x".join(map(str, shape)) for shape in (images.shape[1:], self.shape))
            raise IgnmError(
                f"evaluation.metrics: {', '.join(self.pictorial)} compare images of one shape (channels x height x "
                f"width), and generated ones are {ours}, real ones {real}; measure against the dataset as it is at "
                f"{ours}, or leave {', '.join(self.pictorial)} out"
            )

    def __call__(self, generated: Generated) -> dict[str, Estimate]:
        """Value and standard error by column."""
        found: dict[str, Estimate] = {}
        for names, measure in self.parts:
            values = measure(generated)
            found |= {names[column]: values[column] for column in names}
        return found


def _check(name: str, real: Real) -> None:
    if name == "kid" and real.extractor.metric != "fid":
        raise IgnmError(
            f"evaluation.metrics: kid is the kernel distance of Inception's features, and these are "
            f"{real.extractor.name}'s; ask for kd, whose column is named after its features, or use extractor inception"
        )
    real.require(METRICS[name].least_real, name)


def _column(column: str, extractor: Extractor) -> str:
    """A metric is named after its features, for it is another metric with others; KID's name says them itself."""
    if not EXTRA[column].of_features:
        return column
    return "kid" if (column, extractor.metric) == ("kd", "fid") else f"{column}_{extractor.name}"
