"""No dead option: every two choices of an option give other parameters or another function, where it applies.

The choices are read from the schema, so a new one is tested as soon as it is there.
"""

from itertools import combinations
from typing import get_args

import pytest
import torch
from pydantic import BaseModel

from ignm.config import load_preset
from ignm.config.networks import DiscriminatorConfig, GeneratorConfig
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape

SHAPE = DataShape(1, (3,))
LABELS = torch.eye(3)[torch.tensor([0, 1, 2, 0])]
BASE = {"generator.width": 8, "discriminator.width": 8, "loss.embedding": "projection", "generator.condition": "latent"}
RESOLUTIONS = (16, 32)
BLOCKS = ("plain", "residual")


def choices(model: type[BaseModel], field: str):
    """All that a field of Literal or bool type may be, null included."""
    found: list[object] = []

    def collect(annotation):
        parts = get_args(annotation)
        if annotation is bool:
            found.extend([False, True])
        elif annotation is type(None):
            found.append(None)
        elif parts and all(isinstance(part, str | int) for part in parts):
            found.extend(parts)
        for part in parts:
            if not isinstance(part, str | int):
                collect(part)

    collect(model.model_fields[field].annotation)
    assert len(found) > 1
    return found


NUMBERS = {
    "multiplier": [1.0, 1.4, 2.0],
    "max_multiplier": [1, 2],
    "width": [4, 8, 12],
    "latent": [10, 100],
    "input_width": [None, 10, 20],
    "head_width": [None, 10, 20],
    "extra_blocks": [0, 1, 2],
    "pyramid_levels": [1, 2, 3],
}

COMMON = ["block", "width", "multiplier", "max_multiplier", "bottleneck", "normalisation", "spectral_norm", "attention"]
COMMON += ["bias", "weights", "activation"]
# Option, and what must be set for it to apply.
OF_GENERATOR = [(name, {}) for name in [*COMMON, "latent", "input_width", "upsampling"]]
OF_GENERATOR += [("condition", {"generator.normalisation": "batch"})]
OF_DISCRIMINATOR = [(name, {}) for name in [*COMMON, "head_width", "extra_blocks", "head"]]
OF_DISCRIMINATOR += [("downsampling", {"discriminator.pooling_size": size}) for size in (2, 3, 4)]
OF_DISCRIMINATOR += [("pooling_size", {"discriminator.downsampling": kind}) for kind in ("average", "max", "blur")]
OF_DISCRIMINATOR += [("pyramid_levels", {"discriminator.head": "pyramid"}), ("minibatch_std", {})]
OF_RESIDUAL = [("stem", {}), ("inner", {}), ("pooling_size", {"discriminator.downsampling": "strided"})]
CASES = [
    ("generator", block, resolution, name, setting)
    for block in BLOCKS
    for resolution in RESOLUTIONS
    for name, setting in OF_GENERATOR
]
CASES += [
    ("discriminator", block, resolution, name, setting)
    for block in BLOCKS
    for resolution in RESOLUTIONS
    for name, setting in OF_DISCRIMINATOR + (OF_RESIDUAL if block == "residual" else [])
]


def values_of(side, name, resolution):
    if name in NUMBERS:
        return NUMBERS[name]
    model = GeneratorConfig if side == "generator" else DiscriminatorConfig
    values = choices(model, name)
    if name == "attention":
        values = [size for size in values if size is None or size <= resolution // 2]
    if name == "condition":
        # Without one the loss may not ask for labels; test_generator has it.
        values = [value for value in values if value is not None]
    return values


def network_of(side, changes):
    config = load_preset("dcgan", BASE | changes)
    build = build_generator if side == "generator" else build_discriminator
    return build(config, SHAPE, 0)


def function(network, side, resolution):
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        if side == "generator":
            return network(torch.randn(4, network.latent, generator=random), LABELS)
        return network(torch.rand(4, 1, resolution, resolution, generator=random) * 2 - 1, LABELS).logits


def layout(network):
    return [(name, tuple(parameter.shape)) for name, parameter in network.named_parameters()]


@pytest.mark.parametrize(
    ("side", "block", "resolution", "name", "setting"),
    CASES,
    ids=["-".join(map(str, (*case[:4], *case[4].values()))) for case in CASES],
)
def test_choices_differ(side, block, resolution, name, setting):
    known = []
    for value in values_of(side, name, resolution):
        changes = {f"{side}.block": block, "data.resolution": resolution, **setting, f"{side}.{name}": value}
        network = network_of(side, changes)
        known.append((value, layout(network), function(network, side, resolution)))
        assert known[-1][2].isfinite().all()
    for (first, layout_1, output_1), (second, layout_2, output_2) in combinations(known, 2):
        if layout_1 == layout_2:
            difference = (output_1 - output_2).abs().max() / output_1.abs().max()
            assert difference > 1e-4, f"{side}.{name}: {first} and {second} are the same"


def test_every_structural_option_is_tested():
    assert {name for name, _ in OF_GENERATOR} == set(GeneratorConfig.model_fields)
    assert {name for name, _ in OF_DISCRIMINATOR + OF_RESIDUAL} == set(DiscriminatorConfig.model_fields)


@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("side", ["generator", "discriminator"])
def test_attention_has_a_say_once_its_gate_is_open(side, block, size):
    changes = {f"{side}.block": block, "data.resolution": 32, f"{side}.weights": "orthogonal"}
    without = function(network_of(side, changes), side, 32)
    network = network_of(side, changes | {f"{side}.attention": size})
    gate = network.attention[str(size)].gate
    assert gate == 0
    with torch.no_grad():
        gate.fill_(1.0)
    assert (function(network, side, 32) - without).abs().max() > 1e-3 * without.abs().max()


def test_options_of_residual_blocks_leave_plain_ones_alone():
    for name, values in (("stem", (True, False)), ("inner", ("input", "output"))):
        first, second = (network_of("discriminator", {f"discriminator.{name}": value}) for value in values)
        assert layout(first) == layout(second)
        assert torch.equal(function(first, "discriminator", 64), function(second, "discriminator", 64))


def test_one_network_s_options_leave_the_other_alone():
    first = network_of("discriminator", {})
    second = network_of("discriminator", {"generator.width": 12, "generator.activation": "mish"})
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
