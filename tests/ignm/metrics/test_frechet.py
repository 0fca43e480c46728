import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from ignm.metrics.frechet import Moments, covariance_root, frechet_distance, frechet_distance_of_rows


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
