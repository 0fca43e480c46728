"""The spaces that come with the project: what they hold between them."""

import random
from typing import get_args

import pytest
from support.draws import uniformly

from ignm.config import config_paths, load_preset, override, preset_names
from ignm.config.learning import Penalty
from ignm.config.refusals import GRADIENT_PENALTIES
from spaces.axis import ChoiceDomain
from spaces.reading import load_space, read_space
from spaces.strategies import STRATEGIES

NO_AXIS = {
    "data.name": "a study has one dataset",
    "data.resolution": "a study has one dataset",
    "data.labels": "says which labels the dataset has to give",
    "data.degrade.seed": "names a draw",
    "data.synthetic.seed": "names a draw",
    "data.synthetic.teacher": "a path to a file",
    "init.checkpoint": "a path to a file",
    "init.features": "goes with a file of weights for just that network",
    "init.features_weights": "a path to a file",
    "optim.precision": "follows from the hardware",
}
LABELLED_ONLY = {
    "loss.classification",
    "loss.regression",
    "loss.embedding",
    "loss.contrast",
    "loss.temperature",
    "generator.condition",
}
"""A dataset without labels refuses them, so `full` leaves them to `labels`."""


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_is_a_point_of_the_full_spaces_on_itself(preset):
    base = load_preset(preset)
    for name in ("full", "full-labelled"):
        space = load_space(name, base)
        assert override(base, space.values_of(base, base)) == base


@pytest.mark.parametrize("preset", preset_names())
def test_no_sample_of_the_full_space_is_refused_on_any_preset(preset):
    base, draws = load_preset(preset), random.Random(0)
    space = load_space("full", base).possible(base)
    for _ in range(200):
        override(base, space.sample(base, uniformly(draws)))


@pytest.mark.parametrize("resolution", [16, 64])
def test_the_full_spaces_fit_other_resolutions(resolution):
    base = load_preset("dcgan", {"data.resolution": resolution})
    space = load_space("full-labelled", base).possible(base)
    assert ("generator.attention" in space.paths) == (resolution > 16)


def test_every_leaf_of_the_config_can_vary():
    paths = set(config_paths())
    full, labelled = read_space("full"), read_space("full-labelled")
    # A search for the best has no use for worse images: they are a question of their own.
    quality = {path for path in paths - NO_AXIS.keys() if path.startswith("data.degrade.")}
    assert set(full.paths) == paths - NO_AXIS.keys() - LABELLED_ONLY - quality
    assert set(labelled.paths) == paths - NO_AXIS.keys() - quality
    assert set(read_space("quality-labelled").paths) == quality
    assert set(read_space("labels").paths) == LABELLED_ONLY


def test_the_full_space_shares_the_axes_of_the_strategies():
    parts = [read_space(strategy).axes for strategy in STRATEGIES]
    assert read_space("full").axes == tuple(axis for part in parts for axis in part)
    for strategy, axes in zip(STRATEGIES, parts, strict=True):
        assert {axis.strategy for axis in axes} == {strategy}


def test_numbers_over_decades_are_searched_by_their_logarithm():
    for axis in read_space("full-labelled").axes:
        if not isinstance(axis.domain, ChoiceDomain):
            assert axis.domain.log == (axis.domain.low == 0 or axis.domain.high / axis.domain.low > 10), axis.path


def test_the_first_space_holds_what_it_promises():
    paths = [axis.path for axis in load_space("first", load_preset("dcgan")).axes]
    for part in ("lr", "activation", "width", "normalisation", "loss", "augment"):
        assert any(part in path for path in paths), part


def test_every_axis_says_where_its_idea_comes_from():
    without = {axis.path for axis in read_space("full-labelled").axes if not axis.source}
    assert without == {"init.discriminator"}


def test_every_penalty_of_the_config_is_searched_and_every_gradient_penalty_has_its_weight():
    axes = {axis.path: axis for axis in read_space("loss").axes}
    assert set(axes["loss.penalty"].domain.values) == {None, *get_args(Penalty)}
    for path in ("loss.gamma", "loss.interval"):
        assert set(axes[path].when["loss.penalty"]) == set(GRADIENT_PENALTIES), path
