"""Known points first, nothing twice, and an end where a space has one."""

import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher
from support.searching import Driver

from ignm.config import load_preset
from ignm.errors import IgnmError
from search.searcher.known_points import known_points
from search.searcher.remaining import every_point
from spaces.size import size_of

NORMALISATION = "path: discriminator.normalisation, choice: [batch, layer, null]"
PENALTY = "path: loss.penalty, choice: [r1, null], when: {discriminator.normalisation: [layer, null]}"
WIDTH = "path: generator.width, choice: [8, 16]"
RATE = "path: optim.generator.lr, log_float: [1e-4, 1e-3]"


def configs(driver, names):
    return [driver.trial(name).spec().config.config_id for name in names]


def until_the_end(driver):
    names = []
    while (name := driver.begin()) != Searcher.FINISHED:
        driver.complete(name, 5.0 + len(names))
        names.append(name)
    return names


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random", "qmc"])
def test_every_point_of_a_finite_space_is_run_once_and_then_the_search_is_over(folder, spaced, sampler):
    question = spaced(NORMALISATION, PENALTY, WIDTH, suggesting={"sampler": sampler}, trials=50)
    space, base = question.load_space(), question.base()
    assert size_of(space, base).combinations == 10
    driver = Driver(folder, question)
    assert driver.search.missing == 10
    names = until_the_end(driver)
    assert len(names) == len(set(configs(driver, names))) == 10
    again = Driver(folder, question)
    assert again.search.missing == 0
    assert again.begin() == Searcher.FINISHED


def test_a_finite_space_of_which_a_part_is_refused_ends_too(folder, spaced):
    def check(config):
        if config.generator.width == 16:
            raise IgnmError("too wide for it")

    driver = Driver(folder, spaced(NORMALISATION, PENALTY, WIDTH, trials=50), check=check)
    assert driver.search.missing == 5
    assert len(until_the_end(driver)) == 5
    assert {t.state for t in driver.on_disk() if "refused" in t.user_attrs} == {TrialState.PRUNED}


def test_a_suggestion_made_before_is_told_as_such_and_is_no_trial(folder, spaced):
    driver = Driver(folder, spaced(NORMALISATION, PENALTY, WIDTH, trials=50))
    names = until_the_end(driver)
    twice = [t for t in driver.on_disk() if "duplicate" in t.user_attrs]
    assert twice
    assert {t.state for t in twice} == {TrialState.FAIL}
    assert {t.user_attrs["duplicate"] for t in twice} <= set(names)


def test_points_of_a_finite_space_are_listed_with_their_conditions(spaced):
    question = spaced(NORMALISATION, PENALTY, "path: generator.width, int: [8, 11]")
    points = list(every_point(question.load_space(), question.base()))
    assert len(points) == size_of(question.load_space(), question.base()).combinations == 5 * 4
    assert all(("loss.penalty" in point) is (point["discriminator.normalisation"] != "batch") for point in points)


@pytest.mark.parametrize(("axis", "times"), [(RATE, 200), (WIDTH, 5)])
def test_a_space_that_is_refused_wherever_it_is_asked_says_so(folder, spaced, axis, times):
    def check(config):
        raise IgnmError("nothing works")

    driver = Driver(folder, spaced(axis), check=check)
    with pytest.raises(IgnmError, match=rf"refused {times} suggestions(.|\n)*nothing works"):
        driver.begin()


def test_presets_come_first_as_far_as_they_lie_in_the_space(question, spaced):
    rates = spaced(
        "path: optim.generator.lr, log_float: [1e-5, 1e-2]", "path: optim.discriminator.lr, log_float: [1e-5, 1e-2]"
    )
    points = known_points(rates, rates.load_space(), rates.base())
    wanted = []
    for config in (rates.base(), *map(load_preset, ("dcgan", "ignm", "sagan", "wgan-gp"))):
        values = {
            "optim.generator.lr": config.optim.generator.lr,
            "optim.discriminator.lr": config.optim.discriminator.lr,
        }
        if values not in wanted:
            wanted.append(values)
    assert points == wanted
    assert len(wanted) > 1
    without = spaced(RATE, suggesting={"presets": False})
    assert len(known_points(without, without.load_space(), without.base())) == 1


def test_points_of_the_question_follow_and_none_is_tried_twice(folder, spaced):
    point = {"optim.generator.lr": 3e-4}
    question = spaced(RATE, points=(point, {"optim.generator.lr": 2e-4}, point))
    points = known_points(question, question.load_space(), question.base())
    assert points[-1] == point
    assert len({each["optim.generator.lr"] for each in points}) == len(points)
    driver = Driver(folder, question)
    first = [driver.begin() for _ in points]
    assert [driver.parameters(name) for name in first] == points
    # Killed after the first: the others are still to come, the first is not tried again.
    again = Driver(folder, question)
    names = [again.begin() for _ in range(len(points) + 1)]
    assert names[:-1] == first
    assert again.parameters(names[-1]) not in points


def test_the_search_itself_keeps_to_its_number_of_trials(folder, spaced):
    driver = Driver(folder, spaced(RATE, trials=3))
    assert len(until_the_end(driver)) == 3
