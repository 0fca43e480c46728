"""Metrics of neighbours and kernels: closed forms, honest errors, bounded chunks."""

import pytest
import torch

from ignm.metrics import neighbours
from ignm.metrics.kernel import kernel_distance, kernel_distance_of_subsets, self_similarity
from ignm.metrics.manifold import Balls, manifold_metrics
from ignm.metrics.memorisation import memorisation, nearest_training
from ignm.metrics.neighbours import radii, squared_distances


def rows(count, seed, dim=6, spread=1.0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dim, generator=generator, dtype=torch.float64) * spread + shift


def test_distances_and_radii_are_those_of_cdist_in_chunks_of_any_size(monkeypatch):
    one, other = rows(70, 1), rows(50, 2)
    expected = torch.cdist(one, other).square()
    own = torch.cdist(one, one).square().sort(1).values
    for elements in (1, 130, 10**6):
        monkeypatch.setattr(neighbours, "CHUNK_ELEMENTS", elements)
        starts, parts = zip(*squared_distances(one, other), strict=True)
        torch.testing.assert_close(torch.cat(parts), expected)
        assert list(starts) == [sum(map(len, parts[:number])) for number in range(len(parts))]
        torch.testing.assert_close(radii(one, 3), own[:, 3])


def test_metrics_do_not_hang_on_the_chunks(monkeypatch):
    one, other = rows(90, 1), rows(110, 2)
    whole = manifold_metrics(one, other), kernel_distance(one, other)
    monkeypatch.setattr(neighbours, "CHUNK_ELEMENTS", 700)
    parts = manifold_metrics(one, other), kernel_distance(one, other)
    assert parts[0] == whole[0]
    assert parts[1] == pytest.approx(whole[1], rel=1e-9)


def test_kernel_distance_of_three_points_by_hand():
    one, other = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [2.0]])
    # k(x, y) = (xy + 1)^3: own pair 1, their pair 1, cross pairs 1, 1, 1, 27.
    assert kernel_distance(one, other).value == pytest.approx(1 + 1 - 2 * 30 / 4)
    assert self_similarity(other) == 1


def test_the_kernel_distance_of_one_distribution_is_zero_on_average():
    real = rows(300, 0)
    found = [kernel_distance(rows(100, seed), real).value for seed in range(1, 60)]
    spread = torch.tensor(found)
    own = kernel_distance(rows(4000, 99), real).value  # what this very reference is away
    assert float(spread.mean()) == pytest.approx(own, abs=4 * float(spread.std()) / 59**0.5)


def test_its_error_is_the_jackknifes():
    one, other = rows(30, 1, shift=0.3), rows(50, 2)
    without = torch.tensor([kernel_distance(torch.cat([one[:i], one[i + 1 :]]), other).value for i in range(30)])
    expected = ((without - without.mean()).square().sum() * 29 / 30).sqrt()
    assert kernel_distance(one, other).error == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_errors_are_the_spread_over_fresh_images_and_none_is_too_small(shift):
    real = rows(300, 0)
    balls, own = Balls.around(real), self_similarity(real)
    comparison = nearest_training(real, real, leave_out_self=True)
    found = {}
    for seed in range(1, 201):
        drawn = rows(200, seed, spread=1.1, shift=shift)
        estimates = manifold_metrics(drawn, real, balls) | memorisation(nearest_training(drawn, real), comparison)
        for name, each in (estimates | {"kernel": kernel_distance(drawn, real, own)}).items():
            found.setdefault(name, []).append(each)
    for name, each in found.items():
        values, errors = torch.tensor(each).unbind(1)
        ratio = float(errors.square().mean().sqrt() / values.std())
        # 200 draws know a spread to 5 %; the jackknife of recall and coverage errs on the careful side.
        assert 0.85 < ratio < 1.5, name


def test_two_equal_sets_have_full_precision_recall_and_coverage():
    one = rows(60, 1)
    found = manifold_metrics(one, one)
    assert all(found[name].value == 1 for name in ("precision", "recall", "coverage"))


def test_a_generator_that_drops_half_keeps_precision_and_loses_recall_and_coverage():
    real = torch.cat([rows(200, 1), rows(200, 2, shift=30.0)])
    found = manifold_metrics(rows(300, 3), real)
    assert found["precision"].value > 0.7
    assert found["recall"].value < 0.5
    assert found["coverage"].value <= 0.5


def test_a_generator_that_adds_garbage_loses_precision_only():
    real = rows(300, 1)
    found = manifold_metrics(torch.cat([rows(200, 2), rows(200, 3, shift=40.0)]), real)
    assert found["precision"].value <= 0.5
    assert found["coverage"].value > 0.7


def test_copies_lie_at_zero_and_are_all_called_copies():
    training = rows(200, 1).float() + 50
    comparison = nearest_training(training, training, leave_out_self=True)
    copied = nearest_training(training[:50], training)
    assert (copied == 0).all()
    found = memorisation(copied, comparison)
    assert found["nearer"].value == 1
    assert found["copies"].value == 1


def test_fresh_images_are_as_near_as_held_out_ones_and_unlike_ones_are_farther():
    training, held_out = rows(500, 1), rows(500, 2)
    comparison = nearest_training(held_out, training)
    fresh = memorisation(nearest_training(rows(500, 3), training), comparison)
    assert fresh["nearer"].value == pytest.approx(0.5, abs=4 * fresh["nearer"].error + 0.03)
    assert fresh["copies"].value == pytest.approx(0.01, abs=0.02)
    assert memorisation(nearest_training(rows(500, 4, shift=5.0), training), comparison)["nearer"].value < 0.01


def test_the_chance_of_being_nearer_counts_pairs_and_ties_half():
    found = memorisation(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    assert found["nearer"].value == pytest.approx((0.5 + 1 + 0 + 1) / 4)


@pytest.mark.parametrize("metric", [kernel_distance, manifold_metrics, nearest_training])
def test_rows_that_do_not_fit_are_refused(metric):
    with pytest.raises(ValueError, match="expected features"):
        metric(rows(10, 1, dim=3), rows(10, 2, dim=4))


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least 6 rows"):
        manifold_metrics(rows(5, 1), rows(10, 2))
    with pytest.raises(ValueError, match="at least 100 rows"):
        kernel_distance_of_subsets(rows(50, 1), rows(200, 2), size=100)
    with pytest.raises(ValueError, match="needs more than 3 rows"):
        radii(rows(3, 1), 3)
