"""Each augmentation's leak: the share of generated images that look as if they had been augmented."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ignm.metrics.leak.features import SIDE, Features, tones
from ignm.metrics.leak.imperfections import imperfect
from ignm.metrics.leak.mixture import is_neither, mixture_share

Transform: TypeAlias = Callable[[Tensor, Generator], Tensor]
"""Maps float images (N, C, R, R) in [-1, 1] to augmented ones, drawing from the generator."""

UNCERTAIN = 0.2
"""Standard error beyond which nothing is known."""
MOST_REAL, MOST_GENERATED = 600, 1200
LEAST = 32

_WORKING_SIDE = 32
_FOLDS = 2
_COPIES = 6
_DRAWS = 2
_ONE, _SEVERAL, _EACH = 0.6, 0.2, 0.3
_PLAIN = 0.4
_RIDGE = 0.5
_TONAL = 0.4
_SEED = 0


@dataclass(frozen=True)
class Leak:
    """`share` of the generated images, 0 to 1, with its standard `error`; both NaN where nothing is known."""

    share: float
    error: float


def augmentation_leak(generated: Tensor, real: Tensor, transforms: Mapping[str, Transform]) -> dict[str, float]:
    """Return for each transformation the share of generated images that look transformed in that way.

    0: like the real images; 1: like transformed real ones; NaN: not to be told, as the mirror image of aligned faces.
    `generated` (M, C, R, R) and `real` (N, C, R, R), uint8 of one size, 32 or more of each; a few hundred are enough.
    Deterministic; the global random state is neither used nor changed. ValueError: images of another type or size.
    """
    return {name: leak.share for name, leak in leak_estimates(generated, real, transforms).items()}


def leak_estimates(generated: Tensor, real: Tensor, transforms: Mapping[str, Transform]) -> dict[str, Leak]:
    """As `augmentation_leak`, with standard errors.

    A linear classifier per transformation learns to tell transformed real images from others, both as they are and
    with a weak generator's faults. How its scores are distributed with and without the transformation is measured on
    real images that it has not seen; the share is what explains its scores of the generated ones. Where these look
    neither like the one nor like the other, nothing is known. Faults can still deceive it: generated images that vary
    more in brightness or contrast than real ones may seem to leak these, and distorted faces a change of scale.
    """
    _check(generated, real)
    if not transforms:
        return {}
    generator = torch.Generator().manual_seed(_SEED)
    shown = _working(_some(generated, MOST_GENERATED, generator))
    parts = _working(_some(real, MOST_REAL, generator)).chunk(_FOLDS)
    folds = []
    for number, held_out in enumerate(parts):
        learnt = torch.cat([part for other, part in enumerate(parts) if other != number])
        classify = _train(learnt, list(transforms.values()), generator)
        folds.append(_measure(classify, shown, held_out, list(transforms.values()), generator))
    return {name: _pooled(list(leaks)) for name, leaks in zip(transforms, zip(*folds, strict=True), strict=True)}


def _measure(
    classify: Callable[[Tensor], Tensor],
    shown: Tensor,
    held_out: Tensor,
    transforms: list[Transform],
    generator: Generator,
) -> list[Leak]:
    """The leak of each transformation, by scores that real images `held_out` from the training explain."""
    scores, untouched = classify(shown), classify(held_out)
    shown_tones, untouched_tones = tones(shown), tones(held_out)
    leaks = []
    for place, transform in enumerate(transforms):
        changed = _as_pixels(torch.cat([transform(held_out, generator) for _ in range(_DRAWS)]))
        found = mixture_share(scores[:, place], untouched[:, place], classify(changed)[:, place])
        error = math.sqrt(found.variance_mixture + found.variance_examples / _FOLDS)
        # Scores of tones can be those of an image that is off in another way; those of layout hardly.
        seen = found.value > error
        if seen and is_neither(shown_tones, untouched_tones, tones(changed), _TONAL * found.apart):
            error = math.inf
        leaks.append(Leak(found.value, error))
    return leaks


def _check(generated: Tensor, real: Tensor) -> None:
    for name, images in (("generated", generated), ("real", real)):
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(f"{name}: expected uint8 images (N, 1 or 3, R, R), got {images.dtype} {images.shape}")
        if len(images) < LEAST or min(images.shape[2:]) < SIDE:
            raise ValueError(f"{name}: expected {LEAST} images of {SIDE}x{SIDE} or more, got {tuple(images.shape)}")
    if generated.shape[1:] != real.shape[1:]:
        raise ValueError(f"generated images are {tuple(generated.shape[1:])}, real ones {tuple(real.shape[1:])}")


def _pooled(leaks: list[Leak]) -> Leak:
    """The mean over folds, which share the generated images, so that their errors do not average out."""
    share, error = (sum(values) / len(leaks) for values in zip(*((one.share, one.error) for one in leaks), strict=True))
    return Leak(share, error) if error <= UNCERTAIN else Leak(math.nan, math.nan)


def _some(images: Tensor, most: int, generator: Generator) -> Tensor:
    """Up to `most` images in random order."""
    return images[torch.randperm(len(images), generator=generator)[:most].to(images.device)].cpu()


def _working(images: Tensor) -> Tensor:
    """Float images in [-1, 1] of side 32 or less: augmentations are as large there, and their traces."""
    values = images.float() / 127.5 - 1
    return F.adaptive_avg_pool2d(values, _WORKING_SIDE) if min(values.shape[2:]) > _WORKING_SIDE else values


def _as_pixels(images: Tensor) -> Tensor:
    """What becomes of the values in a generator's output: they are cut off and rounded."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def _train(real: Tensor, transforms: list[Transform], generator: Generator) -> Callable[[Tensor], Tensor]:
    """Return scores (N, K) of images, one column a transformation, by ridge regression on what was applied.

    In two classes that is Fisher's linear discriminant; one solution serves all transformations.
    """
    examples = [_example(real, transforms, generator) for _ in range(_COPIES)]
    images, applied = (torch.cat(part) for part in zip(*examples, strict=True))
    features = Features(images)
    design = features(images)
    mean = design.mean(0)
    centred = (design - mean).double()
    targets = applied.double() - applied.double().mean(0)
    gram = centred.T @ centred / len(centred) + _RIDGE * torch.eye(centred.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, centred.T @ targets / len(centred)).float()
    return lambda others: (features(others) - mean) @ weights


def _example(real: Tensor, transforms: list[Transform], generator: Generator) -> tuple[Tensor, Tensor]:
    """Real images with no, one or several transformations and, mostly, imperfections; and which were applied (N, K).

    Other transformations are among the images without the one in question, so that it alone is looked for.
    """
    count, kinds = len(real), len(transforms)
    plan = torch.rand(count, generator=generator)
    one = F.one_hot(torch.randint(kinds, (count,), generator=generator), kinds).bool()
    several = torch.rand(count, kinds, generator=generator) < _EACH
    applied = (one & (plan < _ONE)[:, None]) | (several & (plan > 1 - _SEVERAL)[:, None])
    images = real
    for place, transform in enumerate(transforms):
        rows = applied[:, place].nonzero()[:, 0]
        if len(rows):
            images = images.index_copy(0, rows, _as_pixels(transform(images[rows], generator)))
    spoilt = (torch.rand(count, generator=generator) > _PLAIN).nonzero()[:, 0]
    return _as_pixels(images.index_copy(0, spoilt, imperfect(images[spoilt], generator))), applied
