import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ignm.config import (
    Config,
    config_paths,
    flat,
    load_config,
    load_preset,
    override,
    parse_assignments,
    preset_names,
    save_config,
    value_at,
)
from ignm.errors import IgnmError

SOME_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "generator.width": st.integers(4, 1024),
        "generator.activation": st.sampled_from(["relu", "silu", "mish"]),
        "discriminator.normalisation": st.sampled_from(["layer", "instance", None]),
        "discriminator.spectral_norm": st.booleans(),
        "optim.generator.lr": st.floats(1e-8, 1.0),
        "loss.adversarial": st.sampled_from(["hinge", "relativistic"]),
        "augment.policy": st.sampled_from(["diffaugment", None]),
        "augment.strength": st.floats(0, 1),
        "ema.half_life": st.floats(1e-6, 1e4),
    },
)


@pytest.mark.parametrize(
    ("preset", "config_id"),
    [("dcgan", "e89a3a37cd85"), ("ignm", "6d118de62e36"), ("sagan", "54a509552937"), ("wgan-gp", "842a79cc1595")],
)
def test_every_preset_is_valid_and_its_id_is_stable(preset, config_id):
    assert preset_names() == ["dcgan", "ignm", "sagan", "wgan-gp"]
    # A change here silently renames every trial of every study: it must be meant.
    assert load_preset(preset).config_id == config_id


@given(SOME_VALUES)
def test_yaml_round_trip_keeps_config_and_id(tmp_path_factory, values):
    config = override(Config(), values)
    path = tmp_path_factory.mktemp("config") / "c.yaml"
    save_config(config, path)
    again = load_config(path)
    assert again == config
    assert again.config_id == config.config_id


@given(SOME_VALUES, SOME_VALUES)
def test_id_differs_exactly_when_the_config_does(first, second):
    a, b = override(Config(), first), override(Config(), second)
    assert (a.config_id == b.config_id) == (a == b)


@given(SOME_VALUES)
def test_override_changes_the_named_paths_and_no_other(values):
    before, after = flat(Config()), flat(override(Config(), values))
    assert {path: after[path] for path in values} == values
    assert {p: v for p, v in after.items() if p not in values} == {p: v for p, v in before.items() if p not in values}


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("optim.genrator.lr=1", ["optim.genrator: unknown key", "did you mean 'generator'?", "n_critic"]),
        ("optim.generator.lr=-1", ["optim.generator.lr", "greater than 0", "-1"]),
        ("optim.generator.lr=abc", ["optim.generator.lr", "valid number", "'abc'"]),
        ("generator.activation=rellu", ["generator.activation", "'rellu'", "'relu'", "'mish'"]),
        ("discriminator.normalisation=None", ["discriminator.normalisation", "'None'", "'batch'"]),
        ("data.resolution=33", ["data.resolution", "33", "16, 32, 64, 128, 256"]),
        ("generator.width=2.5", ["generator.width", "2.5"]),
        ("generator.width=2", ["generator.width", "greater than or equal to 4"]),
        ("ema.half_life=.nan", ["ema.half_life", "finite"]),
        ("data=3", ["data", "3"]),
        ("loss.penalty=r1", ["loss.penalty", "discriminator.normalisation", "batch"]),
        ("optim.generator.lr.x=1", ["optim.generator.lr", "not a section"]),
    ],
)
def test_bad_values_are_refused_with_path_and_what_is_allowed(assignment, expected):
    with pytest.raises(IgnmError) as refused:
        load_preset("dcgan", parse_assignments([assignment]))
    for part in expected:
        assert part in str(refused.value)


def test_several_faults_are_told_at_once():
    with pytest.raises(IgnmError) as refused:
        override(Config(), {"optim.batch": 0, "generator.width": "wide"})
    assert "optim.batch" in str(refused.value)
    assert "generator.width" in str(refused.value)


def test_numbers_written_as_2e_4_are_numbers():
    assert parse_assignments(["optim.generator.lr=2e-4"]) == {"optim.generator.lr": 2e-4}
    assert math.isclose(load_preset("dcgan").optim.generator.lr, 2e-4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", "expected a mapping"),
        ("data: [1\n", "not valid YAML"),
        ("optim: {batch: 64}\noptim: {batch: 32}\n", "given twice"),
        ("", "expected a mapping"),
    ],
)
def test_malformed_files_are_refused(tmp_path, text, expected):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(IgnmError, match=expected):
        load_config(path)


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(IgnmError, match="no such file"):
        load_config(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(IgnmError, match="cannot be read"):
        load_config(tmp_path / "binary.yaml")


def test_saved_config_spells_every_path(tmp_path):
    save_config(Config(), tmp_path / "c.yaml")
    tree = yaml.safe_load((tmp_path / "c.yaml").read_text())
    assert set(flat(Config())) == set(config_paths())
    assert value_at(Config(), "optim.generator.lr") == tree["optim"]["generator"]["lr"]


def test_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Config().optim.batch = 3
