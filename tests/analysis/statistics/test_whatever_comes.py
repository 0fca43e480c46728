"""Whatever is lost, alike or missing: a result or a reason, never a traceback, never a NaN."""

import dataclasses
import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.across import interquartile_mean, probability_of_improvement
from analysis.statistics.estimates import NotEstimable, mean_estimate
from analysis.statistics.factorial import factorial_effects
from analysis.statistics.paired import difference, paired_difference, welch_difference
from analysis.statistics.selection import candidates
from analysis.statistics.sequential import SeedPlan, next_step
from analysis.statistics.shapley import shapley_shares
from analysis.statistics.survival import Times, speedup, survival
from analysis.statistics.verdict import judge, judge_all

FACTORS = ["data", "loss"]

# Few different values, so that ties and equal arms come up, and much that is lost.
quality = st.sampled_from([np.nan, np.inf, 3.0, 3.0, 5.0, 8.25, 1e-3, 1e6])
tables = st.integers(0, 4).flatmap(
    lambda seeds: st.lists(st.lists(quality, min_size=4, max_size=4), min_size=seeds, max_size=seeds)
)


def numbers(value):
    if dataclasses.is_dataclass(value):
        return [n for field in dataclasses.fields(value) for n in numbers(getattr(value, field.name))]
    if isinstance(value, dict):
        return [n for each in value.values() for n in numbers(each)]
    if isinstance(value, list | tuple):
        return [n for each in value for n in numbers(each)]
    return [value] if isinstance(value, float) else []


def assert_said(result):
    assert dataclasses.is_dataclass(result)
    assert all(math.isfinite(number) for number in numbers(result)), result
    if isinstance(result, NotEstimable):
        assert len(result.reason) > 10


@settings(max_examples=120, deadline=None)
@given(tables)
def test_a_result_or_a_reason(values):
    wide = pd.DataFrame(np.array(values, dtype=float).reshape(-1, 4), columns=["a", "b", "c", "d"])
    finite = wide.where(np.isfinite(wide))
    one, other = wide["a"], wide["b"]
    found = [make(one, other) for make in (difference, paired_difference, welch_difference)]
    found.append(mean_estimate(one))
    for each in list(found):
        found += [judge(each, 0.5), next_step(each, 0.5, SeedPlan(2, 4))]
    found += judge_all({str(number): each for number, each in enumerate(found[:4])}, 0.5).values()
    arms = list(product([0, 1], repeat=2))
    runs = pd.DataFrame(
        [
            dict(zip(FACTORS, arm, strict=True)) | {"seed": seed, "quality": row[i]}
            for seed, row in enumerate(values)
            for i, arm in enumerate(arms)
        ],
        columns=[*FACTORS, "seed", "quality"],
    )
    found += [factorial_effects(runs, FACTORS), shapley_shares(runs, FACTORS), candidates(finite)]
    found.append(interquartile_mean({"celeba": one, "ffhq": other}))
    found.append(probability_of_improvement({"celeba": one}, {"celeba": other}))
    for each in found:
        assert_said(each)


@settings(max_examples=60, deadline=None)
@given(*[st.lists(st.tuples(st.sampled_from([0.0, 1.0, 4.0, 10.0]), st.booleans()), max_size=4)] * 2)
def test_times_too(one, other):
    arms = [Times(tuple(range(len(a))), tuple(t for t, _ in a), tuple(r for _, r in a)) for a in (one, other)]
    for each in [*map(survival, arms), speedup(*arms), speedup(*arms, horizon=5.0)]:
        assert_said(each)


@pytest.mark.parametrize("values", [[], [np.nan], [1.0], [1.0, 1.0], [np.inf, 1.0]])
def test_no_warning_is_left_for_the_reader(values, recwarn):
    assert_said(mean_estimate(values))
    assert_said(difference(values, values[::-1]))
    assert not recwarn.list
