import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from ignm.metrics.estimate import jackknife_error
from ignm.metrics.frechet import (
    Moments,
    covariance_root,
    frechet_distance,
    frechet_distance_of_rows,
    frechet_estimate,
)


def samples(count, dim, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    shift = torch.randn(dim, generator=generator, dtype=torch.float64)
    return torch.randn(count, dim, generator=generator, dtype=torch.float64) @ mixing + shift


def covariance_of(rows):
    return torch.from_numpy(np.cov(rows.numpy(), rowvar=False))


def scipy_distance(mean, covariance, reference_mean, reference_covariance):
    """The textbook formula with a general matrix square root."""
    root = linalg.sqrtm(covariance.numpy() @ reference_covariance.numpy()).real
    shift = (mean - reference_mean).numpy()
    return shift @ shift + np.trace(covariance) + np.trace(reference_covariance) - 2 * np.trace(root)


def test_distance_of_gaussians_with_commuting_covariances_has_its_closed_form():
    generator = torch.Generator().manual_seed(3)
    basis = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64))[0]
    one = torch.tensor([4.0, 1.0, 9.0, 0.25, 16.0, 1.0], dtype=torch.float64)
    other = torch.tensor([1.0, 1.0, 4.0, 2.25, 0.0, 25.0], dtype=torch.float64)
    shift = torch.tensor([1.0, -2.0, 0.0, 0.0, 2.0, 0.0], dtype=torch.float64)

    found = frechet_distance(
        shift, basis @ one.diag() @ basis.T, torch.zeros(6).double(), covariance_root(basis @ other.diag() @ basis.T)
    )

    assert found == pytest.approx(float(shift @ shift + (one.sqrt() - other.sqrt()).square().sum()), rel=1e-10)


@pytest.mark.parametrize("dim", [1, 2, 17, 64])
def test_distance_equals_scipys_matrix_square_root(dim):
    one, other = samples(200, dim, seed=1), samples(300, dim, seed=2)
    found = frechet_distance(
        one.mean(0), covariance_of(one).view(dim, dim), other.mean(0),
        covariance_root(covariance_of(other).view(dim, dim)),
    )  # fmt: skip
    expected = scipy_distance(
        one.mean(0), covariance_of(one).view(dim, dim), other.mean(0), covariance_of(other).view(dim, dim)
    )
    assert found == pytest.approx(expected, rel=1e-8)


def waves(count, dim, frequency):
    """Rows of a closed form, so that no version of a random generator can change them."""
    row, column = torch.arange(1, count + 1).double()[:, None], torch.arange(1, dim + 1).double()[None, :]
    return torch.sin(frequency * row * column) * (1 + column / dim) + column / 10


CLEAN_FID = 19.45164771636078
"""clean-fid 0.1.35's `frechet_distance` of the two, with SciPy 1.17.1; with 1.18 that call is gone."""


def test_distance_equals_clean_fids():
    one, other = waves(200, 24, 1.7), 1.5 * waves(300, 24, 2.3)
    found = frechet_distance(one.mean(0), covariance_of(one), other.mean(0), covariance_root(covariance_of(other)))
    assert found == pytest.approx(CLEAN_FID, rel=1e-8)


def test_distance_to_itself_is_zero_even_when_the_covariance_is_singular():
    rows = samples(10, 40)
    covariance = covariance_of(rows)
    root = covariance_root(covariance)
    assert root.shape == (40, 9)
    assert frechet_distance(rows.mean(0), covariance, rows.mean(0), root) == pytest.approx(
        0, abs=1e-6 * float(covariance.diagonal().sum())
    )


@pytest.mark.parametrize("count", [2, 5, 31, 100])
def test_route_over_rows_equals_route_over_moments(count):
    one, other = samples(count, 32, seed=4), samples(400, 32, seed=5)
    root = covariance_root(covariance_of(other))
    # A singular product has null eigenvalues known to about 1e-16 of its scale, whose roots are near 1e-8.
    assert frechet_distance_of_rows(one, other.mean(0), root) == pytest.approx(
        frechet_distance(one.mean(0), covariance_of(one), other.mean(0), root), rel=1e-6
    )


@pytest.mark.parametrize("count", [6, 60])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e200])
def test_features_that_are_not_finite_have_no_distance(count, wrong):
    other = samples(100, 12, seed=5)
    mean, root = other.mean(0), covariance_root(covariance_of(other))
    one = samples(count, 12, seed=4)
    one[2, 3] = wrong
    assert math.isnan(frechet_estimate(one, mean, root).value)
    assert math.isnan(frechet_estimate(one, mean, root).error)
    assert math.isnan(frechet_distance_of_rows(one, mean, root))
    assert math.isnan(frechet_distance(one.mean(0), torch.cov(one.T), mean, root))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 2**16))
