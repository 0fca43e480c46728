"""The page of a study with an ablation: what it says first, and what it says of one that is poor or unfinished."""

import html
import re

import pandas as pd
import pytest
from support.ablated import STRATEGIES, Ablated

from analysis.conclusions import conclude
from analysis.report import build_report
from analysis.view import open_view

PLANTED = {"structure": 20.0, "loss": 10.0}


def planted(tmp_path, **more):
    return Ablated(tmp_path / "study", PLANTED, levels={"wgan-gp": 90.0, "sagan": 80.0}, noise=0.3, **more)


def page_of(folder):
    return build_report(folder, notebooks=False).read_text(encoding="utf-8")


def section(page, name):
    return html.unescape(page.split(f'<section class="finding" id="{name}"')[1].split("</section>")[0])


def test_the_verdicts_come_first_with_effect_interval_and_seeds(tmp_path):
    made = planted(tmp_path, variety={"structure": 0.3}).everything()
    page = page_of(made.write())
    assert page.index('id="conclusions"') < page.index('id="tables"') < page.index('id="ablation"')
    text = section(page, "conclusions")
    headline = re.search(r'class="headline">(.*?)</p>', text)[1]
    assert headline == "The ablation tested 4 claims: 2 supported, 2 refuted"
    assert verdicts_of(text)["A better structure gives a more expressive model"] == "supported"
    assert verdicts_of(text)["Better data gives better images"] == "refuted"
    assert "Not tested" not in text
    found = re.search(r"ignm against sagan: fd_tiny is better by ([\d.]+), \d+% of ([\d.]+) \((\d) seeds\)", text)
    rows = pd.DataFrame(made.rows())
    last = rows[rows["point"] == 80.0].groupby("arm")["quality"].mean()
    sagan, ignm = last[made.number("sagan")], last[made.number(STRATEGIES)]
    assert float(found[1]) == pytest.approx(sagan - ignm, abs=0.05)
    assert float(found[2]) == pytest.approx(sagan, abs=0.05)
    assert found[3] == "5"
    assert "data.mirror true" in text.split("What was switched on")[1]


def verdicts_of(text):
    """What stands beside each claim."""
    return {claim: word for word, claim in re.findall(r'<li data-verdict="([a-z ]+)">.*?<strong>(.*?)</strong>', text)}


def test_only_claims_that_were_tested_have_a_verdict(tmp_path):
    page = page_of(planted(tmp_path, strategies=("data", "loss")).leave_one_out().write())
    text = section(page, "conclusions")
    assert "The ablation tested 1 claim: 1 refuted" in text
    assert verdicts_of(text) == {"Better data gives better images": "refuted"}
    assert text.count("Not tested by this study: ") == 1
    untested = text.split("Not tested by this study: ")[1].split("</p>")[0]
    assert "Pretraining makes training faster” (dcgan and ignm do not differ in init" in untested
    assert "beats DCGAN, WGAN-GP and SAGAN on each dataset” (not asked for: ablate.designs: baselines" in untested
    assert "nconclusive" not in text
    assert "dcgan+loss" not in page
    assert "ignm against itself without its data changes: fd_tiny is " in text


def test_what_each_left_out_strategy_held_is_said_beside_the_verdict(tmp_path):
    text = section(page_of(planted(tmp_path).leave_one_out().write()), "conclusions")
    switched = text.split("What was switched on")[1]
    assert "Data (images and augmentation) on faces@32, dcgan to ignm: data.mirror true." in switched
    assert "Loss (losses and optimisation) on faces@32, dcgan to ignm: loss.adversarial hinge." in switched


def test_a_claim_that_was_tested_in_part_says_so(tmp_path):
    made = Ablated(tmp_path / "study", PLANTED, levels={"wgan-gp": 90.0}, noise=0.3).baselines("wgan-gp")
    text = section(page_of(made.write()), "conclusions")
    claim = "The improved model beats DCGAN, WGAN-GP and SAGAN on each dataset"
    assert verdicts_of(text) == {claim: "tested in part"}
    assert f"“{claim}” against sagan (not asked for: ablate.baselines has no sagan)" in text


def test_a_study_without_a_search_shows_none_of_its_parts(tmp_path):
    page = page_of(planted(tmp_path).factorial().write())
    assert 'id="finding"' not in page
    assert 'id="leaderboard"' not in page
    assert "ignm ablate study/study.yaml" in page


def test_a_search_and_an_ablation_stand_side_by_side(tmp_path):
    made = planted(tmp_path).factorial()
    made.extra = [
        {"trial": f"search-{at}", "stage": "search", "number": at, "config_id": f"c{at}", "seed": 0, "kimg": 80.0,
         "status": "completed", "quality": 50.0 + at, "metric": "fd_tiny", "reference_id": "ref-faces@32"}
        for at in range(3)
    ]  # fmt: skip
    page = page_of(made.write())
    assert "Best of the search so far: c0" in section(page, "finding")
    # Who won comes before why.
    assert page.index('id="finding"') < page.index('id="conclusions"') < page.index('id="leaderboard"')


def lose_arms(made):
    number = made.number(["structure"])
    for seed in made.seeds:
        made.lose(number, seed, after=0.25)


def miss_arms(made):
    made.leave_out(made.number(["structure"])).leave_out(made.number(STRATEGIES), made.seeds[-1])


def nothing_yet(made):
    for arm in made.arms:
        made.leave_out(arm["number"])


def begun_only(made):
    for arm in made.arms:
        for seed in made.seeds:
            made.lose(arm["number"], seed, status="running", after=0.0)


def all_lost(made):
    for arm in made.arms:
        for seed in made.seeds:
            made.lose(arm["number"], seed, status="out_of_memory", after=0.0)


@pytest.mark.parametrize(
    ("seeds", "spoil", "said"),
    [
        (3, lose_arms, "3 diverged. They are counted in the tables, and have no quality."),
        (3, miss_arms, "The ablation is not finished: "),
        (1, lambda made: None, "One seed tells nothing of chance: no interval, and no verdict, can be given."),
        (3, nothing_yet, "No verdict yet: no comparison has both its sides"),
        (3, begun_only, "The ablation is not finished: 0 of "),
        (3, all_lost, "out of memory. They are counted"),
    ],
)
def test_poor_ablations_still_get_an_honest_page(tmp_path, seeds, spoil, said):
    made = planted(tmp_path, seeds=range(2000, 2000 + seeds)).everything()
    spoil(made)
    folder = made.write()
    text = section(page_of(folder), "conclusions")
    assert said in text
    assert (folder / "report" / "tables" / "verdicts.tex").is_file()
    if seeds == 1 or spoil in (nothing_yet, begun_only, all_lost):
        assert 'data-verdict="supported"' not in text
        assert 'data-verdict="refuted"' not in text


def test_an_ablation_whose_designs_tell_no_claim_says_so(tmp_path):
    made = planted(tmp_path).sweep("generator.activation", {"relu": -6.0, "silu": None})
    found = conclude(open_view(made.write()))
    assert found.headline == "No claim was tested: the ablation's designs tell none of them"


def test_the_same_ablation_gives_the_same_bytes(tmp_path):
    report = build_report(planted(tmp_path).everything().write(), notebooks=False).parent
    before = {path: path.read_bytes() for path in report.rglob("*.*")}
    build_report(report.parent, notebooks=False)
    assert {path: path.read_bytes() for path in report.rglob("*.*")} == before
