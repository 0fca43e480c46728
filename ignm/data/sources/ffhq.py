"""FFHQ as published (Karras et al. 2019): thumbnails128x128 or images1024x1024, and ffhq-dataset-v2.json."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ignm.data.labels import Column, LabelTable
from ignm.data.sources.files import Files
from ignm.data.sources.published import Published, find_published
from ignm.data.sources.source import Source
from ignm.errors import IgnmError

FOLDERS = ("thumbnails128x128", "images1024x1024")
METADATA = "ffhq-dataset-v2.json"
HELD_OUT = {"training": False, "validation": True}
POINTS = 68
LICENCE = "CC BY-NC-SA 4.0 as a dataset, each image under its own licence (ffhq-dataset-v2.json)"
_PIXELS = 1024.0


def open_ffhq(files: Files, stack: ExitStack) -> Source:
    """Open FFHQ's images, in sub-folders of a thousand or not, in a folder or a zip; validation is held out.

    Labels: the 68 landmarks as 136 continuous columns, a share of the image's side. Without the JSON there are neither
    labels nor held-out images. Raises IgnmError if it is not whole or not about these images, or if the folder has
    images of both sizes.
    """
    both = [folder for folder in FOLDERS if any(folder in name.split("/")[:-1] for name in files.names)]
    if len(both) > 1:
        raise IgnmError(f"{files.where} holds {' and '.join(both)}. Give one of them, as in ffhq:DIR/{both[0]}.")
    published = find_published(files, stack, FOLDERS, (METADATA,))
    if METADATA not in published.tables:
        return Source(files.title, published.names, published.read, identity=published.identity, licence=LICENCE)
    entries = _match(published, _parse(files, published.table(METADATA)))
    return Source(
        title=files.title,
        names=published.names,
        read=published.read,
        labels=lambda: _labels(entries),
        test=frozenset(index for index, entry in enumerate(entries) if entry.held_out),
        identity=published.identity,
        licence=LICENCE,
    )


@dataclass(frozen=True, eq=False)
class _Entry:
    """What is kept of an image's description: `landmarks` float32 (136,), x and y in turn, in [0, 1]."""

    held_out: bool
    landmarks: npt.NDArray[np.float32]


def _labels(entries: list[_Entry]) -> LabelTable:
    landmarks = np.stack([entry.landmarks for entry in entries])
    names = [f"landmark_{point:02}_{axis}" for point in range(POINTS) for axis in "xy"]
    return LabelTable(
        tuple(Column(name, landmarks[:, place]) for place, name in enumerate(names)),
        title=METADATA,
    )


def _parse(files: Files, data: bytes) -> dict[int, _Entry]:
    """Read the 255 MB of JSON, each description cut down as soon as it is read."""
    try:
        parsed = json.loads(data, object_hook=_shrunk)
    except (ValueError, RecursionError) as error:
        raise IgnmError(f"{METADATA} in {files.title} is not whole JSON: {error}. Download it again.") from None
    if not isinstance(parsed, dict) or not parsed:
        raise _wrong(files, "is not an object of descriptions, by the images' numbers")
    entries = {}
    for key, value in parsed.items():
        if not (key.isascii() and key.isdecimal()):
            raise _wrong(files, f"describes {key[:20]!r}, which is no image's number")
        entries[int(key)] = _entry(files, key, value)
    return entries


def _shrunk(read: dict[str, Any]) -> dict[str, Any]:
    """Keep of an image's description its category and landmarks, of its parts the landmarks, as arrays."""
    if "category" in read:
        return {"category": read["category"], "image": read.get("image")}
    if "face_landmarks" in read:
        try:
            return {"face_landmarks": np.array(read["face_landmarks"], np.float32)}
        except (ValueError, TypeError):
            return {"face_landmarks": None}
    return read


def _entry(files: Files, key: str, value: Any) -> _Entry:
    category = value.get("category") if isinstance(value, dict) else None
    if not isinstance(category, str) or category not in HELD_OUT:
        raise _wrong(files, f"gives image {key} the category {category!r}, not {' or '.join(HELD_OUT)}")
    image = value.get("image")
    landmarks = image.get("face_landmarks") if isinstance(image, dict) else None
    if not isinstance(landmarks, np.ndarray) or landmarks.shape != (POINTS, 2) or not np.isfinite(landmarks).all():
        raise _wrong(files, f"gives image {key} no {POINTS} landmarks [x, y]")
    return _Entry(HELD_OUT[category], (landmarks / _PIXELS).astype(np.float32).reshape(-1))


def _match(published: Published, entries: dict[int, _Entry]) -> list[_Entry]:
    """Return the descriptions in the images' order."""
    numbers = [int(number) if number.isascii() and number.isdecimal() else -1 for number in published.numbers]
    strange = [name for name, number in zip(published.names, numbers, strict=True) if number not in entries]
    if strange:
        raise _wrong(published.images, f"does not describe {len(strange)} images, the first of them {strange[0]}")
    absent = sorted(entries.keys() - set(numbers))
    if absent:
        raise IgnmError(
            f"{published.images.where} lacks {len(absent)} of {len(entries)} images that {METADATA} describes, the "
            f"first of them {absent[0]:05}. Download them, or take {METADATA} away to do without labels."
        )
    return [entries[number] for number in numbers]


def _wrong(files: Files, problem: str) -> IgnmError:
    return IgnmError(f"{METADATA} in {files.title} {problem}. Download it again, or take it away to do without labels.")
