"""A dataset's identity: the digest of all that decides what a training run sees of it."""

import hashlib
import json

import numpy as np
import numpy.typing as npt

from ignm.data.cache import Description

_DIGITS = 16


def fingerprint_of(
    description: Description,
    pixels: "hashlib._Hash",
    classes: npt.NDArray[np.int64],
    continuous: npt.NDArray[np.float32],
) -> str:
    """Return the fingerprint of pixels (their SHA-256, over the images in order), labels, resize and what is held out.

    The description's own fingerprint, name and source do not enter.
    """
    digest = pixels.copy()
    names = [description.class_names, description.continuous_names]
    digest.update(json.dumps([_shape(description), description.resize, *names]).encode())
    digest.update(classes.astype("<i8").tobytes())
    digest.update(continuous.astype("<f4").tobytes())
    if description.test:
        digest.update(json.dumps({"test": description.test}).encode())
    return digest.hexdigest()[:_DIGITS]


def fingerprint_of_recipe(recipe: str, description: Description) -> str:
    """Return the fingerprint of a dataset whose pixels and labels follow from a recipe."""
    return hashlib.sha256(json.dumps([recipe, _shape(description)]).encode()).hexdigest()[:_DIGITS]


def _shape(description: Description) -> list[int]:
    side = description.resolution
    return [description.count, side, side, description.channels]
