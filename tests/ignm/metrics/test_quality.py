from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import linalg
from support.extractors import Means, faces

from ignm.data.faces import draw_faces
from ignm.errors import IgnmError
from ignm.metrics.extractors import build_extractor
from ignm.metrics.quality import Thinned, score
from ignm.metrics.reference import load_or_compute_reference


class StandardisedMeans(Means):
    name = "means_standardised"
    metric = "fd_means_standardised"
    floors = ((1, 10.0), (1, 100.0))  # the halves vary by about 70 levels: one is above its floor, one below


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
    if extractor.floors:
        deviation = other.std(0, ddof=1)
        assert 10 < deviation.min() < deviation.max() < 100
        scale = np.array([deviation[0], 100])
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


def test_an_invisible_tint_does_not_decide_the_distance_of_grey_faces(tmp_path):
    extractor = build_extractor("scatter")
    pictures = draw_faces(600, 32, seed=3).images[..., :1].repeat(3, 3)
    real, generated = pictures[:300], pictures[300:]
    reference = load_or_compute_reference(real, "a", extractor, tmp_path)
    # Two levels of red more or less, which nobody sees.
    red = np.random.default_rng(0).integers(-2, 3, (300, 1, 1, 1)) * np.array([1, 0, 0])
    tinted = (generated.astype(int) + red).clip(0, 255).astype(np.uint8)
    plain = score(batches(generated), reference, extractor).quality
    assert score(batches(tinted), reference, extractor).quality < 1.05 * plain
    # What can be seen still counts.
    glaring = (generated.astype(int) + 10 * red).clip(0, 255).astype(np.uint8)
    assert score(batches(glaring), reference, extractor).quality > 2 * plain


def test_features_that_vary_visibly_are_divided_by_their_own_deviation(tmp_path):
    extractor = build_extractor("scatter")
    pictures = draw_faces(300, 32, seed=3).images
    deviation = extractor(torch.cat(batches(pictures))).double().std(0)
    reference = load_or_compute_reference(pictures, "a", extractor, tmp_path)
    torch.testing.assert_close(reference.scale, deviation, rtol=1e-6, atol=0)


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


@pytest.mark.parametrize("sizes", [(1,) * 40, (7, 33), (40,), (3, 0, 30, 7)])
@pytest.mark.parametrize(("most", "step"), [(40, 1), (39, 2), (10, 4), (1, 64)])
def test_thinned_rows_are_every_kth_however_they_arrive(sizes, most, step):
    rows = torch.arange(40.0).view(40, 1)
    thinned = Thinned(most)
    for part in rows.split(sizes):
        thinned.update(part)
    assert torch.equal(thinned.rows, rows[::step])


def test_many_images_are_scored_without_holding_all_features(tmp_path, monkeypatch):
    extractor = StandardisedMeans()
    reference = load_or_compute_reference(faces(300, 1), "a", extractor, tmp_path)
    pictures = batches(np.tile(faces(50, 2, high=150), (8, 1, 1, 1)), 20)
    whole = score(pictures, reference, extractor)
    most = []
    original = Thinned.update

    def watched(self, rows):
        original(self, rows)
        most.append(sum(part.untyped_storage().nbytes() for part in self._parts) // rows[0].nbytes)

    monkeypatch.setattr(Thinned, "update", watched)
    monkeypatch.setattr("ignm.metrics.quality.INFLUENCE_ROWS", 10)
    few = score(pictures, reference, extractor)
    assert max(most) <= 40
    assert few.quality == whole.quality
    assert few.diversity == whole.diversity
    # Of 25 rows that the error is taken over, instead of 400.
    assert few.quality_error == pytest.approx(whole.quality_error, rel=0.5)


def test_features_of_another_metric_and_too_few_images_are_refused(tmp_path):
    reference = load_or_compute_reference(faces(100, 1), "a", Means(), tmp_path)
    with pytest.raises(IgnmError, match="fd_other"):
        score(batches(faces(10, 2)), replace(reference, metric="fd_other"), Means())
    with pytest.raises(IgnmError, match="at least 2"):
        score(batches(faces(1, 2)), reference, Means())
