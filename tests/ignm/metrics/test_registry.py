"""Extra metrics, end to end: named after their features, in one pass, against references that are kept."""

import io
import math
import os
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from support.extractors import Means, faces

from ignm.config.schema import MetricName
from ignm.data.faces import draw_faces
from ignm.errors import IgnmError
from ignm.metrics import wasserstein
from ignm.metrics.columns import extra_columns
from ignm.metrics.extractors import build_extractor
from ignm.metrics.kernel import kernel_distance
from ignm.metrics.quality import score
from ignm.metrics.real import Real
from ignm.metrics.registry import METRICS, Measures

EMBEDDED = ("kd", "precision", "recall", "density", "coverage", "memorisation", "ms_ssim", "swd")


class StandIn(Means):
    """Calls itself Inception, so that names can be seen without its weights."""

    name = "inception"
    metric = "fid"


def batches(images, size=64):
    return torch.from_numpy(images).permute(0, 3, 1, 2).split(size)


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    monkeypatch.setattr(wasserstein, "DESCRIPTORS", 1024)
    monkeypatch.setattr(wasserstein, "DIRECTIONS", 8)


@pytest.fixture(scope="module")
def pictures():
    drawn = draw_faces(500, 16, seed=1).images
    return drawn[:200], drawn[200:350], drawn[350:]


@pytest.fixture
def real(pictures, tmp_path):
    return Real(pictures[0], "a", build_extractor("scatter"), tmp_path, held_out=(pictures[1], "a, held out"))


def scored(pictures, real, names):
    return score(batches(pictures), real.reference, real.extractor, Measures.of(names, real))


def test_the_config_knows_the_very_names_of_the_registry():
    assert set(get_args(MetricName)) == set(METRICS)


def test_all_metrics_have_their_columns_with_errors(real, pictures):
    found = scored(pictures[2], real, EMBEDDED)
    named = {"kd_scatter", "precision_scatter", "recall_scatter", "density_scatter", "coverage_scatter"}
    named |= {"nearer_scatter", "copies_scatter", "ms_ssim", "ms_ssim_real", "swd"}
    assert set(found.columns) == named | {f"{name}_error" for name in named}
    assert set(extra_columns(found.columns)) == named
    assert all(math.isfinite(value) for value in found.columns.values())
    assert found.quality_error > 0
    # Without them the quality is the very same number.
    assert scored(pictures[2], real, ()).quality == found.quality
    assert scored(pictures[2], real, ()).columns == {}


def test_only_what_is_asked_for_is_reported_and_computed(real, pictures, tmp_path):
    found = scored(pictures[2], real, ("recall", "kd"))
    assert set(found.metrics) == {"recall_scatter", "kd_scatter"}
    kept = {path.name.removeprefix(real.reference.id) for path in tmp_path.glob("*.safetensors")}
    assert kept == {".safetensors", "-rows.safetensors", "-kernel-1.safetensors", "-balls-1.safetensors"}


def test_values_are_those_of_the_features_in_the_references_scale(real, pictures):
    found = scored(pictures[2], real, ("kd",))
    extractor, reference = real.extractor, real.reference
    one, other = (
        extractor(torch.cat(batches(images))).double() / reference.scale - reference.mean
        for images in (pictures[2], pictures[0])
    )
    assert found.metrics["kd_scatter"].value == pytest.approx(kernel_distance(one, other).value, rel=1e-3)


def test_kid_is_of_inceptions_unscaled_features_and_has_its_name_then_only(tmp_path, real):
    inception = Real(faces(100, 1), "a", StandIn(), tmp_path)
    found = scored(faces(80, 2, high=150), inception, ("kid", "precision"))
    assert set(found.metrics) == {"kid", "precision_inception"}
    assert set(scored(faces(80, 2), inception, ("kd", "kid")).metrics) == {"kid"}
    rows = [StandIn()(torch.cat(batches(images))).double() for images in (faces(80, 2, high=150), faces(100, 1))]
    assert found.metrics["kid"].value == pytest.approx(kernel_distance(*rows).value, rel=1e-4)
    with pytest.raises(IgnmError, match=r"evaluation\.metrics: kid is .* Inception.* ask for kd"):
        Measures.of(("kid",), real)


