"""What runs may be compared by: columns with a direction, distances from real images' values, derived numbers."""

import numpy as np
import pandas as pd
import pytest
from support.ablated import Ablated

from analysis.ablation.comparing import compare
from analysis.ablation.contrasts import contrast
from analysis.ablation.loading import load_ablation
from analysis.ablation.measures import measure_called
from analysis.claims.claim import Claim
from analysis.claims.judging import judge_claims
from analysis.results import load_study
from analysis.tables.metrics import metrics
from analysis.view import open_view
from ignm.errors import IgnmError


@pytest.fixture
def folder(tmp_path):
    """A lattice; precision rises by 0.2 with `data`, MS-SSIM's distance from real pairs falls."""
    study = Ablated(tmp_path, {"data": 10.0, "loss": 5.0}, levels={"wgan-gp": 95.0}).factorial().baselines("wgan-gp")
    folder = study.write()
    on = {place["arm"]: "data" in place["on"] for place in study.designs[0]["arms"]}
    file = folder / "results.parquet"
    rows = pd.read_parquet(file)
    data, noise = rows["arm"].map(lambda arm: on.get(arm, False)), 0.001 * rows["seed"].mod(7)
    rows["precision_scatter"] = np.where(data, 0.7 + noise, 0.5)
    rows["ms_ssim"], rows["ms_ssim_real"] = np.where(data, 0.28, 0.5) + noise, 0.3
    rows["precision_scatter_error"], rows["precision"] = 0.01, "fp32"
    rows.to_parquet(file)
    return folder


def claim(measure, **changes):
    own = {"id": "own", "text": "It helps", "designs": ["factorial"], "contrasts": ["data"], "measure": measure}
    return Claim.model_validate(own | changes)


def test_any_metric_of_the_results_is_a_measure_with_its_own_direction(folder):
    ablation = load_ablation(load_study(folder))
    (design,) = ablation.of("factorial")
    data = contrast(design, "data")
    # Without `data` 0.5 + noise lies above the real pairs' 0.3, with it 0.28 + noise below them.
    noise = 0.001 * np.mean([seed % 7 for seed in range(2000, 2005)])
    assert compare(ablation, data, "precision_scatter").improvement.value == pytest.approx(0.2 + noise)
    assert compare(ablation, data, "ms_ssim_gap").improvement.value == pytest.approx(0.2 + noise - (0.02 - noise))
    judged = judge_claims(ablation, [claim("precision_scatter"), claim("ms_ssim_gap", id="near", direction="worse")])
    assert [each.verdict for each in judged] == ["supported", "refuted"]


def test_a_claim_on_a_metric_that_no_run_has_is_not_tested(folder):
    (judged,) = judge_claims(load_ablation(load_study(folder)), [claim("recall_scatter")])
    (part,) = judged.parts
    assert (part.tested, judged.verdict) == (False, "inconclusive")
    assert "no run has recall_scatter" in part.hypothesis.untested
    assert "evaluation.metrics" in part.hypothesis.untested


@pytest.mark.parametrize(
    "name", ["quality_gap", "density_scatter", "ms_ssim_real", "precision", "swd_error", "", "loss"]
)
def test_what_is_no_measure_is_refused(name):
    with pytest.raises(IgnmError, match=f"measure '{name}'"):
        measure_called(name)


def test_diversity_may_be_high_or_near():
    assert not measure_called("diversity").lower_is_better
    gap = measure_called("diversity_gap")
    assert (gap.title, gap.lower_is_better) == ("distance of diversity from the real images'", True)


def test_extra_metrics_of_an_ablation_are_in_a_table(folder):
    table = metrics(open_view(folder))
    rows = {(row[1].shown, row[3].shown): row for row in table.rows}
    assert {column for _, column in rows} == {"precision_scatter", "ms_ssim", "ms_ssim_real"}
    assert {model for model, _ in rows} == {"dcgan", "wgan-gp", "ignm"}
    better, near, real = (rows["ignm", name] for name in ("precision_scatter", "ms_ssim", "ms_ssim_real"))
    assert [row[6].shown for row in (better, near, real)] == ["higher", "near ms_ssim_real", "–"]
    assert better[4].value == pytest.approx(0.7, abs=0.01)
    assert better[4].low < better[4].value < better[4].high
    assert real[4].value == pytest.approx(0.3)


def test_extra_metrics_of_confirmed_configurations_are_in_a_table(maker):
    for config, levels in (("a", [0.6, 0.8]), ("b", [0.5, 0.5])):
        maker.trial(f"s-{config}", config, [20.0], swd=9.0)
        for seed, level in enumerate(levels, 1000):
            quality = 10.0 + (config == "b")
            maker.trial(f"c-{config}-{seed}", config, [30.0, quality], stage="confirm", seed=seed, recall_scatter=level)
    table = metrics(open_view(maker.write()))
    told = [(row[1].shown, row[2].shown, row[3].shown, row[4].value, row[4].n) for row in table.rows]
    assert told == [
        ("a", "confirm", "recall_scatter", pytest.approx(0.7), 2),
        ("b", "confirm", "recall_scatter", pytest.approx(0.5), 2),
    ]
    assert table.rows[0][5].value == pytest.approx(0.1 * 2**0.5)


def test_without_extra_metrics_the_table_says_how_to_ask(maker):
    maker.trial("s", "a", [20.0])
    table = metrics(open_view(maker.write()))
    assert (table.rows, "evaluation: {metrics:" in table.empty) == ((), True)
