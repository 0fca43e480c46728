import numpy as np
import pandas as pd
import pytest
from support.ablated import KIMG, Ablated

from analysis.ablation.loading import load_ablation
from analysis.results import load_study
from ignm.errors import IgnmError

SEEDS = range(2000, 2003)


def loaded(study, **options):
    return load_ablation(load_study(study.write(**options)))


@pytest.fixture
def study(tmp_path):
    return Ablated(tmp_path, seeds=SEEDS).factorial()


def test_values_are_those_of_the_last_measurement_by_seed(study):
    rows = pd.DataFrame(study.rows())
    truth = rows[(rows["arm"] == 3) & (rows["point"] == KIMG)].set_index("seed")["quality"]
    ablation = loaded(study)
    pd.testing.assert_series_equal(ablation.values(3), truth, check_names=False, check_dtype=False)
    table = ablation.by_seed(ablation.designs[0])
    assert table.shape == (3, 16)
    assert table.loc[2001, 3] == truth[2001]


def test_a_run_is_lost_waits_or_counts(study):
    study.lose(1, 2000).lose(2, 2000, "out_of_memory", 0).lose(3, 2001, "running", 0.5).leave_out(4, 2002)
    study.lose(5, 2000, "failed").lose(6, 2000, "pruned")
    ablation = loaded(study)
    lost = {arm: ablation.standing(arm).lost for arm in (1, 2, 5, 6)}
    assert lost == {
        1: {"diverged": (2000,)}, 2: {"out_of_memory": (2000,)}, 5: {"failed": (2000,)}, 6: {"pruned": (2000,)},
    }  # fmt: skip
    assert ablation.standing(3).waiting == (2001,)
    assert ablation.standing(4).waiting == (2002,)
    assert ablation.standing(0).measured == tuple(SEEDS)
    assert np.isnan(ablation.values(1)[2000])
    assert 2001 not in ablation.values(3).index
    assert 2002 not in ablation.values(4).index


def test_several_arms_have_their_common_seeds_and_each_ones_losses(study):
    ablation = loaded(study.lose(1, 2000).leave_out(2, 2001))
    standing = ablation.standing((0, 1, 2))
    assert standing.measured == (2002,)
    assert standing.lost == {"diverged": (2000,)}
    assert standing.waiting == (2001,)


def test_a_run_that_completed_with_no_finite_quality_is_lost(study):
    rows = study.rows()
    last = next(row for row in rows if row["arm"] == 2 and row["seed"] == 2000 and row["point"] == KIMG)
    study.rows = lambda: [row | {"quality": None} if row is last else row for row in rows]
    assert loaded(study).standing(2).lost == {"completed": (2000,)}


def test_what_was_measured_otherwise_is_left_out_and_said(study):
    rows = study.rows()
    study.rows = lambda: [
        row | ({"reference_id": "another"} if row["arm"] == 1 and row["seed"] == 2000 else {}) for row in rows
    ]
    ablation = loaded(study, keep=lambda row: row["arm"] != 2 or row["seed"] != 2001 or row["point"] < KIMG)
    assert ablation.standing(1).elsewhere == (2000,)
    assert ablation.standing(2).elsewhere == (2001,)
    assert 2000 not in ablation.values(1).index


def test_each_dataset_has_its_own_reference(tmp_path):
    ablation = loaded(Ablated(tmp_path, seeds=SEEDS, datasets=("faces@32", "cats@32")).factorial())
    assert ablation.datasets == ("faces@32", "cats@32")
    assert all(ablation.standing(arm).measured == tuple(SEEDS) for arm in ablation.arms)
    assert ablation.references["cats@32"] == ("fd_tiny", "ref-cats@32")
    assert len(ablation.of("factorial", dataset="cats@32")) == 1


def test_strangers_and_repetitions_are_left_out_and_counted(study):
    first = study.rows()[:8]
    study.extra += [row | {"trial": "ablate-99", "config_id": "gone"} for row in first]
    study.extra += [row | {"trial": "ablate-again"} for row in first]
    study.extra += [row | {"trial": "ablate-seedless", "seed": None} for row in first]
    ablation = loaded(study)
    assert len(ablation.runs) == 48
    assert [note.split(" that ")[0] for note in ablation.notes] == ["1 run", "1 run", "1 run"]


def test_without_an_ablation_all_is_empty_and_says_so(tmp_path):
    study = Ablated(tmp_path)
    study.write()
    (tmp_path / "ablation.json").unlink()
    ablation = load_ablation(load_study(tmp_path))
    assert (ablation.designs, ablation.arms, len(ablation.runs)) == ((), {}, 0)
    assert "no ablation" in ablation.notes[0]


def test_nothing_begun_yet_is_all_waiting(study):
    ablation = loaded(study, keep=lambda row: False)
    assert ablation.standing(0).waiting == tuple(SEEDS)
    assert ablation.by_seed(ablation.designs[0]).empty


def test_an_unknown_measure_is_refused(study):
    with pytest.raises(IgnmError, match="'beauty'"):
        loaded(study).values(0, "beauty")


def test_defects_are_counted_by_kind_over_the_whole_run(tmp_path):
    study = Ablated(tmp_path, seeds=SEEDS, defects={(0, 2000): "oscillation, mode-collapse"}).factorial()
    ablation = loaded(study)
    assert ablation.values(0, "defects").tolist() == [2, 0, 0]
    assert ablation.runs.set_index(["arm", "seed"]).loc[(0, 2000), "shown"] == "mode-collapse, oscillation"


def test_diversity_is_to_be_the_real_images(tmp_path):
    ablation = loaded(Ablated(tmp_path, seeds=SEEDS, variety={"structure": 0.9}).factorial())
    apart = (1 - ablation.values(3, "diversity")).abs()
    assert ablation.values(3, "diversity_gap").tolist() == apart.tolist()


def test_the_level_counts_every_look(tmp_path):
    once = loaded(Ablated(tmp_path / "once", seeds=SEEDS).factorial())
    again = loaded(Ablated(tmp_path / "again", seeds=SEEDS, most_seeds=8).factorial())
    assert once.level() == 0.05
    assert once.level(5) == 0.01
    # Six looks: between Bonferroni's and none at all.
    assert 0.05 / 6 <= again.level() < 0.04
    assert again.confidence == 1 - again.level()


def test_an_arm_of_leave_one_out_is_called_by_what_it_lacks(tmp_path):
    made = Ablated(tmp_path / "one").leave_one_out()
    ablation = load_ablation(load_study(made.write()))
    number = made.number(["structure", "init", "loss"])
    assert ablation.arms[number].name == "dcgan+structure+init+loss"
    assert ablation.called(number) == "ignm without data"
    # In a lattice, what is on says more.
    both = Ablated(tmp_path / "both").factorial().leave_one_out()
    ablation = load_ablation(load_study(both.write()))
    assert ablation.called(both.number(["structure", "init", "loss"])) == "dcgan+structure+init+loss"
