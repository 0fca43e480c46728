"""Parts of a space, and how large they are."""

import pytest

from ignm.config import flat, load_preset, override
from ignm.errors import IgnmError
from spaces.axis import ChoiceDomain
from spaces.reading import load_space, read_space
from spaces.size import Size, size_of
from spaces.space import Space

BASE = load_preset("dcgan", {"data.resolution": 32})
FULL = read_space("full")


def space_of(*axes):
    return Space.model_validate({"name": "mine", "axes": axes})


def test_only_keeps_strategies_and_paths_in_the_spaces_order():
    space = FULL.only(["optim.batch", "augment.strength", "augment.policy", "data.mirror"])
    assert space.paths == ["data.mirror", "augment.policy", "augment.strength", "optim.batch"]
    assert FULL.only(["data", "structure", "init", "loss", "optim"]) == FULL


def test_fixed_leaves_paths_out():
    assert FULL.fixed(["optim.batch", "no.axis"]).paths == [path for path in FULL.paths if path != "optim.batch"]


def test_narrowing_changes_nothing_in_place():
    before = FULL.model_copy(deep=True)
    FULL.only(["data"]).fixed(["data.mirror"]).possible(BASE)
    assert before == FULL


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (
            lambda: FULL.only(["los"]),
            r"only los: neither a strategy nor an axis of space full \(did you mean 'loss'\?\)",
        ),
        (
            lambda: FULL.only(["optim.bach"]),
            r"did you mean 'optim.batch'.*strategies: data, structure.*axes: data.mirror",
        ),
        (
            lambda: read_space("quick").only(["init"]),
            r"quick has no axis of this strategy; it has axes of data, struct",
        ),
        (lambda: FULL.only(["data"]).fixed(FULL.paths), r"every axis is fixed, nothing is left to search"),
        (
            lambda: FULL.only(["loss.gamma"]).possible(BASE),
            r"no axis of it exists for this base\n  loss.gamma exists only with loss.penalty: wgan_gp, r1",
        ),
    ],
)
def test_what_cannot_be_narrowed_is_refused(narrow, expected):
    with pytest.raises(IgnmError, match=expected):
        narrow()


def test_an_axis_is_possible_by_the_base_or_by_another_axis():
    needing_a_teacher = {"data.synthetic.truncation", "data.synthetic.rejection"}
    needing_a_file = {"init.networks", "init.freeze", "init.layer_decay"} | needing_a_teacher
    assert set(FULL.paths) - set(FULL.possible(BASE).paths) == needing_a_file
    begun = override(BASE, {"init.checkpoint": "a"})
    assert set(FULL.paths) - set(FULL.possible(begun).paths) == needing_a_teacher
    # A pool by a teacher is nothing that a space can choose by itself: the base has it, and its axis is held.
    taught = FULL.fixed(["data.synthetic.source"])
    teacher = {"data.synthetic.source": "teacher", "data.synthetic.teacher": "b", "data.synthetic.fraction": 0.5}
    assert needing_a_teacher <= set(taught.possible(override(begun, teacher)).paths)
    # With batch normalisation held, the penalty and all that follows from it can never come.
    followers = {"loss.penalty", "loss.gamma", "loss.interval", "loss.clip"}
    held = FULL.fixed(["discriminator.normalisation"])
    assert set(held.paths) - set(held.possible(BASE).paths) == needing_a_file | followers
    layered = override(BASE, {"discriminator.normalisation": "layer"})
    assert set(held.paths) - set(held.possible(layered).paths) == needing_a_file


def test_choices_that_no_point_lets_the_config_accept_are_left_out():
    penalised = override(BASE, {"discriminator.normalisation": "layer", "loss.penalty": "r1"})
    for space in (FULL, FULL.fixed(["loss.penalty"])):
        axes = {axis.path: axis.domain for axis in space.possible(penalised).axes}
        # Without the penalty's axis the base's own penalty stays.
        assert axes["discriminator.normalisation"].values == ("instance", "layer", "group", None)
    space = space_of(
        {"path": "loss.embedding", "choice": [None, "projection"]}, {"path": "data.mirror", "choice": [True]}
    )
    assert space.possible(BASE).axes[0].domain.values == (None,)
    conditional = override(BASE, {"generator.condition": "latent", "loss.classification": 1.0})
    assert space.possible(conditional) == space


def points(space, base):
    """Every discrete point of a space, by trying each choice of each axis in turn."""
    found = [{}]
    for axis in space.axes:
        longer = []
        for values in found:
            if axis.exists({**flat(base), **values}):
                domain = axis.domain
                if isinstance(domain, ChoiceDomain):
                    choices = domain.values
                else:
                    choices = range(int(domain.low), int(domain.high) + 1) if domain.kind == "int" else (domain.low,)
                longer += [{**values, axis.path: choice} for choice in choices]
            else:
                longer.append(values)
        found = longer
    return found


@pytest.mark.parametrize("name", ["quick", "loss", "labels", "data", "init"])
@pytest.mark.parametrize("changes", [{}, {"discriminator.normalisation": "layer", "init.checkpoint": "a"}])
def test_size_is_what_trying_every_choice_finds(name, changes):
    base = override(BASE, changes)
    space = load_space(name, base)
    assert size_of(space, base).combinations == len(points(space, base))


def test_size_heeds_whole_numbers_and_continuous_axes():
    space = space_of(
        {"path": "optim.n_critic", "int": [1, 5]},
        {"path": "optim.batch", "int": [2, 4], "when": {"optim.n_critic": [1, 3]}},
        {"path": "ema.half_life", "float": [1, 2], "when": {"optim.n_critic": [5]}},
        {"path": "data.mirror", "choice": [True, False]},
    )
    assert size_of(space, BASE) == Size(combinations=2 * (3 + 1 + 3 + 1 + 1), continuous=1)
    assert len(points(space, BASE)) == 18


def test_independent_parts_multiply():
    parts = [size_of(read_space(name), BASE).combinations for name in ("data", "init", "optim")]
    whole = FULL.only(["data", "init", "optim"])
    assert size_of(whole, BASE).combinations == parts[0] * parts[1] * parts[2]