def test_moments_do_not_hang_on_how_rows_are_batched_or_merged(sizes, seed):
    rows = samples(sum(sizes) + 2, 5, seed) + 1e4
    batches = [*rows.split([*sizes, 2])]
    streamed = Moments.of(batches, 5)
    merged = Moments(5)
    for batch in reversed(batches):
        merged.merge(Moments.of([batch], 5))

    for moments in (streamed, merged):
        assert moments.count == len(rows)
        torch.testing.assert_close(moments.mean, rows.mean(0))
        torch.testing.assert_close(moments.covariance, covariance_of(rows), rtol=1e-6, atol=1e-6)


def test_moments_of_float32_features_are_summed_in_float64():
    features = samples(1000, 3).float() + 1000
    exact = features.double()
    moments = Moments.of(features.split(64), 3)
    torch.testing.assert_close(moments.covariance, covariance_of(exact), rtol=1e-9, atol=1e-9)


def test_moments_of_one_row_have_no_covariance():
    with pytest.raises(ValueError, match="at least 2 rows"):
        _ = Moments.of([samples(1, 3)], 3).covariance


@pytest.mark.parametrize(("count", "dim"), [(150, 6), (40, 40), (25, 30)])
def test_the_estimate_is_the_distance_whatever_the_route(count, dim):
    one, other = samples(count, dim, seed=4), samples(300, dim, seed=5)
    root = covariance_root(covariance_of(other))
    found = frechet_estimate(one, other.mean(0), root)
    # As above: null eigenvalues of the n by n form.
    assert found.value == pytest.approx(frechet_distance_of_rows(one, other.mean(0), root), rel=1e-6)
    assert found.value == pytest.approx(
        scipy_distance(one.mean(0), covariance_of(one), other.mean(0), covariance_of(other)), rel=1e-4
    )


@pytest.mark.parametrize(("count", "dim", "most"), [(300, 5, 1.1), (120, 20, 1.1), (60, 60, 1.1), (20, 40, 1.3)])
def test_the_standard_error_is_that_of_leaving_each_row_out(count, dim, most):
    """With fewer rows than features a row takes a direction along, and the linear error is on the careful side."""
    one, other = samples(count, dim, seed=6), samples(400, dim, seed=7)
    root, mean = covariance_root(covariance_of(other)), other.mean(0)
    without = [frechet_estimate(torch.cat([one[:i], one[i + 1 :]]), mean, root).value for i in range(count)]
    expected = jackknife_error(torch.tensor(without))
    assert 0.9 < frechet_estimate(one, mean, root).error / expected < most


def test_the_standard_error_is_the_spread_over_fresh_rows_and_near_the_bootstraps():
    other = samples(400, 5, seed=1)
    root, mean = covariance_root(covariance_of(other)), other.mean(0)
    generator = torch.Generator().manual_seed(2)

    def draw():
        return torch.randn(300, 5, generator=generator, dtype=torch.float64) * 1.5 + 0.5

    found = [frechet_estimate(draw(), mean, root) for _ in range(300)]
    spread = torch.tensor([each.value for each in found]).std()
    typical = torch.tensor([each.error for each in found]).mean()
    # A standard deviation of 300 values is known to 4 %.
    assert typical == pytest.approx(float(spread), rel=0.12)

    rows = draw()
    again = [
        frechet_estimate(rows[torch.randint(300, (300,), generator=generator)], mean, root).value for _ in range(300)
    ]
    assert frechet_estimate(rows, mean, root).error == pytest.approx(float(torch.tensor(again).std()), rel=0.15)


def test_the_error_over_some_of_many_rows_is_the_error_over_all(monkeypatch):
    rows, other = samples(4000, 6, seed=3), samples(400, 6, seed=4)
    root = covariance_root(covariance_of(other))
    whole = frechet_estimate(rows, other.mean(0), root)
    monkeypatch.setattr("ignm.metrics.frechet.INFLUENCE_ROWS", 1000)
    part = frechet_estimate(rows, other.mean(0), root)
    assert part.value == pytest.approx(whole.value, rel=1e-12)
    assert part.error == pytest.approx(whole.error, rel=0.1)
    assert part.error != whole.error


def test_rows_without_variation_have_a_distance_and_no_error():
    other = samples(100, 5)
    root = covariance_root(covariance_of(other))
    for count in (3, 50):
        found = frechet_estimate(torch.ones(count, 5, dtype=torch.float64), other.mean(0), root)
        shift = 1 - other.mean(0)
        assert found.value == pytest.approx(float(shift @ shift + root.square().sum()))
        assert found.error == 0
