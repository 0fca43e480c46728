import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.statistics.multiplicity import benjamini_hochberg, holm, holm_levels, seeds_needed
from analysis.statistics.resampling import sign_flip_p
from ignm.errors import IgnmError

# Benjamini and Hochberg (1995), section 3: of 15 hypotheses their procedure rejects 4, Bonferroni's and Holm's 3.
PUBLISHED = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip


def test_published_example():
    assert sum(p <= 0.05 for p in holm(PUBLISHED)) == 3
    assert sum(p <= 0.05 for p in benjamini_hochberg(PUBLISHED)) == 4
    assert holm(PUBLISHED)[2] == pytest.approx(13 * 0.0019)
    assert benjamini_hochberg(PUBLISHED)[3] == pytest.approx(15 / 4 * 0.0095)


@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_they_are_statsmodels(ours, theirs):
    p = np.round(np.random.default_rng(9).random(12) ** 2, 2).tolist()
    assert ours(p) == pytest.approx(multipletests(p, method=theirs)[1])


def test_what_was_not_tested_stays_in_the_family():
    assert holm([0.02, None]) == [0.04, 1.0]
    assert holm([]) == []


def test_no_p_lies_outside_zero_and_one():
    with pytest.raises(IgnmError, match="between 0 and 1"):
        holm([0.1, 1.2])
    with pytest.raises(IgnmError, match="between 0 and 1"):
        benjamini_hochberg([float("nan")])


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 0.2)), min_size=1, max_size=9))
def test_levels_decide_as_holm_does(p):
    for own, level, adjusted in zip(p, holm_levels(p, 0.05), holm(p), strict=True):
        margin = abs(adjusted - 0.05)
        if margin > 1e-12:
            assert ((1.0 if own is None else own) <= level) == (adjusted <= 0.05)


@pytest.mark.parametrize(("comparisons", "seeds"), [(1, 6), (2, 7), (6, 8), (7, 9), (12, 9), (13, 10)])
def test_seeds_that_a_correction_needs(comparisons, seeds):
    assert seeds_needed(comparisons) == seeds
    smallest = sign_flip_p(np.ones(seeds)), sign_flip_p(np.ones(seeds - 1))
    assert smallest[0] <= 0.05 / comparisons < smallest[1]


@pytest.mark.parametrize(("comparisons", "alpha"), [(0, 0.05), (1, 0.0), (1, 1.0)])
def test_seeds_of_nothing(comparisons, alpha):
    with pytest.raises(IgnmError):
        seeds_needed(comparisons, alpha)


@pytest.mark.parametrize("alpha", [0.5, 0.99, 0.25, 0.125, 1e-6])
def test_seeds_at_any_alpha(alpha):
    n = seeds_needed(1, alpha)
    assert 2.0 ** (1 - n) <= alpha < 2.0 ** (2 - n)
