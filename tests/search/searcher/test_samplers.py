"""Each sampler on conditional spaces, and what it learns of points that are lost."""

import json
import logging
import math
import random
import warnings
from collections import Counter
from functools import partial

import numpy as np
import optuna
import pytest
from support.searching import Driver, asking

from ignm.errors import IgnmError
from search.searcher import samplers
from search.searcher.distributions import suggest_value
from search.searcher.known_points import known_points
from search.searcher.samplers import SAMPLERS, build_sampler
from search.study.folder import Status
from search.study.sections import Suggesting

ALL = [
    pytest.param(
        name, marks=pytest.mark.skipif(name == "cmaes" and samplers.find_spec("cmaes") is None, reason="cmaes")
    )
    for name in SAMPLERS
]
RATES = ("path: optim.generator.lr, log_float: [1e-4, 1e-2]", "path: optim.discriminator.lr, log_float: [1e-4, 1e-2]")


@pytest.mark.parametrize("sampler", ALL)
def test_a_conditional_space_with_choices_is_sampled_as_it_is_and_quietly(folder, question, sampler, caplog):
    question = asking(question.model_copy(update={"space": "first"}), {"sampler": sampler}, trials=30)
    axes = {axis.path: axis for axis in question.load_space().axes}
    driver = Driver(folder, question)
    seen = Counter()
    draws = random.Random(0)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        optuna.logging.enable_propagation()
        for number in range(18):
            name = driver.begin()
            values = driver.parameters(name)
            seen.update(values.keys())
            assert all(value in axes[path].domain for path, value in values.items())
            assert ("loss.gamma" in values) is (values.get("loss.penalty") == "r1")
            if number % 6 == 5:
                driver.end(name, Status.DIVERGED)
            else:
                driver.complete(name, draws.uniform(1, 9))
    optuna.logging.disable_propagation()
    assert seen["loss.gamma"] > 0
    assert [record.message for record in caplog.records if "greenlet" not in record.message] == []


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_model_is_made_of_all_axes_at_once_also_after_a_restart(folder, question, sampler):
    """Not axis by axis, which is what samplers fall back to where they do not understand a space."""
    question = question.model_copy(update={"space": "first"})
    question = asking(question, {"sampler": sampler}, trials=30)
    draws = random.Random(0)
    for trials in (12, 3):
        driver = Driver(folder, question)
        for number in range(trials):
            name = driver.begin()
            driver.complete(name, draws.uniform(1, 9))
            if number % 4 == 3:
                driver.end(driver.begin(), Status.DIVERGED)
    last = driver.search._records.of(name)
    together = "".join(text for key, text in sorted(last.system_attrs.items()) if "relative_params" in key)
    assert json.loads(together).keys() >= last.params.keys()


def test_generations_of_cmaes_go_on_through_stops_losses_and_restarts(folder, question):
    pytest.importorskip("cmaes")
    question = question.model_copy(update={"space": "first"})
    question = asking(question, {"sampler": "cmaes"}, trials=60)
    draws, generations = random.Random(0), []
    for _ in range(2):
        driver = Driver(folder, question)
        for number in range(20):
            name = driver.begin()
            generations.append(driver.search._records.of(name).system_attrs.get("cma:generation"))
            if number % 5 == 4:
                driver.end(name, Status.DIVERGED)
            else:
                driver.complete(name, draws.uniform(1, 9))
    known = [each for each in generations if each is not None]
    assert known == sorted(known)
    # 3 axes are numbers: 4 + 3 ln 3 = 7 trials a generation.
    assert known[-1] == (len(known) - 1) // 7 >= 3


@pytest.mark.parametrize("sampler", ALL)
def test_a_missing_package_is_named_before_anything_is_begun(folder, question, sampler, monkeypatch):
    monkeypatch.setattr(samplers, "find_spec", lambda name: None)
    asked = asking(question, {"sampler": sampler})
    needs = SAMPLERS[sampler].needs
    if needs is None:
        Driver(folder, asked)
        return
    with pytest.raises(IgnmError, match=rf"{sampler} needs the package {needs}.*pip install"):
        Driver(folder, asked)
    assert not (folder.path / "optuna").exists()


