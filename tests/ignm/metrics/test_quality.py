import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import linalg

from ignm.errors import IgnmError
from ignm.metrics.extractors import build_extractor
from ignm.metrics.extractors.base import Extractor
from ignm.metrics.quality import score
from ignm.metrics.reference import load_or_compute_reference, reference_id


class Means(Extractor):
    """Mean of the left and right half of the first channel: two features with known moments."""

    name = "means"
    metric = "fd_means"
    dim = 2
    calls = 0

    def features(self, images):
        type(self).calls += 1
        half = images.shape[-1] // 2
        halves = images[:, 0, :, :half], images[:, 0, :, half:]
        return torch.stack([part.float().mean((1, 2)) for part in halves], 1)


class StandardisedMeans(Means):
    name = "means_standardised"
    metric = "fd_means_standardised"
    standardise = True


def faces(count, seed, low=0, high=256):
    """Random pictures of 16x16 whose brightness differs from one to the next."""
    generator = np.random.default_rng(seed)
    base = generator.integers(low, high, (count, 1, 1, 3))
    return (base + generator.integers(-20, 20, (count, 16, 16, 3))).clip(0, 255).astype(np.uint8)


def batches(images, size=64):
    return torch.from_numpy(images).permute(0, 3, 1, 2).split(size)


def direct_distance(one, other):
    covariances = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    shift = one.mean(0) - other.mean(0)
    return shift @ shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root)


@pytest.mark.parametrize("extractor", [Means(), StandardisedMeans()])
def test_score_equals_the_direct_formulas(tmp_path, extractor):
    real, generated = faces(300, 1), faces(200, 2, high=150)
    found = score(batches(generated), load_or_compute_reference(real, "a", extractor, tmp_path), extractor)

    one = extractor(torch.cat(batches(generated))).double().numpy()
    other = extractor(torch.cat(batches(real))).double().numpy()
    if extractor.standardise:
        variance = other.var(0, ddof=1)
        scale = np.sqrt(variance + 1e-4 * variance.mean())
        one, other = one / scale, other / scale
    assert found.quality == pytest.approx(direct_distance(one, other), rel=1e-8)
    assert found.diversity == pytest.approx(one.var(0, ddof=1).sum() / other.var(0, ddof=1).sum(), rel=1e-8)
    assert (found.count, found.metric) == (200, extractor.metric)


def test_few_images_take_the_other_route_to_the_same_number(tmp_path):
    extractor = build_extractor("scatter")
    real, generated = faces(400, 1), faces(60, 2, high=150)
    reference = load_or_compute_reference(real, "a", extractor, tmp_path)
    found = score(batches(generated, 25), reference, extractor)

    one = extractor(torch.cat(batches(generated))).double() / reference.scale
    other = extractor(torch.cat(batches(real))).double() / reference.scale
    assert found.quality == pytest.approx(direct_distance(one.numpy(), other.numpy()), rel=1e-4)


def test_the_reference_scores_itself_as_zero_and_fully_diverse(tmp_path):
    extractor = build_extractor("scatter")
    real = faces(500, 1)
    found = score(batches(real), load_or_compute_reference(real, "a", extractor, tmp_path), extractor)
    assert found.quality == pytest.approx(0, abs=1e-3)
    assert found.diversity == pytest.approx(1, rel=1e-5)


def test_a_collapsed_generator_has_no_diversity(tmp_path):
    extractor = build_extractor("scatter")
    real = faces(300, 1)
    reference = load_or_compute_reference(real, "a", extractor, tmp_path)
    assert score(batches(real[:1].repeat(300, 0)), reference, extractor).diversity == pytest.approx(0, abs=1e-6)


def test_scoring_draws_no_random_number(tmp_path):
    extractor = build_extractor("scatter")
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    reference = load_or_compute_reference(faces(50, 1), "a", extractor, tmp_path, count=40)
    score(batches(faces(20, 2)), reference, extractor)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_a_reference_is_computed_once_and_loaded_bit_exactly(tmp_path):
    extractor = Means()
    first = load_or_compute_reference(faces(100, 1), "a", extractor, tmp_path)
    calls = Means.calls
    second = load_or_compute_reference(faces(100, 1), "a", extractor, tmp_path)
    assert Means.calls == calls
    assert second.id == first.id
    assert all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("mean", "scale", "root"))


