"""What a pool can be made from."""

from collections.abc import Callable

from ignm.config.data import SyntheticConfig
from ignm.data.cache import Dataset
from ignm.synthetic.drawn import drawn
from ignm.synthetic.recipe import Recipe
from ignm.synthetic.teacher import taught
from ignm.synthetic.variants import variants

SOURCES: dict[str, Callable[[SyntheticConfig, Dataset], Recipe]] = {
    "variants": variants,
    "faces": drawn,
    "teacher": taught,
}
"""Recipes by the values of `data.synthetic.source`."""
