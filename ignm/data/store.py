"""Datasets by name: what there is, opening one, and the embedded faces that every machine has."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ignm.config.messages import nearest
from ignm.data.cache import (
    RESOLUTIONS,
    Dataset,
    check_name,
    check_resolution,
    data_root,
    read_dataset,
)
from ignm.data.labels import Labels
from ignm.data.writing import dataset_lock, partial_folder, storage_errors, write_dataset
from ignm.errors import IgnmError
from ignm.files import set_aside

EMBEDDED = "embedded"
EMBEDDED_COUNT = 10_000
EMBEDDED_LICENCE = "Apache-2.0, drawn by IGNM; nobody is on them"
_SEED = 0
_CHUNK = 500

Progress = Callable[[int, int], None]


def open_dataset(name: str, resolution: int, root: Path | None = None, *, progress: Progress | None = None) -> Dataset:
    """Open a dataset at a resolution; `embedded` is drawn on first use (`progress` then gets done and total).

    Raises IgnmError if there is no such dataset (and says which there are) or if its cache is damaged.
    """
    check_name(name)
    check_resolution(resolution)
    root = data_root(root)
    if name == EMBEDDED:
        return _open_embedded(resolution, root, progress)
    path = root / name / str(resolution)
    try:
        return read_dataset(path)
    except FileNotFoundError:
        if not set_aside(path):
            raise _missing(name, resolution, root) from None
    # Its overwriting was cut short, or is at this moment between two renames: the lock's holder puts that right.
    with storage_errors(root), dataset_lock(root, name, resolution):
        return read_dataset(path)


def list_datasets(root: Path | None = None) -> dict[str, tuple[int, ...]]:
    """Return the resolutions of every dataset in the cache, by name, both in order."""
    found = {
        folder.name: tuple(size for size in RESOLUTIONS if _is_dataset(folder / str(size)))
        for folder in sorted(data_root(root).glob("[a-z0-9]*"))
    }
    return {name: resolutions for name, resolutions in found.items() if resolutions}


def interrupted_imports(root: Path | None = None) -> tuple[tuple[str, int], ...]:
    """Return name and resolution of every dataset whose import was cut short and can go on, or is running now."""
    partial = {size: partial_folder(Path(str(size))).name for size in RESOLUTIONS}
    folders = sorted(data_root(root).glob("[a-z0-9]*"))
    return tuple((folder.name, size) for folder in folders for size in RESOLUTIONS if _is_dir(folder / partial[size]))


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_dataset(path: Path) -> bool:
    try:
        return (path / "dataset.json").is_file()
    except OSError:  # a folder that this account may not enter
        return False


def _missing(name: str, resolution: int, root: Path) -> IgnmError:
    existing = list_datasets(root)
    existing[EMBEDDED] = RESOLUTIONS
    suggestion = "" if name in existing else nearest(name, list(existing))
    known = "; ".join(f"{other} ({', '.join(map(str, sizes))})" for other, sizes in existing.items())
    elsewhere = f" It is here at {', '.join(map(str, existing[name]))}." if name in existing else ""
    return IgnmError(
        f"There is no dataset {name!r} at resolution {resolution} under {root}{suggestion}.{elsewhere} "
        f"There are: {known}. "
        f"To add it: ignm data import SOURCE --name {name} --resolution {resolution}"
    )


def _open_embedded(resolution: int, root: Path, progress: Progress | None) -> Dataset:
    from ignm.data import faces  # drawing needs a lot that opening does not

    source = f"embedded faces, version {faces.VERSION}, seed {_SEED}, {EMBEDDED_COUNT} drawn"
    current = _current(root, resolution, source)
    if current is not None:
        return current
    with storage_errors(root), dataset_lock(root, EMBEDDED, resolution):
        # Another process may have drawn it while this one waited.
        return _current(root, resolution, source) or _draw(root, resolution, source, progress)


def _current(root: Path, resolution: int, source: str) -> Dataset | None:
    try:
        dataset = read_dataset(root / EMBEDDED / str(resolution))
    except (FileNotFoundError, IgnmError):
        return None
    return dataset if dataset.source == source else None


def _draw(root: Path, resolution: int, source: str, progress: Progress | None) -> Dataset:
    from ignm.data import faces

    classes, continuous = [], []
    with write_dataset(root, EMBEDDED, resolution, channels=3) as writer:
        for start in range(0, EMBEDDED_COUNT, _CHUNK):
            drawn = faces.draw_faces(min(_CHUNK, EMBEDDED_COUNT - start), resolution, seed=_SEED, start=start)
            writer.append(drawn.images)
            classes.append(np.stack([drawn.classes[name] for name in faces.CLASS_NAMES], axis=1))
            continuous.append(drawn.continuous)
            if progress is not None:
                progress(writer.count, EMBEDDED_COUNT)
        labels = Labels(
            np.concatenate(classes).astype(np.int64),
            dict(faces.CLASS_NAMES),
            np.concatenate(continuous).astype(np.float32),
            tuple(faces.CONTINUOUS_NAMES),
        )
        # Pixels differ by 1/255 here and there between processors; the faces and their identity do not.
        writer.finish(labels, (), source, recipe=source, licence=EMBEDDED_LICENCE)
    return read_dataset(root / EMBEDDED / str(resolution))
