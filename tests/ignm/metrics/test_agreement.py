"""Equal features give the numbers of clean-fid 0.1.35, pytorch-fid 0.3.0, torch-fidelity 0.4.0 and prdc 0.2."""

import contextlib
import io

import mpmath
import numpy as np
import pytest
import scipy.linalg
import torch

from ignm.metrics.frechet import Moments, covariance_root, frechet_distance, frechet_estimate
from ignm.metrics.kernel import kernel_distance, kernel_distance_of_subsets
from ignm.metrics.manifold import manifold_metrics


def features(count, seed, dim=48, spread=1.0, shift=0.0):
    """Features like a network's: correlated, positive, with a few loud directions."""
    mixing = torch.randn(dim, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, dim, generator=generator, dtype=torch.float64) * spread + shift
    return (rows @ mixing).relu() / dim**0.5


REAL, GENERATED = features(700, 1), features(500, 2, spread=1.2, shift=0.1)


def moments(rows):
    found = Moments.of([rows], rows.shape[1])
    return found.mean, found.covariance


def ours(generated=GENERATED, real=REAL):
    mean, covariance = moments(real)
    return frechet_distance(*moments(generated), mean, covariance_root(covariance))


@pytest.fixture
def sqrtm(monkeypatch):
    """Clean-fid and pytorch-fid ask for `disp=False`, which returns a pair, and which SciPy has taken away since."""
    real = scipy.linalg.sqrtm
    monkeypatch.setattr(scipy.linalg, "sqrtm", lambda matrix, disp=True: real(matrix) if disp else (real(matrix), 0.0))


def statistics(rows):
    mean, covariance = moments(rows)
    return mean.numpy(), covariance.numpy()


def test_frechet_distance_is_clean_fids(sqrtm):
    from cleanfid.fid import frechet_distance as theirs

    assert ours() == pytest.approx(theirs(*statistics(GENERATED), *statistics(REAL)), rel=1e-6)


def test_frechet_distance_is_pytorch_fids(sqrtm):
    from pytorch_fid.fid_score import calculate_frechet_distance as theirs

    assert ours() == pytest.approx(theirs(*statistics(GENERATED), *statistics(REAL)), rel=1e-6)


def test_frechet_distance_is_torch_fidelitys():
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    pair = [fid_features_to_statistics(rows) for rows in (GENERATED, REAL)]
    found = fid_statistics_to_metric(*pair, verbose=False)["frechet_inception_distance"]
    assert ours() == pytest.approx(found, rel=1e-6)
    assert frechet_estimate(GENERATED, *_reference()).value == pytest.approx(found, rel=1e-6)


def _reference():
    mean, covariance = moments(REAL)
    return mean, covariance_root(covariance)


def test_frechet_distance_is_that_of_forty_digits():
    one, other = features(60, 3, dim=10), features(50, 4, dim=10, spread=1.1)
    with mpmath.workdps(40):
        (mean, covariance), (other_mean, other_covariance) = (
            [mpmath.matrix(part.tolist()) for part in moments(rows)] for rows in (one, other)
        )
        values, vectors = mpmath.eigsy(other_covariance)
        root = vectors * mpmath.diag([mpmath.sqrt(value) for value in values]) * vectors.T
        product = root * covariance * root
        fidelity = mpmath.fsum(mpmath.sqrt(value) for value in mpmath.eigsy((product + product.T) / 2)[0])
        shift = mean - other_mean
        trace = mpmath.fsum((covariance + other_covariance)[i, i] for i in range(10))
        expected = float((shift.T * shift)[0] + trace - 2 * fidelity)
    assert ours(one, other) == pytest.approx(expected, rel=1e-11)


def test_kernel_distance_of_subsets_is_torch_fidelitys():
    from torch_fidelity.metric_kid import kid_features_to_metric

    found = kid_features_to_metric(GENERATED, REAL, kid_subsets=7, kid_subset_size=300, verbose=False)
    mean, deviation = kernel_distance_of_subsets(GENERATED, REAL, subsets=7, size=300)
    assert mean == pytest.approx(found["kernel_inception_distance_mean"], rel=1e-6)
    assert deviation == pytest.approx(found["kernel_inception_distance_std"], rel=1e-6)


def test_kernel_distance_of_all_rows_is_torch_fidelitys_one_subset():
    from torch_fidelity.metric_kid import kid_features_to_metric

    found = kid_features_to_metric(GENERATED, REAL[:500], kid_subsets=1, kid_subset_size=500, verbose=False)
    expected = found["kernel_inception_distance_mean"]
    assert kernel_distance(GENERATED, REAL[:500]).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("neighbour", [1, 3, 5])
def test_precision_and_recall_are_torch_fidelitys(neighbour):
    from torch_fidelity.metric_prc import prc_features_to_metric

    found = prc_features_to_metric(GENERATED, REAL, prc_neighborhood=neighbour, verbose=False)
    mine = manifold_metrics(GENERATED, REAL, precision=neighbour)
    assert 0.05 < found["precision"] < 0.95
    for name in ("precision", "recall"):
        assert mine[name].value == pytest.approx(found[name], rel=1e-6)


@pytest.mark.parametrize("neighbour", [3, 5])
def test_precision_recall_density_and_coverage_are_prdcs(neighbour):
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(REAL.numpy(), GENERATED.numpy(), nearest_k=neighbour)
    mine = manifold_metrics(GENERATED, REAL, precision=neighbour, density=neighbour)
    for name, value in found.items():
        assert mine[name].value == pytest.approx(value, rel=1e-6)


def test_float32_features_give_the_same_shares():
    mine = manifold_metrics(GENERATED.float(), REAL.float())
    for name, each in manifold_metrics(GENERATED, REAL).items():
        assert mine[name].value == pytest.approx(each.value, abs=0.004)
    exact = kernel_distance(GENERATED, REAL)
    assert kernel_distance(GENERATED.float(), REAL.float()).value == pytest.approx(exact.value, rel=1e-4)
    assert np.isfinite(exact.error)
