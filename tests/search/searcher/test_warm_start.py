"""What earlier studies found out: learned from where it can be compared, never counted."""

import pytest
import yaml
from optuna.trial import TrialState
from support.searching import Driver, asking

from ignm.errors import IgnmError
from search.confirming import ranked
from search.searcher.warm_start import WARM
from search.study.folder import Status, StudyFolder

METRIC = {"name": "fd_scatter", "reference_id": "faces-16", "images": 64}


def recorded(folder, **metric):
    folder.path.mkdir(exist_ok=True)
    folder.question.write_text(yaml.safe_dump({"metric": METRIC | metric, "data": {"resolution": 16}}))


@pytest.fixture
def earlier(tmp_path, question):
    """An earlier study: two trials completed, two stopped, one diverged, one failed, one unfinished."""
    folder = StudyFolder(tmp_path / "earlier")
    recorded(folder)
    driver = Driver(folder, question)
    names = [driver.begin() for _ in range(7)]
    for name, quality in zip(names, (5.0, 4.0, 8.0, 9.0), strict=False):
        driver.complete(name, quality)
    driver.measure(names[4], 1.0)
    driver.end(names[4], Status.DIVERGED)
    driver.end(names[5], Status.RUNNING, error=True)
    return driver


def warmed(question, earlier, **more):
    return asking(question, {"warm_start": (str(earlier.folder.path),)} | more)


def learned(driver):
    return {t.user_attrs[WARM]: t for t in driver.on_disk() if WARM in t.user_attrs}


def test_ended_trials_are_learned_from_as_what_they_were(folder, question, earlier, caplog):
    recorded(folder)
    driver = Driver(folder, warmed(question, earlier))
    trials = learned(driver)
    statuses = [earlier.trial(key.partition("/")[2]).status() for key in trials]
    assert statuses == [Status.COMPLETED, Status.COMPLETED, Status.PRUNED, Status.PRUNED, Status.DIVERGED]
    complete = [t for t in trials.values() if t.state is TrialState.COMPLETE]
    assert [t.value for t in complete] == [5.0, 4.0]
    assert [max(t.intermediate_values) for t in trials.values()] == [2000, 2000, 500, 500, 500]
    lost = [t for t in trials.values() if t.constraints["diverged"] > 0]
    assert len(lost) == 1
    assert all(t.params == earlier.parameters(key.partition("/")[2]) for key, t in trials.items())
    assert "5 trials learned from, 2 trials without a result left out" in caplog.text


def test_they_do_not_count_and_are_not_confirmed_nor_compared_with(folder, question, earlier):
    recorded(folder)
    driver = Driver(folder, warmed(question, earlier))
    assert driver.search.missing == question.budget.trials
    assert folder.all_trials() == []
    # What was run there is run here too, under this study's terms; a worse value than there is the first at its rung.
    name = driver.begin()
    assert driver.parameters(name) == earlier.parameters(sorted(earlier.keys)[0])
    assert not driver.measure(name, 100.0)
    driver.complete(name, 100.0)
    assert [trial.name for trial in ranked(folder)] == [name]
    assert driver.search.missing == question.budget.trials - 1


def test_the_sampler_has_no_need_to_begin_at_random(folder, question, earlier):
    recorded(folder)
    driver = Driver(folder, warmed(question, earlier))
    shown = driver.search._records._memory.get_all_trials(0, states=(TrialState.COMPLETE,))
    assert sorted(t.value for t in shown) == [4.0, 5.0]


@pytest.mark.parametrize("sampler", ["gp", "random"])
def test_opened_again_they_are_there_once(folder, question, earlier, sampler):
    recorded(folder)
    asked = warmed(question, earlier, sampler=sampler)
    first = learned(Driver(folder, asked))
    assert learned(Driver(folder, asked)).keys() == first.keys()
    assert len(Driver(folder, asked).on_disk()) == 5


def test_only_what_lies_in_the_space_counts_whatever_was_searched_there(folder, spaced, earlier, caplog):
    widths = {name: earlier.parameters(name)["generator.width"] for name in earlier.keys}
    recorded(folder)
    # An axis that was not searched there has the value of that study's config: here the learning rate of the preset.
    question = spaced("path: generator.width, int: [4, 8]", "path: optim.discriminator.lr, log_float: [1e-5, 1e-2]")
    trials = learned(Driver(folder, warmed(question, earlier)))
    assert {key.partition("/")[2] for key in trials} <= {name for name, width in widths.items() if width == 8}
    assert all(t.params["generator.width"] == 8 and "optim.discriminator.lr" in t.params for t in trials.values())
    if 16 in widths.values():
        assert "outside of the space left out" in caplog.text


def test_a_longer_study_takes_them_as_stopped_where_they_ended(folder, question, earlier):
    recorded(folder)
    longer = asking(warmed(question, earlier), kimg=4)
    trials = learned(Driver(folder, longer))
    assert {t.state for t in trials.values()} == {TrialState.PRUNED}
    # Points of the schedule that the two studies have in common.
    assert max(max(t.intermediate_values) for t in trials.values()) == 2000
    assert all(step in {500, 1000, 1500, 2000} for t in trials.values() for step in t.intermediate_values)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "fid"}, "the metric: fid there, fd_scatter here"),
        ({"reference_id": "dogs"}, "the real images' statistics: dogs there, faces-16 here"),
        ({"images": 5000}, "the number of generated images: 5000 there, 64 here"),
    ],
)
def test_numbers_that_cannot_be_compared_are_refused(folder, question, earlier, changed, said):
    recorded(folder)
    recorded(earlier.folder, **changed)
    with pytest.raises(IgnmError, match=f"(?s)warm_start: .*earlier: .*{said}"):
        Driver(folder, warmed(question, earlier))


def test_a_folder_without_a_study_is_refused(folder, question, tmp_path):
    recorded(folder)
    with pytest.raises(IgnmError, match="no study here"):
        Driver(folder, asking(question, {"warm_start": (str(tmp_path / "nothing"),)}))
