import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignm.config import load_preset, override, value_at
from ignm.errors import IgnmError
from ignm.models.networks import build_discriminator
from spaces.axis import ChoiceDomain
from spaces.space import load_space, space_names

BASE = load_preset("dcgan", {"data.resolution": 16})


def draw(data):
    def suggest(axis):
        domain = axis.domain
        if isinstance(domain, ChoiceDomain):
            return data.draw(st.sampled_from(domain.values), label=axis.path)
        numbers = (
            st.integers(int(domain.low), int(domain.high))
            if domain.kind == "int"
            else st.floats(domain.low, domain.high)
        )
        return data.draw(numbers, label=axis.path)

    return suggest


@pytest.mark.parametrize("name", space_names())
@given(data=st.data())
def test_every_sample_is_a_valid_config_that_reads_back(name, data):
    space = load_space(name, BASE)
    values = space.sample(BASE, draw(data))
    config = override(BASE, values)
    assert {path: value_at(config, path) for path in values} == values
    assert space.values_of(BASE, config) == values


@pytest.mark.parametrize("name", space_names())
@given(data=st.data())
def test_conditions_hold_exactly(name, data):
    space = load_space(name, BASE)
    values = space.sample(BASE, draw(data))
    for axis in space.axes:
        holds = all(values.get(path, value_at(BASE, path)) in allowed for path, allowed in axis.when.items())
        assert (axis.path in values) == holds


@pytest.mark.parametrize("name", space_names())
def test_the_baseline_is_a_point_of_the_space(name):
    values = load_space(name, BASE).values_of(BASE, BASE)
    assert override(BASE, values) == BASE


def test_the_first_space_holds_what_it_promises():
    paths = [axis.path for axis in load_space("first", BASE).axes]
    for part in ("lr", "activation", "width", "normalisation", "loss", "augment"):
        assert any(part in path for path in paths), part


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
        ("[]", "axes"),
    ],
)
def test_spaces_that_cannot_work_are_refused(tmp_path, axes, expected):
    with pytest.raises(IgnmError, match=expected):
        load_space(write(tmp_path, f"axes:\n{axes}\n" if axes != "[]" else "axes: []\n"), BASE)


def test_unknown_space_names_the_known_ones():
    with pytest.raises(IgnmError, match=r"did you mean 'first'.*first, quick"):
        load_space("frist", BASE)


def test_true_and_one_are_different_choices():
    domain = ChoiceDomain(values=(True, 0.5))
    assert True in domain
    assert 1 not in domain


def test_sampled_structure_reaches_the_network():
    small, large = (override(BASE, {"discriminator.width": width}) for width in (24, 64))
    counts = [sum(p.numel() for p in build_discriminator(config, 1, 0).parameters()) for config in (small, large)]
    assert counts[0] < counts[1]
