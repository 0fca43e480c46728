import numpy as np
import pytest

from analysis.statistics.estimates import Estimate, NotEstimable, t_parts
from analysis.statistics.paired import improvement, paired_difference
from analysis.statistics.verdict import judge, judge_all
from ignm.errors import IgnmError

STUDIES = 2_000


def between(low, high):
    """An estimate with this 95% interval."""
    df = 4
    half = -t_parts(0.0, 1.0, df, 0.95)["low"]
    return Estimate(**t_parts((low + high) / 2, (high - low) / 2 / half, df, 0.95), n=5, lost=0, method="made")


@pytest.mark.parametrize(
    ("low", "high", "verdict", "detail"),
    [
        (1.2, 3.0, "supported", "large enough"),
        (0.2, 3.0, "supported", "improvement"),
        (0.1, 0.9, "refuted", "negligible"),
        (-0.5, 0.9, "refuted", "equivalent"),
        (-1.5, 0.9, "refuted", "too small"),
        (-1.5, -0.1, "refuted", "worse"),
        (-0.5, 1.5, "inconclusive", "undecided"),
    ],
)
def test_where_the_interval_lies_decides(low, high, verdict, detail):
    found = judge(between(low, high), 1.0)
    assert (found.verdict, found.detail) == (verdict, detail)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.reason.startswith("the interval (95%) is ")
    assert (found.more_seeds is not None) == (verdict == "inconclusive")


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 2, "supported"), (-2, -0.1, "refuted"), (-1, 1, "inconclusive")]
)
def test_with_no_smallest_effect_the_sign_decides(low, high, verdict):
    assert judge(between(low, high), 0.0).verdict == verdict


def test_no_number_of_seeds_decides_what_sits_on_the_border():
    found = judge(between(-1, 1), 0.0)
    assert found.more_seeds is None
    assert "no number of seeds" in found.reason


def test_what_cannot_be_estimated_is_inconclusive_and_asks_for_the_first_seeds():
    found = judge(NotEstimable("only one pair of runs: its spread is unknown", 1, 0, 2.5), 1.0)
    assert (found.verdict, found.detail, found.more_seeds, found.value) == ("inconclusive", "not estimable", 2, 2.5)
    assert found.low is None
    assert judge(NotEstimable("all equal", 4), 1.0).more_seeds is None


@pytest.mark.parametrize(("smallest", "alpha"), [(-1.0, 0.05), (float("nan"), 0.05), (1.0, 0.0), (1.0, 1.0)])
def test_a_claim_must_be_stated_whole(smallest, alpha):
    with pytest.raises(IgnmError, match="smallest effect of interest"):
        judge(between(0, 1), smallest, alpha)


def test_every_stated_claim_has_its_own_smallest_effect():
    with pytest.raises(IgnmError, match="loss"):
        judge_all({"data": between(0, 1), "loss": between(0, 1)}, {"data": 1.0})


def verdicts(effect, smallest, seeds, seed, diverged=0.0):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((STUDIES, seeds))
    baseline, improved = (shared + rng.standard_normal((STUDIES, seeds)) for _ in range(2))
    improved = np.where(rng.random(improved.shape) < diverged, np.nan, improved - effect)
    return [judge(improvement(*arms), smallest).verdict for arms in zip(baseline, improved, strict=True)]


@pytest.mark.parametrize(("seeds", "diverged"), [(3, 0.0), (6, 0.1)])
def test_what_is_worth_nothing_is_rarely_supported(seeds, diverged):
    found = verdicts(0.0, 1.0, seeds, 31, diverged)
    assert np.mean([each == "supported" for each in found]) <= 0.05


def test_what_is_worth_it_is_rarely_refuted_and_mostly_supported():
    found = verdicts(1.0, 1.0, 12, 32)
    assert np.mean([each == "refuted" for each in found]) <= 0.05
    found = verdicts(2.0, 1.0, 12, 33)
    assert np.mean([each == "supported" for each in found]) > 0.9


def test_a_family_makes_a_false_claim_no_more_often_than_one():
    """Six claims: four strategies that do nothing, two that are worth exactly what matters."""
    rng = np.random.default_rng(34)
    true = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    draws = true[:, None] + rng.standard_normal((600, 6, 8))
    zero = np.zeros(8)
    supported, refuted, alone = [], [], []
    for study in draws:
        estimates = {str(i): paired_difference(values, zero) for i, values in enumerate(study)}
        found = judge_all(estimates, 1.0)
        supported.append(any(found[str(i)].verdict == "supported" for i in range(4)))
        refuted.append(any(found[str(i)].verdict == "refuted" for i in (4, 5)))
        alone.append(any(judge(estimates[str(i)], 1.0).low > 0 for i in range(4)))
    assert np.mean(supported) <= 0.05
    assert np.mean(refuted) <= 0.05
    assert np.mean(alone) > 0.06


def test_a_claim_that_could_not_be_tested_still_counts_in_its_family():
    strong = between(0.05, 2.0)
    assert judge_all({"data": strong}, 0.5)["data"].verdict == "supported"
    lost = NotEstimable("no pair of runs is left (3 lost)", 0, 3)
    found = judge_all({"data": strong, "loss": lost}, 0.5)
    assert (found["data"].verdict, found["data"].confidence) == ("inconclusive", 0.975)


def test_each_limit_is_at_the_level_that_it_was_tested_on():
    """Holm by hand: support passes for `data` at .05 / 3, refutation for `loss`; what fails next is at .05 / 2."""
    estimates = {"data": between(3, 4), "loss": between(-4, -3), "init": between(-1, 2)}
    found = judge_all(estimates, 1.0)
    first, second = 1 - 0.05 / 3, 1 - 0.05 / 2
    lower = {"data": first, "loss": second, "init": second}
    upper = {"data": second, "loss": first, "init": second}
    for name, estimate in estimates.items():
        assert found[name].low == pytest.approx(estimate.limits(lower[name])[0])
        assert found[name].high == pytest.approx(estimate.limits(upper[name])[1])
    assert "its lower limit at 98.3%, its upper at 97.5%" in found["data"].reason


def test_two_that_each_just_pass_alone_do_not_pass_together():
    just = between(0.05, 2.0)
    assert judge(just, 0.5).verdict == "supported"
    assert {each.verdict for each in judge_all({"data": just, "loss": just}, 0.5).values()} == {"inconclusive"}


def test_one_claim_is_a_family_of_one():
    estimate = between(0.2, 3.0)
    assert judge_all({"data": estimate}, 1.0) == {"data": judge(estimate, 1.0)}
