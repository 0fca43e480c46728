"""Running statistics against their formulas, defects and convergence as pure functions."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from support.waiting import NoWaiting

from ignm.config.learning import EmaConfig
from ignm.diagnostics.convergence import Reached, kimg_to_quality
from ignm.diagnostics.defects import DEFECTS, defects_of, total_collapse
from ignm.training.measurement import Measurement, as_measurement
from ignm.training.running import Made, RunningStatistics, judged

CPU = torch.device("cpu")
OLD = {field.name: 1.0 for field in fields(Measurement) if field.name in ("point", "kimg", "seconds", "quality")} | {
    "diversity": 1.0, "stability": 0.1, "images_per_second": 1.0, "precision": "fp32", "metric": "m",
    "reference_id": "r", "discriminator_loss": 1.0, "generator_loss": 1.0, "real_sign": 0.5, "generator_gradient": 1.0,
}  # fmt: skip


def fill(statistics, gaps, spread=1.0):
    """Steps whose logits have these gaps: half of them a spread above their mean, half below."""
    sides = torch.tensor([-spread, spread], dtype=torch.float64)
    for number, gap in enumerate(gaps):
        real, fake = sides + gap, sides
        made = Made(torch.tensor(2.0 * number), torch.tensor(float(number)))
        statistics.add(judged(torch.tensor(1.0 * number), real, fake, real, torch.tensor(3.0)), made)


def test_means_are_those_of_the_steps():
    statistics = RunningStatistics(CPU)
    gaps = np.random.default_rng(0).normal(2, 1, 200)
    fill(statistics, gaps)
    taken = statistics.take()
    numbers = np.arange(200)
    assert taken["discriminator_loss"] == pytest.approx(numbers.mean())
    assert taken["generator_loss"] == pytest.approx(2 * numbers.mean())
    assert taken["generator_gradient"] == pytest.approx(numbers.mean())
    assert taken["stability"] == pytest.approx(numbers.std() / numbers.mean())
    assert taken["discriminator_gradient"] == pytest.approx(3.0)
    assert taken["logit_gap"] == pytest.approx(gaps.mean())
    slow = max(gaps.var() - np.mean(np.diff(gaps) ** 2) / 2, 0) ** 0.5
    assert taken["oscillation"] == pytest.approx(slow / (np.abs(gaps).mean() + 1.0), abs=1e-6)


def test_noise_is_no_oscillation_and_a_slow_wave_is():
    steps = np.arange(2000)
    found = {}
    for name, gaps in {
        "noise": np.random.default_rng(0).normal(1, 5, 2000),
        "wave": 5 * np.sin(2 * np.pi * steps / 400),
        "steady": np.full(2000, 3.0),
    }.items():
        statistics = RunningStatistics(CPU)
        fill(statistics, gaps)
        found[name] = statistics.take()["oscillation"]
    assert found["noise"] < 0.2
    assert found["wave"] == pytest.approx(5 / 2**0.5 / (10 / np.pi + 1), rel=0.01)
    assert found["steady"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("scale", [0.01, 1000.0])
def test_oscillation_does_not_depend_on_the_scale_of_the_logits(scale):
    gaps, found = np.sin(np.arange(500) / 40) + 1, []
    for factor in (1.0, scale):
        statistics = RunningStatistics(CPU)
        fill(statistics, factor * gaps, factor)
        found.append(statistics.take()["oscillation"])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_taking_begins_anew_and_steps_of_one_network_leave_the_other_unknown():
    statistics = RunningStatistics(CPU)
    fill(statistics, [1.0, 5.0])
    statistics.take()
    statistics.add(None, Made(torch.tensor(1.0), torch.tensor(4.0)))
    taken = statistics.take()
    assert (taken["generator_gradient"], taken["discriminator_gradient"], taken["oscillation"]) == (4.0, None, None)


def test_norms_are_those_of_the_steps_in_which_they_were_taken():
    statistics, due = RunningStatistics(CPU), []
    logits, number = torch.randn(8), torch.tensor(1.0)
    for step in range(10):
        due.append(statistics.norms_are_due)
        norm = torch.tensor(float(step)) if due[-1] else None
        statistics.add(judged(number, logits, -logits, logits, norm), Made(number, norm))
    assert [step for step, taken in enumerate(due) if taken] == [0, 4, 8]
    taken = statistics.take()
    assert (taken["discriminator_gradient"], taken["generator_gradient"]) == (4.0, 4.0)
    assert taken["stability"] == pytest.approx(np.std([0, 4, 8]) / 4)
    assert statistics.norms_are_due


def test_adding_does_not_wait_for_the_device():
    statistics = RunningStatistics(CPU)
    logits, number = torch.randn(8), torch.tensor(1.0)
    with NoWaiting():
        for _ in range(2):
            statistics.add(judged(number, logits, -logits, logits, number), Made(number, number))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("place", range(5))
def test_what_is_not_finite_shows(place, value):
    statistics = RunningStatistics(CPU)
    numbers = [torch.tensor(1.0)] * 5
    numbers[place] = torch.tensor(value)
    fill(statistics, [1.0])
    assert statistics.finite
    statistics.add(judged(numbers[0], numbers[1].expand(2), numbers[2].expand(2), torch.ones(2), numbers[3]),
                   Made(numbers[4], torch.tensor(1.0)))  # fmt: skip
    assert not statistics.finite


def test_a_measurement_of_before_still_opens_and_shows_no_defect():
    old = as_measurement(OLD)
    assert (old.defects, old.slope, old.held_out_gap, old.generator_updates) == ((), None, None, None)
    assert defects_of(replace(old, diversity=0.0)) == ()


def test_names_read_back_as_they_were():
    assert as_measurement(OLD | {"defects": ["oscillation"]}).defects == ("oscillation",)


@pytest.mark.parametrize(
    ("name", "numbers"),
    {
        "mode-collapse": {"diversity": 0.05, "generator_updates": 600},
        "vanishing-gradient": {"signal": 0.0},
        "exploding-gradient": {"slope": 300.0},
        "oscillation": {"oscillation": 0.9, "generator_updates": 600},
        "weak-discriminator": {"separation": 0.1},
        "discriminator-overfitting": {"held_out_gap": 3.0},
    }.items(),
)
def test_each_defect_is_shown_by_its_numbers_alone(name, numbers):
    healthy = {
        "diversity": 0.9, "generator_updates": 600, "signal": 1.0, "slope": 1.0, "oscillation": 0.1,
        "separation": 0.8, "held_out_gap": 0.1, "discriminator_gradient": 1.0,
    }  # fmt: skip
    sound = as_measurement(OLD | healthy)
    assert defects_of(sound) == ()
    assert defects_of(replace(sound, **numbers)) == (name,)
    assert name in DEFECTS


def test_what_an_untrained_discriminator_says_is_no_defect():
    noise = {"signal": 0.0, "slope": 300.0, "separation": 0.1, "held_out_gap": 3.0}
    measurement = as_measurement(OLD | noise | {"discriminator_gradient": 1.0})
    assert len(defects_of(measurement)) == 4
    assert defects_of(replace(measurement, discriminator_gradient=None)) == ()


def test_no_trial_is_lost_while_it_is_young():
    alike = replace(as_measurement(OLD), kimg=20.0, diversity=0.001)
    quick, slow = EmaConfig(), EmaConfig(half_life=30.0, ramp=0.0)
    assert total_collapse(replace(alike, generator_updates=499), quick) is None
    assert "0.0010" in str(total_collapse(replace(alike, generator_updates=500), quick))
    assert total_collapse(replace(alike, generator_updates=5000), slow) is None
    assert total_collapse(replace(alike, generator_updates=5000, kimg=60.0), slow) is not None
    assert total_collapse(replace(alike, generator_updates=5000, diversity=0.02), quick) is None


def test_quality_is_reached_on_the_straight_line_between_measurements():
    kimg, quality = [10.0, 20.0, 40.0], [100.0, 60.0, 20.0]
    assert kimg_to_quality(kimg, quality, 80.0) == Reached(15.0, censored=False)
    assert kimg_to_quality(kimg, quality, 60.0) == Reached(20.0, censored=False)
    assert kimg_to_quality(kimg, quality, 30.0) == Reached(35.0, censored=False)
    assert kimg_to_quality(kimg, quality, 19.0) == Reached(40.0, censored=True)
    assert kimg_to_quality(kimg, quality, 100.0) == Reached(10.0, censored=False)


def test_the_first_time_counts_and_what_is_not_finite_is_not_reached():
    assert kimg_to_quality([1.0, 2.0, 3.0, 4.0], [10.0, 4.0, 9.0, 1.0], 4.0).kimg == 2.0
    assert kimg_to_quality([1.0, 2.0, 3.0], [math.nan, 4.0, 2.0], 5.0).kimg == 2.0
    assert kimg_to_quality([1.0, 2.0], [math.nan, math.inf], 5.0) == Reached(2.0, censored=True)
    for wrong in (([], []), ([1.0], [])):
        with pytest.raises(ValueError, match="at least one"):
            kimg_to_quality(*wrong, 1.0)
