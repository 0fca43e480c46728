"""CelebA as published (Liu et al. 2015): aligned faces of 178x218, attributes, landmarks, identities, partition.

img_align_celeba/000001.jpg or img_align_celeba.zip, with list_attr_celeba.txt, list_landmarks_align_celeba.txt,
identity_CelebA.txt and list_eval_partition.txt beside it or in Anno/ and Eval/; Kaggle's tables end in .csv.
"""

import io
from contextlib import ExitStack

import numpy as np
from PIL import Image

from ignm.data.labels import Column, LabelTable
from ignm.data.sources.celeba_tables import (
    ATTRIBUTES,
    FILES,
    IDENTITY,
    LANDMARK,
    LANDMARKS,
    PARTITION,
    Numbers,
    Table,
    parse_table,
)
from ignm.data.sources.files import Files
from ignm.data.sources.published import Published, find_published
from ignm.data.sources.source import Source, UnreadableImageError
from ignm.errors import IgnmError

LICENCE = "CelebA's release agreement: non-commercial research only"
FOLDERS = ("img_align_celeba", "img_align_celeba_png")
WIDTH, HEIGHT = 178, 218
_TRAIN = 0


def open_celeba(files: Files, stack: ExitStack) -> Source:
    """Open CelebA's aligned images; validation and test of the published partition are held out.

    Labels: a class attribute (no, yes) for each attribute, `identity`, and the landmarks as a share of the square that
    is cut from the middle of the image. Each table may be missing. Raises IgnmError, with file and line, for one that
    is there and not whole.
    """
    published = find_published(files, stack, FOLDERS, FILES)
    return Source(
        title=files.title,
        names=published.names,
        read=published.read,
        labels=lambda: _labels(published),
        test=_held_out(published),
        identity=published.identity,
        licence=LICENCE,
    )


def _held_out(published: Published) -> frozenset[int]:
    table = _table(published, PARTITION)
    if table is None:
        return frozenset()
    return frozenset(np.flatnonzero(_matched(published, table)[:, 0] != _TRAIN).tolist())


def _labels(published: Published) -> LabelTable | None:
    columns: list[Column] = []
    unknown: dict[str, None] = {}
    files = []
    there = set(published.numbers)
    for name, encode in _ENCODERS.items():
        table = _table(published, name)
        if table is not None:
            columns += encode(published, table, _matched(published, table))
            unknown |= dict.fromkeys(number for number in table.numbers if number not in there)
            files.append(table.file)
    return LabelTable(tuple(columns), unknown=tuple(unknown), title=" and ".join(files)) if files else None


def _table(published: Published, name: str) -> Table | None:
    file = next((file for file in (f"{name}.txt", f"{name}.csv") if file in published.tables), None)
    return None if file is None else parse_table(published.table(file), file)


def _matched(published: Published, table: Table) -> Numbers:
    """Return the rows in the images' order."""
    rows = {number: row for row, number in enumerate(table.numbers)}
    missing = [number for number in published.numbers if number not in rows]
    if missing:
        raise IgnmError(
            f"{table.file}: no line for {len(missing)} images, the first of them {missing[0]}; its last line is "
            f"{table.numbers[-1] if table.numbers else 'missing'}. Download the file again, or take it away to do "
            "without it."
        )
    return table.values[[rows[number] for number in published.numbers]]


def _attributes(_: Published, table: Table, values: Numbers) -> list[Column]:
    return [
        Column(name, (values[:, place] > 0).view(np.int8), ("no", "yes")) for place, name in enumerate(table.columns)
    ]


def _identities(_: Published, table: Table, values: Numbers) -> list[Column]:
    persons, codes = np.unique(values[:, 0], return_inverse=True)
    return [Column(table.columns[0], codes.astype(np.int32), tuple(map(str, persons)))]


def _landmarks(published: Published, table: Table, values: Numbers) -> list[Column]:
    if table.columns != LANDMARKS:
        raise IgnmError(f"{table.file}: the columns are {', '.join(table.columns)}, not {', '.join(LANDMARKS)}.")
    _check_size(published, table)
    # Import cuts the largest square from the middle.
    side = min(WIDTH, HEIGHT)
    offsets = {"x": (WIDTH - side) // 2, "y": (HEIGHT - side) // 2}
    return [
        Column(name, ((values[:, place] - offsets[name[-1]]) / side).astype(np.float32))
        for place, name in enumerate(table.columns)
    ]


def _check_size(published: Published, table: Table) -> None:
    """Refuse landmarks of images that are not as published: they would be wrong without a word."""
    try:
        with Image.open(io.BytesIO(published.read(0))) as image:
            size = image.size
    except (UnreadableImageError, OSError, ValueError, Image.DecompressionBombError):
        return
    if size != (WIDTH, HEIGHT):
        raise IgnmError(
            f"{table.file} gives positions in images of {WIDTH}x{HEIGHT}, but {published.names[0]} has "
            f"{size[0]}x{size[1]}. Take the file away to do without landmarks."
        )


_ENCODERS = {ATTRIBUTES: _attributes, IDENTITY: _identities, LANDMARK: _landmarks}
