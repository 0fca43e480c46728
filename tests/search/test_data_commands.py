"""`ignm data` as a user meets it: what is held out and left out, resuming, verifying, listing."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from support.pictures import flat, zip_of

from ignm.data import importing, workers
from ignm.data.sources import LAYOUTS
from ignm.data.store import open_dataset
from search.cli import datasets


@pytest.fixture
def pictures(tmp_path):
    """60 grey pictures of one value each, labelled."""
    rows = "file,kind\n" + "".join(f"{index}.png,{index % 2}\n" for index in range(60))
    files = {f"{index}.png": flat(index * 4, "L") for index in range(60)}
    return zip_of(tmp_path / "pictures.zip", files | {"labels.csv": rows.encode()})


MINE = ("--name", "mine", "--resolution", 16)


def test_the_help_names_every_layout_that_there_is(ignm):
    """By hand, as reading them from the sources would load pyarrow and lmdb for `ignm --help`."""
    code, text = ignm("data", "import", "--help")
    assert code == 0
    assert set(re.findall(r"(\w+):DIR", text)) == set(LAYOUTS)


def test_some_images_are_held_out_listed_and_shown(ignm, pictures, tmp_path):
    code, text = ignm("data", "import", pictures, *MINE, "--test-share", 0.2)
    assert code == 0
    held = int(re.search(r"60 grey images as 'mine' at 16x16, (\d+) of them held out", text)[1])
    assert re.search(rf"mine 16 {60 - held} 1 {held} 1 [0-9a-f]{{16}} \d", ignm("data", "list")[1])
    code, text = ignm("data", "show", "mine", "--resolution", 16, "--split", "test", "--out", "test.png")
    assert (code, f"{held} of {held} images of 'mine' (test)" in text) == (0, True)
    rows = -(-held // 12)
    assert Image.open(tmp_path / "test.png").size == (min(held, 12) * 17 - 1, rows * 17 - 1)


def test_a_dataset_that_holds_nothing_out_says_how_to(ignm, pictures):
    ignm("data", "import", pictures, *MINE)
    code, text = ignm("data", "show", "mine", "--resolution", 16, "--split", "test")
    assert (code, "holds no image out. Import it with --test-share" in text) == (2, True)


def test_what_is_left_out_is_counted(ignm, pictures):
    code, text = ignm("data", "import", pictures, *MINE, "--min-contrast", 0.1)
    assert (code, "60 were left out" in text) == (2, True)  # every one is flat
    code, text = ignm("data", "import", pictures, *MINE, "--max-clipped", 0.5)
    assert (code, "left out 1: clipped" in text, "59 grey images" in text) == (0, True, True)


def test_filters_out_of_range_and_shares_are_refused(ignm, pictures):
    assert "max_clipped is 2" in ignm("data", "import", pictures, *MINE, "--max-clipped", 2)[1]
    assert "allowed is from 0 to 0.5" in ignm("data", "import", pictures, *MINE, "--test-share", 0.6)[1]


def test_a_stopped_import_goes_on(ignm, pictures, monkeypatch):
    monkeypatch.setattr(workers, "_BATCH", 10)
    stopping = {"at": 30}
    plain = importing.import_dataset

    def stopped(*args, progress, **options):
        def show(done, total):
            progress(done, total)
            if done == stopping["at"]:
                raise KeyboardInterrupt

        return plain(*args, progress=show, **options)

    monkeypatch.setattr(importing, "import_dataset", stopped)
    monkeypatch.setattr(datasets, "SECONDS_BETWEEN_LINES", 0.0)
    code, text = ignm("data", "import", pictures, *MINE)
    assert code == 130
    assert "importing pictures.zip: 20 of 60 (" in text
    assert "stopped; what is done is kept" in text
    assert "'mine' at 16: an import is on its way or was cut short" in ignm("data", "list")[1]
    stopping["at"] = None
    code, text = ignm("data", "import", pictures, *MINE)
    assert (code, "after 30 images: going on from image 31" in text) == (0, True)
    assert "60 grey images" in text


def test_verify(ignm, pictures, tmp_path):
    ignm("data", "import", pictures, *MINE)
    code, text = ignm("data", "verify", *MINE[1:])
    assert (code, "60 images as imported (fingerprint" in text) == (0, True)
    file = tmp_path / "home" / "data" / "mine" / "16" / "images.npy"
    images = np.load(file)
    images[30, 5, 5] ^= 1
    np.save(file, images)
    code, text = ignm("data", "verify", *MINE[1:])
    assert (code, "is not what was imported" in text) == (1, True)
    file.write_bytes(b"")
    assert ignm("data", "verify", *MINE[1:])[0] == 1
    assert "mine 16 damaged" in ignm("data", "list")[1]
    assert ignm("data", "verify", "other", "--resolution", 16)[0] == 2


def test_a_pool_is_made_once_and_shown_beside_its_originals(ignm, pictures, tmp_path):
    ignm("data", "import", pictures, *MINE)
    small = ("--set", "data.synthetic.count=20", "--set", "data.synthetic.background=0", "--count", 20)
    code, text = ignm("data", "pool", "mine", "--resolution", 16, *small)
    assert code == 0
    made = re.search(r"pool.png: 20 synthetic images for 'mine' at 16 \(fingerprint ([0-9a-f]{16})\)", text)[1]
    # 20 pairs in rows of 8, gaps of 2.
    assert Image.open(tmp_path / "pool.png").size == (16 * 18 - 2, 3 * 18 - 2)
    (pool,) = (tmp_path / "home" / "data" / ".pools").glob("[0-9a-f]*")
    written = (pool / "images.npy").stat().st_mtime_ns
    assert made in ignm("data", "pool", "mine", "--resolution", 16, *small)[1]
    assert (pool / "images.npy").stat().st_mtime_ns == written
    # A list of datasets is not a list of pools.
    assert ".pools" not in ignm("data", "list")[1]


def test_a_pool_that_cannot_be_made_is_refused_with_the_path(ignm, pictures, tmp_path):
    ignm("data", "import", pictures, *MINE)
    code, text = ignm("data", "pool", "mine", "--resolution", 16, "--set", "data.synthetic.source=teacher")
    assert (code, "data.synthetic.source: teacher needs data.synthetic.teacher" in text) == (2, True)
    teacher = ("--set", "data.synthetic.source=teacher", "--set", "data.synthetic.teacher=nowhere")
    code, text = ignm("data", "pool", "mine", "--resolution", 16, *teacher)
    assert (code, "data.synthetic.teacher" in text and "nowhere" in text) == (2, True)
    assert not (tmp_path / "pool.png").exists()


def test_a_trial_is_measured_on_what_was_held_out(ignm, pictures):
    held = int(re.search(r"(\d+) of them held", ignm("data", "import", pictures, *MINE, "--test-share", 0.2)[1])[1])
    tiny = [
        f"--set={change}"
        for change in ("generator.width=4", "discriminator.width=4", "optim.batch=8", "data.mirror=true")
    ]
    train = ("train", "--preset", "dcgan", "--data", "mine@16", "--kimg", 0.04, "--images", 16, *tiny)
    for split, count in (("test", held), ("train", 60 - held)):
        code, text = ignm(*train, "--split", split, "--out", split)
        assert code == 0, text
        # A reference's name says of how many images it is.
        assert f"-16px-{count}-" in ignm("evaluate", split)[1]
    code, text = ignm("leak", "train", "--images", 64)
    assert (code, re.search(r"cutout (\d\.\d\d \d\.\d\d|not to be told)", text) is not None) == (0, True), text
    code, text = ignm(*train, "--split", "tset", "--out", "x")
    assert (code, "evaluation.split" in text and "'train', 'test'" in text) == (2, True), text


def test_a_licence_goes_with_the_images(ignm, pictures):
    assert ignm("data", "import", pictures, *MINE, "--licence", "CC BY 4.0")[0] == 0
    assert open_dataset("mine", 16).licence == "CC BY 4.0"
    before = open_dataset("mine", 16).fingerprint
    assert ignm("data", "import", pictures, *MINE, "--overwrite")[0] == 0
    # What the images may be used for changes none of their pixels.
    assert (open_dataset("mine", 16).licence, open_dataset("mine", 16).fingerprint) == (None, before)


def test_lists_and_scores_are_there_for_programs(ignm, pictures, tmp_path):
    ignm("data", "import", pictures, *MINE, "--licence", "MIT")
    (listed,) = json.loads(ignm("data", "list", "--json")[1])
    assert (listed["name"], listed["resolution"], listed["images"], listed["licence"]) == ("mine", 16, 60, "MIT")
    assert "damaged" not in listed
    (tmp_path / "home" / "data" / "mine" / "16" / "images.npy").write_bytes(b"")
    assert json.loads(ignm("data", "list", "--json")[1]) == [{"name": "mine", "resolution": 16, "damaged": True}]
    assert re.search(r"mine 16 damaged", ignm("data", "list")[1])


def test_an_evaluation_is_there_for_programs(ignm, pictures):
    ignm("data", "import", pictures, *MINE)
    tiny = ["--set=generator.width=4", "--set=discriminator.width=4", "--set=optim.batch=8"]
    train = ("train", "--preset", "dcgan", "--data", "mine@16", "--kimg", 0.04, "--images", 32, "--out", "one")
    assert ignm(*train, *tiny)[0] == 0
    told = json.loads(ignm("evaluate", "one", "--metrics", "kd", "--json")[1])
    assert told["metric"] == "fd_scatter"
    assert told["count"] == 32
    assert set(told["metrics"]) == {"kd_scatter", "kd_scatter_error"}


def test_the_only_resolution_need_not_be_said(ignm, pictures):
    assert "next: look at them, ignm data show mine --resolution 16" in ignm("data", "import", pictures, *MINE)[1]
    assert ignm("data", "show", "mine")[0] == 0
    ignm("data", "import", pictures, "--name", "mine", "--resolution", 32)
    code, text = ignm("data", "verify", "mine")
    assert (code, "here at 16, 32. Say which with --resolution" in text) == (2, True)
    code, text = ignm("data", "show", "mine", "--resolution", 64)
    assert (code, "It is here at 16, 32." in text) == (2, True)
    assert "is not here. `ignm data list` shows what is" in ignm("data", "show", "mien")[1]
