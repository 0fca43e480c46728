"""A measured value together with how far another draw of the generated images could move it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """A value and its standard error over generated images, the reference held fixed; NaN where it is not known."""

    value: float
    error: float = math.nan


def mean_of(each: Tensor) -> Estimate:
    """Mean of one number an image (n,), with its standard error."""
    each = each.double()
    error = float(each.std() / len(each) ** 0.5) if len(each) > 1 else math.nan
    return Estimate(float(each.mean()), error)


def influence_error(influence: Tensor) -> float:
    """Standard error from the influence (n,) of each image on the value, up to a constant.

    Source: Jaeckel 1972, "The infinitesimal jackknife"; Efron 1982, section 6.
    """
    return float(influence.double().std() / len(influence) ** 0.5) if len(influence) > 1 else math.nan


def jackknife_error(without: Tensor) -> float:
    """Standard error from the values (n,) that are got when each image in turn is left out (Efron 1982, section 3)."""
    count = len(without)
    if count < 2:
        return math.nan
    spread = without.double() - without.double().mean()
    return float(torch.sqrt(spread.square().sum() * (count - 1) / count))
