import json

import pytest
from support.ablated import Ablated

from analysis.ablation.plan import read_plan
from ignm.errors import IgnmError


@pytest.fixture
def study(tmp_path):
    return Ablated(tmp_path).factorial().leave_one_out()


def written(study, **changes):
    study.write()
    path = study.folder / "ablation.json"
    path.write_text(json.dumps(study.plan() | changes), encoding="utf-8")
    return study.folder


def test_a_study_without_one_has_no_plan(tmp_path):
    assert read_plan(tmp_path) is None


def test_places_and_numbers_are_those_written(study):
    plan = read_plan(written(study))
    factorial, less = plan.designs
    assert len(factorial.numbers) == 16
    placed = {tuple(on): number for on, number in factorial.places("on")}
    assert placed["data", "loss"] == study.number(["data", "loss"])
    assert dict(less.places("without"))[None] == study.number(["data", "structure", "init", "loss"])


def test_keys_of_a_later_version_do_no_harm(study):
    assert read_plan(written(study, invented={"a": 1})).kimg == 80


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arms": 3}, "arms"),
        ({"smallest_effect": 0.0}, "smallest_effect"),
        ({"designs": [{"design": "factorial"}]}, "dataset"),
        ({"designs": [{"design": "factorial", "dataset": "d", "arms": [{"on": []}]}]}, "names no arm"),
        ({"designs": [{"design": "factorial", "dataset": "d", "arms": [{"on": [], "arm": 99}]}]}, "names arm 99"),
        ({"designs": [{"design": "path", "dataset": "d", "start": 98, "rounds": []}]}, "names arm 98"),
    ],
)
def test_a_plan_that_cannot_be_used_says_where(study, changes, said):
    with pytest.raises(IgnmError, match=said) as error:
        read_plan(written(study, **changes))
    assert "ablation.json" in str(error.value)


def test_two_arms_of_one_number_are_refused(study):
    with pytest.raises(IgnmError, match="one number"):
        read_plan(written(study, arms=[*study.arms, study.arms[0]]))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"kimg": NaN}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "ablation.json").write_text(text, encoding="utf-8")
    with pytest.raises(IgnmError, match=r"ablation\.json"):
        read_plan(tmp_path)