def test_images_written_as_png_and_read_again_give_the_same_numbers(real, pictures):
    def as_png(image):
        file = io.BytesIO()
        Image.fromarray(image).save(file, format="PNG")
        return np.asarray(Image.open(io.BytesIO(file.getvalue())))

    read = np.stack([as_png(image) for image in pictures[2]])
    assert scored(read, real, EMBEDDED) == scored(pictures[2], real, EMBEDDED)


def test_the_numbers_do_not_hang_on_the_batches(real, pictures):
    measures = Measures.of(EMBEDDED, real)
    one, other = (
        score(batches(pictures[2], size), real.reference, real.extractor, measures).columns for size in (150, 7)
    )
    assert one == pytest.approx(other, rel=1e-5)


def test_what_is_prepared_of_real_images_is_kept(pictures, tmp_path):
    first = Real(pictures[0], "a", build_extractor("scatter"), tmp_path)
    expected = scored(pictures[2], first, EMBEDDED)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    again = Real(pictures[0], "a", build_extractor("scatter"), tmp_path)
    assert scored(pictures[2], again, EMBEDDED) == expected
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")} == stamps


def test_copies_of_training_images_are_told_also_where_another_split_is_the_reference(pictures, tmp_path):
    training, held_out = (pictures[0], "a"), (pictures[1], "a, held out")
    real = Real(*held_out, build_extractor("scatter"), tmp_path, training=training, held_out=held_out)
    copied = scored(pictures[0], real, ("memorisation",)).metrics
    assert copied["copies_scatter"].value == 1
    fresh = scored(pictures[2], real, ("memorisation",)).metrics
    assert fresh["nearer_scatter"].value == pytest.approx(0.5, abs=0.1)
    assert fresh["copies_scatter"].value < 0.1


def test_few_held_out_images_are_not_compared_with(pictures, tmp_path):
    alone = Real(pictures[0], "a", build_extractor("scatter"), tmp_path / "one")
    few = Real(
        pictures[0], "a", build_extractor("scatter"), tmp_path / "two", held_out=(pictures[1][:20], "a, held out")
    )
    assert few.held_out is None
    expected = scored(pictures[2], alone, ("memorisation",)).metrics
    assert scored(pictures[2], few, ("memorisation",)).metrics == expected


@pytest.mark.parametrize("names", [("swd",), ("swd", "ms_ssim"), ("ms_ssim", "kd")])
@pytest.mark.parametrize(("side", "channels", "shown"), [(32, 3, "3x32x32"), (16, 1, "1x16x16")])
def test_images_of_another_shape_than_the_real_ones_are_one_message(real, names, side, channels, shown):
    other = draw_faces(20, side, seed=2).images[..., :channels]
    pictorial = ", ".join(name for name in names if name != "kd")
    with pytest.raises(IgnmError, match=rf"metrics: {pictorial} compare .* {shown}, real ones 3x16x16; .* at {shown}"):
        scored(other, real, names)
    # Features can be compared.
    assert math.isfinite(scored(other, real, ("kd",)).quality)


def test_metrics_of_images_alone_are_the_same_without_features(real, pictures):
    both = scored(pictures[2], real, ("swd", "ms_ssim", "kd"))
    alone = scored(pictures[2], real, ("swd", "ms_ssim"))
    assert alone.metrics == {name: both.metrics[name] for name in ("swd", "ms_ssim", "ms_ssim_real")}


def test_a_reference_too_small_is_refused(pictures, tmp_path):
    real = Real(pictures[0][:5], "few", build_extractor("scatter"), tmp_path)
    with pytest.raises(IgnmError, match=r"coverage needs at least 6 real images, and the reference .* has 5"):
        Measures.of(("coverage",), real)


def test_measuring_draws_no_random_number(real, pictures):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    scored(pictures[2], real, EMBEDDED)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_trials_that_start_at_once_share_what_is_prepared(tmp_path):
    np.save(tmp_path / "images.npy", faces(60, 1))
    program = (
        "import sys, numpy as np, pathlib\n"
        "from ignm.metrics.extractors import build_extractor\n"
        "from ignm.metrics.real import Real\n"
        "from ignm.metrics.registry import Measures\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "real = Real(np.load(folder / 'images.npy'), 'a', build_extractor('scatter'), folder / 'cache')\n"
        "Measures.of(('kd', 'coverage', 'memorisation'), real)\n"
        "print(real.rows.sum().item().hex())\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, env=environment)
        for _ in range(2)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(answers) == 1
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 5
