"""Near duplicates among any number of images: a perceptual hash to find them fast, a signature to be sure."""

from array import array
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ignm.data.quality.scores import Pixels, luma

LARGEST_DISTANCE = 16
"""Largest Hamming distance that may be asked for: beyond, every band is so short that all images must be compared."""
CONFIRMED = 0.2
"""Largest distance of two unit signatures that are one picture.

Measured on 10,010 aligned faces (50 million pairs): recompressed, relit and re-cropped copies lie below 0.2, the first
pairs of different pictures at 0.22. The hash alone would not do: faces are so much alike that at a distance of 4 one of
400,000 pairs of different ones agrees, and 200,000 images have 20 thousand million pairs.
"""

_BITS = 64
_FREQUENCIES = sorted(((v, u) for v in range(_BITS) for u in range(_BITS)), key=lambda place: (sum(place), place))
_V, _U = np.array(_FREQUENCIES[1 : _BITS + 1]).T
_ODD = np.where(_U % 2, -1.0, 1.0)
_WEIGHTS = np.uint64(1) << np.arange(_BITS, dtype=np.uint64)
# Rounding noise of a coefficient that is zero must not decide its bit.
_ZERO = 1e-6


class Match(NamedTuple):
    """Which remembered image (counted from 0) an image repeats, how far the hashes differ, whether mirrored."""

    number: int
    distance: int
    mirrored: bool


class NearDuplicates:
    """Images seen so far, and whether a further one is a near duplicate of one of them, upright or mirrored.

    Two images are near duplicates if their 64-bit hashes (signs of the 64 lowest DCT coefficients of the luma but the
    mean) differ in at most `distance` bits, and the coefficients themselves, as unit vectors, by at most `CONFIRMED`.
    The search is exact: hashes within d bits agree in one of d + 1 bands (the pigeonhole of multi-index hashing,
    Norouzi et al. 2012, section 3). An image takes 72 bytes, and 4 (d + 1) for the index.
    """

    def __init__(self, distance: int) -> None:
        self._distance = distance
        self._hashes, self._signatures = array("Q"), array("b")
        bits = np.arange(_BITS) % (distance + 1)
        self._bands = [int(_WEIGHTS[bits == band].sum()) for band in range(distance + 1)]
        self._places: list[dict[int, array[int]]] = [{} for _ in self._bands]

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, pixels: Pixels) -> Match | None:
        """Return the image that this one repeats; None if it is new, and it is then remembered."""
        coefficients = _coefficients(luma(pixels))
        for mirrored, candidate in ((False, coefficients), (True, coefficients * _ODD)):
            match = self._find(_hash(candidate), candidate, mirrored)
            if match is not None:
                return match
        self._remember(_hash(coefficients), coefficients)
        return None

    def _find(self, code: int, coefficients: npt.NDArray[np.float64], mirrored: bool) -> Match | None:
        found = [places.get(code & band) for band, places in zip(self._bands, self._places, strict=True)]
        buckets = [np.frombuffer(bucket, np.uint32) for bucket in found if bucket is not None]
        if not buckets:
            return None
        rows = np.concatenate(buckets)
        distances = np.bitwise_count(np.frombuffer(self._hashes, np.uint64)[rows] ^ np.uint64(code))
        near = distances <= self._distance
        rows, distances = rows[near], distances[near]
        if not len(rows):
            return None
        known = np.frombuffer(self._signatures, np.int8).reshape(-1, _BITS)[rows].astype(np.float64)
        sure = np.linalg.norm(_unit(known) - _unit(coefficients), axis=1) <= CONFIRMED
        # The first of the nearest, whatever the order of the bands.
        matches = sorted(zip(distances[sure].tolist(), rows[sure].tolist(), strict=True))
        return Match(matches[0][1], matches[0][0], mirrored) if matches else None

    def _remember(self, code: int, coefficients: npt.NDArray[np.float64]) -> None:
        row = len(self._hashes)
        self._hashes.append(code)
        peak = np.abs(coefficients).max()
        self._signatures.frombytes(np.rint(coefficients * (127 / max(peak, _ZERO))).astype(np.int8).tobytes())
        for band, places in zip(self._bands, self._places, strict=True):
            places.setdefault(code & band, array("I")).append(row)


def _coefficients(plane: Pixels) -> npt.NDArray[np.float64]:
    """The 64 lowest DCT-II coefficients (64,) of a plane (R, R), R 16 or more, without the mean; rounding made 0."""
    basis = _basis(len(plane))
    spectrum = basis @ plane.astype(np.float64) @ basis.T
    lowest = spectrum[_V, _U]
    lowest[np.abs(lowest) < _ZERO] = 0.0
    return lowest


def _hash(coefficients: npt.NDArray[np.float64]) -> int:
    return int(_WEIGHTS[coefficients > 0].sum())


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Vectors (..., 64) of length 1; those of flat images, which have no direction, stay 0."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _ZERO)


@cache
def _basis(side: int) -> npt.NDArray[np.float64]:
    """The lowest rows of the orthonormal DCT-II matrix (F, side)."""
    frequencies = np.arange(max(_V.max(), _U.max()) + 1)[:, None]
    waves = np.cos(np.pi * (2 * np.arange(side) + 1) * frequencies / (2 * side))
    return waves * np.sqrt(np.where(frequencies == 0, 1.0, 2.0) / side)
