import random
from functools import cache

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from support.draws import drawn, uniformly

from ignm.config import config_paths, flat, load_preset, override, value_at
from ignm.errors import IgnmError
from ignm.models.networks import build_discriminator
from ignm.models.shape import DataShape
from spaces.axis import Axis, ChoiceDomain
from spaces.reading import load_space, space_names
from spaces.space import Space
from spaces.strategies import STRATEGIES, strategy_of

BASE = load_preset("dcgan", {"data.resolution": 32})
TAKEN_UP = override(BASE, {"init.checkpoint": "a/checkpoint"})
SPACES = [(name, base) for name in space_names() for base in (BASE, TAKEN_UP)]
SPACES_NAMED = {
    "argvalues": SPACES,
    "ids": [f"{name}-{'checkpoint' if b is TAKEN_UP else 'fresh'}" for name, b in SPACES],
}

loaded = cache(lambda name, base: load_space(name, base))


@pytest.mark.parametrize(("name", "base"), **SPACES_NAMED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_sample_that_the_config_accepts_reads_back(name, base, data):
    space = loaded(name, base)
    values = space.sample(base, drawn(data))
    try:
        config = override(base, values)
    except IgnmError:
        if "label" not in name:
            raise
        reject()
    assert {path: value_at(config, path) for path in values} == values
    assert space.values_of(base, config) == values


@pytest.mark.parametrize(("name", "base"), **SPACES_NAMED)
def test_hardly_a_sample_is_refused(name, base):
    # Labels have one combination that no condition on a single axis rules out: a conditional generator, and no term
    # that would hold it to its labels.
    space, draws = loaded(name, base), random.Random(0)
    refusals = [told for told in (refusal(base, space.sample(base, uniformly(draws))) for _ in range(200)) if told]
    assert len(refusals) <= (10 if "label" in name else 0)
    assert all("nothing in the loss would hold the generator to its labels" in told for told in refusals)


def refusal(base, values):
    try:
        override(base, values)
    except IgnmError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("name", "base"), **SPACES_NAMED)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_conditions_hold_exactly(name, base, data):
    space = loaded(name, base)
    values = space.sample(base, drawn(data))
    at = {**flat(base), **values}
    for axis in space.axes:
        holds = all(at[path] in allowed for path, allowed in axis.when.items())
        assert (axis.path in values) == (holds and None not in [at[path] for path in axis.needs])


@pytest.mark.parametrize(("name", "base"), **SPACES_NAMED)
def test_the_baseline_is_a_point_of_the_space(name, base):
    values = loaded(name, base).values_of(base, base)
    assert override(base, values) == base


def write(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        (
            "- {path: optim.generator.rate, strategy: optim, float: [0, 1]}",
            "optim.generator.rate: the config has no such path",
        ),
        ("- {path: optim.batch, strategy: optim, choice: [1, 64]}", "refuses its value 1"),
        ("- {path: optim.batch, strategy: optim, int: [64, 8]}", "low must be below high"),
        ("- {path: optim.batch, strategy: speed, int: [8, 64]}", "'speed' is not one of"),
        ("- {path: optim.batch, strategy: optim}", "exactly one of"),
        ("- {path: optim.batch, strategy: optim, int: 8}", "takes a list"),
        ("- {path: optim.batch, strategy: optim, int: [8, 16, 32]}", r"\[low, high\]"),
        ("- {path: ema.half_life, strategy: optim, log_float: [0, 1]}", "above 0 on a log scale"),
        ("- {path: optim.batch, strategy: optim, int: [8, 64], whenn: {}}", "whenn: unknown key"),
        ("- &a {path: optim.batch, strategy: optim, int: [8, 64]}\n- *a", "given twice"),
        (
            "- {path: loss.gamma, strategy: loss, float: [1, 2], when: {loss.adversarial: [hinge]}}\n"
            "- {path: loss.adversarial, strategy: loss, choice: [hinge]}",
            "must come after",
        ),
        (
            "- {path: loss.gamma, strategy: loss, float: [1, 2], when: {loss.penalti: [r1]}}",
            "did you mean 'loss.penalty'",
        ),
        ("- {path: data.resolution, strategy: data, choice: [16, 32]}", "a study has one dataset"),
        ("- {path: loss.gamma, strategy: loss, float: [1, 2], when: {loss.penalty: []}}", "at least 1"),
        ("- {path: loss.gamma, strategy: optim, float: [1, 2]}", "loss.gamma: belongs to strategy loss, not optim"),
        ("- {path: generator.weights, strategy: structure, choice: [he]}", "belongs to strategy init, not structure"),
        ("- {path: init.freeze, int: [0, 4], needs: [init.chekpoint]}", "did you mean 'init.checkpoint'"),
        (
            "- {path: loss.gamma, float: [1, 2], needs: [loss.penalty]}\n- {path: loss.penalty, choice: [r1, null]}",
            "must come after",
        ),
        ("- {path: loss.gamma, float: [1, 2], needs: loss.penalty}", "needs: "),
        ("[]", "axes"),
    ],
)
def test_spaces_that_cannot_work_are_refused(tmp_path, axes, expected):
    with pytest.raises(IgnmError, match=expected):
        load_space(write(tmp_path, f"axes:\n{axes}\n" if axes != "[]" else "axes: []\n"), BASE)


def test_unknown_space_names_the_known_ones():
    with pytest.raises(IgnmError, match=r"did you mean 'first'.*first, full.*quick"):
        load_space("frist", BASE)


def test_true_and_one_are_different_choices():
    domain = ChoiceDomain(values=(True, 0.5))
    assert True in domain
    assert 1 not in domain
    assert 0.5 in domain


def test_a_whole_number_is_a_choice_of_a_real_path():
    assert 10.0 in ChoiceDomain(values=(0, 10))
    assert 10 in ChoiceDomain(values=(0.0, 10.0))


def test_the_strategy_follows_from_the_path():
    assert Axis.model_validate({"path": "generator.weights", "choice": ["he"]}).strategy == "init"
    for path in config_paths():
        assert strategy_of(path) in STRATEGIES
    with pytest.raises(IgnmError, match=r"did you mean 'generator.width'"):
        strategy_of("generator.widht")


def test_a_needed_path_may_be_another_axis():
    axes = [
        {"path": "loss.penalty", "choice": [None, "r1"]},
        {"path": "loss.gamma", "float": [1, 2], "needs": ["loss.penalty"]},
    ]
    base = override(BASE, {"discriminator.normalisation": "layer"})
    space = Space.model_validate({"name": "mine", "axes": axes})
    space.check(base)
    assert space.possible(base) == space
    for penalty, expected in (("r1", {"loss.penalty", "loss.gamma"}), (None, {"loss.penalty"})):
        assert space.sample(base, lambda axis, p=penalty: p if axis.path == "loss.penalty" else 1.5).keys() == expected


def test_sampled_structure_reaches_the_network():
    small, large = (override(BASE, {"discriminator.width": width}) for width in (24, 64))
    counts = [
        sum(p.numel() for p in build_discriminator(config, DataShape(1), 0).parameters()) for config in (small, large)
    ]
    assert counts[0] < counts[1]