def test_identity_tells_datasets_counts_sizes_and_extractors_apart():
    class Newer(Means):
        version = 2

    ids = [
        reference_id("a", (16, 16, 3), 100, Means()),
        reference_id("b", (16, 16, 3), 100, Means()),
        reference_id("a", (32, 32, 3), 100, Means()),
        reference_id("a", (16, 16, 1), 100, Means()),
        reference_id("a", (16, 16, 3), 99, Means()),
        reference_id("a", (16, 16, 3), 100, StandardisedMeans()),
        reference_id("a", (16, 16, 3), 100, Newer()),
    ]
    assert len(set(ids)) == len(ids)
    assert ids[0] == reference_id("a", (16, 16, 3), 100, Means())


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "another"])
def test_a_damaged_file_is_computed_anew(tmp_path, damage):
    real = faces(100, 1)
    good = load_or_compute_reference(real, "a", Means(), tmp_path)
    path = tmp_path / f"{good.id}.safetensors"
    content = path.read_bytes()
    other = load_or_compute_reference(real, "b", Means(), tmp_path)
    path.write_bytes(
        {
            "truncated": content[:-9],
            "flipped": content[:-1] + bytes([content[-1] ^ 1]),
            "empty": b"",
            "another": (tmp_path / f"{other.id}.safetensors").read_bytes(),
        }[damage]
    )
    again = load_or_compute_reference(real, "a", Means(), tmp_path)
    assert again.id == good.id
    assert torch.equal(again.root, good.root)
    calls = Means.calls
    load_or_compute_reference(real, "a", Means(), tmp_path)
    assert Means.calls == calls


def test_a_subset_is_drawn_from_the_whole_dataset_and_always_the_same(tmp_path):
    ordered = np.sort(faces(400, 1), axis=0)
    part = load_or_compute_reference(ordered, "a", Means(), tmp_path / "one", count=200)
    again = load_or_compute_reference(ordered, "a", Means(), tmp_path / "two", count=200)
    whole = load_or_compute_reference(ordered, "a", Means(), tmp_path / "one")
    assert torch.equal(part.mean, again.mean)
    assert part.id != whole.id
    # Five standard errors of a mean of 200 rows; the first half of the sorted set is off by ten times that.
    assert ((part.mean - whole.mean).abs() < 5 * (whole.root.square().sum(1) / 200).sqrt()).all()


@pytest.mark.parametrize("count", [0, 1, 101])
def test_an_impossible_count_is_refused(tmp_path, count):
    with pytest.raises(IgnmError, match="at most 100"):
        load_or_compute_reference(faces(100, 1), "a", Means(), tmp_path, count=count)
    assert not list(tmp_path.iterdir())


def test_a_dataset_of_one_repeated_image_is_refused(tmp_path):
    with pytest.raises(IgnmError, match="images that differ"):
        load_or_compute_reference(faces(1, 1).repeat(10, 0), "a", Means(), tmp_path)


def test_features_of_another_metric_and_too_few_images_are_refused(tmp_path):
    reference = load_or_compute_reference(faces(100, 1), "a", Means(), tmp_path)
    with pytest.raises(IgnmError, match="fd_other"):
        score(batches(faces(10, 2)), replace(reference, metric="fd_other"), Means())
    with pytest.raises(IgnmError, match="at least 2"):
        score(batches(faces(1, 2)), reference, Means())


def test_many_processes_that_start_at_once_agree_on_one_reference(tmp_path):
    np.save(tmp_path / "images.npy", faces(100, 1))
    program = (
        "import sys, numpy as np, pathlib\n"
        "from ignm.metrics.extractors import build_extractor\n"
        "from ignm.metrics.reference import load_or_compute_reference\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "images = np.load(folder / 'images.npy', mmap_mode='r')\n"
        "r = load_or_compute_reference(images, 'a', build_extractor('scatter'), folder / 'cache')\n"
        "print(r.id, r.root.sum().item().hex())\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(answers) == 1
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 1
