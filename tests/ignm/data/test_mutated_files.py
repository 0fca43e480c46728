"""A thousand damaged images, labels and archives: passed over or refused in words, and no half of a dataset."""

import io
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.mutations import mutated_bytes

from ignm.data.importing import import_dataset
from ignm.data.store import list_datasets, open_dataset
from ignm.errors import IgnmError

ROUNDS, DAMAGED = 50, 20
KINDS = ("png", "jpeg", "webp", "bmp", "gif", "tiff")


def picture(random, kind):
    file = io.BytesIO()
    mode = ("RGB", "L", "P")[random.integers(3 if kind in ("png", "gif") else 2)]
    Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8)).convert(mode).save(file, format=kind)
    return file.getvalue()


def as_folder(folder, random):
    """Twenty whole pictures, and as many damaged ones; labels, damaged too."""
    folder.mkdir()
    for number in range(2 * DAMAGED):
        kind = KINDS[number % len(KINDS)]
        content = picture(random, kind)
        damaged = mutated_bytes(content, random) if number >= DAMAGED - 1 else content
        (folder / f"{number:02d}.{kind}").write_bytes(damaged)
    rows = "".join(f"{number:02d}.{KINDS[number % len(KINDS)]},{number % 3},{number / 7}\n" for number in range(20))
    if random.integers(2):
        (folder / "labels.csv").write_bytes(mutated_bytes(f"file,hair,age\n{rows}".encode(), random))
    return folder


def as_archive(folder, random):
    """The same as an archive, itself damaged."""
    as_folder(folder, random)
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(folder.iterdir()):
            archive.write(each, each.name)
    path.write_bytes(mutated_bytes(path.read_bytes(), random))
    return path


def as_parquet(folder, random):
    """Pictures in a parquet file as published datasets have them, some damaged, and the file in half of the rounds."""
    folder.mkdir()
    whole = [picture(random, "png") for _ in range(2 * DAMAGED)]
    contents = [mutated_bytes(each, random) if at >= DAMAGED else each for at, each in enumerate(whole)]
    path = folder / "train-00000-of-00001.parquet"
    pd.DataFrame({"image": [{"bytes": each, "path": None} for each in contents]}).to_parquet(path)
    if random.integers(2):
        path.write_bytes(mutated_bytes(path.read_bytes(), random))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("make", [as_folder, as_archive, as_parquet])
def test_damaged_files_never_leave_half_a_dataset(tmp_path, make):
    random = np.random.default_rng(0)
    imported = 0
    for number in range(ROUNDS // 3 + 1):
        source = make(tmp_path / f"source{number}", random)
        root, refused = tmp_path / "data", ""
        try:
            report = import_dataset(source, "mine", 16, root=root, workers=1)
        except IgnmError as error:
            refused = str(error)
        if refused:
            assert "Traceback" not in refused
            assert "mine" not in list_datasets(root)
        else:
            imported += 1
            dataset = open_dataset("mine", 16, root)
            assert len(dataset.images) + len(dataset.test_images) == report.count > 0
            assert report.count + len(report.skipped) <= 2 * DAMAGED
        shutil.rmtree(root, ignore_errors=True)
    assert imported > 0