def _share_inside(driver, trials, quality, diverges=True):
    """Lets trials live on a plane, a quarter of which may diverge; the share of the later half inside of it.

    Chance alone would put 0.25 of them there.
    """
    inside = []
    for _ in range(trials):
        name = driver.begin()
        place = [(math.log10(rate) + 4) / 2 for rate in driver.parameters(name).values()]
        inside.append(min(place) > 0.5)
        if inside[-1] and diverges:
            driver.end(name, Status.DIVERGED)
        else:
            driver.complete(name, quality(place))
    assert any(inside)
    later = inside[trials // 2 :]
    return sum(later) / len(later)


def _better_inside(place):
    """The nearer to the middle of the region the better, so that the best that can be had lies on its edge."""
    return 1 + 10 * math.dist(place, (0.75, 0.75))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_tpe_leaves_a_region_that_diverges(folder, spaced, seed):
    """Quality is noise, so that nothing but the divergence leads away from the region."""
    question = spaced(*RATES, suggesting={"sampler": "tpe"}, trials=80)
    driver = Driver(folder, question.model_copy(update={"seed": seed}))
    draws = random.Random(seed)
    assert _share_inside(driver, 80, lambda place: draws.uniform(1, 9)) <= 0.15


def test_a_gaussian_process_leaves_it_though_the_best_is_said_to_lie_there(folder, spaced):
    question = spaced(*RATES, suggesting={"sampler": "gp"}, trials=40)
    assert _share_inside(Driver(folder, question), 40, _better_inside) <= 0.15


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "trials"), [("tpe", 80), ("gp", 40)])
def test_without_the_divergence_most_suggestions_lie_there(folder, spaced, sampler, trials):
    question = spaced(*RATES, suggesting={"sampler": sampler}, trials=trials)
    assert _share_inside(Driver(folder, question), trials, _better_inside, diverges=False) > 0.5


@pytest.mark.slow
def test_tpe_suggests_less_of_it_even_though_the_best_lies_on_its_edge(folder, spaced):
    question = spaced(*RATES, suggesting={"sampler": "tpe"}, trials=80)
    assert _share_inside(Driver(folder, question), 80, _better_inside) <= 0.40


def test_quasi_random_points_fill_the_space_and_go_on_after_a_restart(folder, spaced):
    axes = (
        *RATES,
        "path: discriminator.normalisation, choice: [batch, layer, null]",
        "path: generator.width, int: [8, 15]",
    )
    question = spaced(*axes, suggesting={"sampler": "qmc"}, trials=300)
    space, base = question.load_space(), question.base()
    sampler, _ = build_sampler(Suggesting(sampler="qmc"), space, base, seed=0, begun=0)
    study = optuna.create_study(sampler=sampler)
    points = []
    for _ in range(64):
        trial = study.ask()
        points.append(space.sample(base, partial(suggest_value, trial)))
    quarters = Counter(
        tuple(int(4 * np.log10(point[path] / 1e-4) / 2) for path in ("optim.generator.lr", "optim.discriminator.lr"))
        for point in points
    )
    # A (0, 2)-sequence in base 2: every square of 16 has its share.
    assert quarters == {(i, j): 4 for i in range(4) for j in range(4)}
    assert set(Counter(point["generator.width"] for point in points).values()) == {8}
    kinds = Counter(point["discriminator.normalisation"] for point in points)
    assert max(kinds.values()) - min(kinds.values()) <= 1

    first = Driver(folder, question)
    names = [first.begin() for _ in range(10)]
    again = Driver(folder, question)
    assert [again.begin() for _ in range(10)] == names
    known = len(known_points(question, space, base))
    numbers = [again.trial(name).label()["number"] for name in (again.begin(), again.begin())]
    assert numbers == [10, 11]
    assert known < 10
    for name, number in zip((n for n in again.keys if n not in names), numbers, strict=True):
        assert again.parameters(name) == points[number]
