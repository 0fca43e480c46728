"""Bundles of the strategies, their combinations, and the bridges between them."""

import random
from itertools import chain, combinations

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from support.draws import uniformly

from ignm.config import config_paths, flat, load_preset, override, preset_names
from ignm.errors import IgnmError
from spaces.reading import read_space
from spaces.strategies import BRIDGES, BUNDLES, DATASET_PATHS, STRATEGIES, bundle, combine, strategy_of

SUBSETS = list(chain.from_iterable(combinations(BUNDLES, size) for size in range(len(BUNDLES) + 1)))
BASE = load_preset("dcgan", {"data.resolution": 32})
FEATURES = {"init.features": "resnet18", "init.features_weights": "a.pth"}
CHECKPOINT = {"init.checkpoint": "a"}
IMPROVED = override(
    BASE,
    {
        "augment.policy": "diffaugment",
        "generator.normalisation": "pixel",
        "discriminator.normalisation": None,
        "discriminator.attention": 16,
        "generator.weights": "he",
        "init.reconstruction": 10.0,
        "loss.penalty": "r1_r2",
        "optim.discriminator.lr": 1e-4,
        "ema.half_life": 5.0,
    },
)


def test_every_path_has_one_strategy():
    found = {path: strategy_of(path) for path in config_paths()}
    assert set(found.values()) == set(STRATEGIES)
    assert {
        path for path in found if path.startswith(("generator.", "discriminator.")) and found[path] != "structure"
    } == {
        "generator.weights",
        "discriminator.weights",
        "generator.condition",
    }


@pytest.mark.parametrize("baseline", preset_names())
@pytest.mark.parametrize("improved", preset_names())
@pytest.mark.parametrize("on", SUBSETS, ids="+".join)
def test_every_combination_of_presets_can_work(baseline, improved, on):
    before, after = load_preset(baseline), load_preset(improved)
    result = combine(before, after, on)
    assert result.on == on
    bridged = {bridge.path: bridge.value for bridge in result.bridges}
    for path, value in flat(result.config).items():
        if path in bridged:
            assert value == bridged[path]
            continue
        switched = path not in DATASET_PATHS and any(strategy_of(path) in BUNDLES[name] for name in on)
        assert value == flat(after if switched else before)[path], path


@pytest.mark.parametrize("changes", [{}, FEATURES, CHECKPOINT], ids=["plain", "features", "checkpoint"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_two_models_combine(changes, seed):
    space, draws = read_space("full-labelled"), random.Random(seed)
    try:
        before, after = (
            override(start, space.sample(start, uniformly(draws))) for start in (BASE, override(BASE, changes))
        )
    except IgnmError:
        reject()
    for start, end in ((before, after), (after, before)):
        for on in SUBSETS:
            result = combine(start, end, on)
            if len(on) in (0, len(BUNDLES)):
                assert result.config == (end if on else start)
                assert result.bridges == ()


def test_the_bundles_divide_what_differs():
    bundles = [bundle(BASE, IMPROVED, name) for name in BUNDLES]
    before, after = flat(BASE), flat(IMPROVED)
    differing = {path: after[path] for path in after if after[path] != before[path]}
    assert sum(map(len, bundles)) == len(differing)
    assert {path: value for part in bundles for path, value in part.items()} == differing
    assert bundle(BASE, IMPROVED, "loss") == {
        "loss.penalty": "r1_r2",
        "optim.discriminator.lr": 1e-4,
        "ema.half_life": 5.0,
    }
    assert bundle(BASE, IMPROVED, "init") == {"generator.weights": "he", "init.reconstruction": 10.0}


def test_the_dataset_stays_the_baselines():
    elsewhere = override(IMPROVED, {"data.name": "other", "data.resolution": 64, "data.labels": ["smile"]})
    assert combine(BASE, elsewhere, BUNDLES).config == IMPROVED


def test_a_penalised_loss_on_a_batch_normalised_critic_brings_layer_normalisation():
    result = combine(BASE, IMPROVED, ["loss"])
    assert (result.config.discriminator.normalisation, result.config.loss.penalty) == ("layer", "r1_r2")
    (bridge,) = result.bridges
    assert (bridge.path, bridge.value) == ("discriminator.normalisation", "layer")
    assert "Gulrajani" in bridge.reason
    assert combine(BASE, IMPROVED, ["loss", "structure"]).bridges == ()


def test_conditional_normalisation_without_batch_normalisation_becomes_a_conditional_latent():
    labelled = override(BASE, {"generator.condition": "normalisation", "loss.embedding": "projection"})
    result = combine(labelled, IMPROVED, ["structure"])
    assert result.config.generator.condition == "latent"
    assert [bridge.path for bridge in result.bridges] == ["generator.condition"]


def test_pretrained_features_leave_no_map_for_attention():
    result = combine(IMPROVED, override(BASE, FEATURES), ["init"])
    assert result.config.discriminator.attention is None
    assert [bridge.path for bridge in result.bridges] == ["discriminator.attention"]
    watched = override(IMPROVED, {"loss.attention": 1.0, "loss.penalty": None})
    result = combine(watched, override(BASE, FEATURES), ["init", "structure"])
    assert [(bridge.path, bridge.value) for bridge in result.bridges] == [("loss.attention", 0.0)]


def test_every_bridge_names_a_path_and_a_reason():
    for bridge in BRIDGES:
        assert bridge.path in config_paths()
        assert bridge.reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [("los", r"did you mean 'loss'"), ("optim", r"data, structure, init, loss; the optimiser goes with loss")],
)
def test_names_that_cannot_be_switched(name, expected):
    for call in (bundle, lambda before, after, given: combine(before, after, [given])):
        with pytest.raises(IgnmError, match=expected):
            call(BASE, IMPROVED, name)


def test_a_combination_that_no_bridge_mends_is_told():
    tall = override(IMPROVED, {"data.resolution": 64, "generator.attention": 32})
    with pytest.raises(IgnmError, match=r"(?s)structure do not go together on this baseline: .*no 32x32 map"):
        combine(BASE, tall, ["structure"])
