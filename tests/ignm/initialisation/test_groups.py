import pytest
import torch
from torch import nn

from ignm.config.learning import AdamConfig
from ignm.errors import IgnmError
from ignm.initialisation.groups import freeze, parameter_groups

ADAM = AdamConfig(lr=0.1)


def layers():
    torch.manual_seed(0)
    return [nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2), nn.Linear(2, 1)]


def grouped(groups):
    return [[id(each) for each in group["params"]] for group in groups]


def test_equal_rates_are_one_group_of_everything():
    ordered = layers()
    (group,) = parameter_groups(ordered, ADAM, 1.0, 0)
    assert (group["lr"], group["base_lr"]) == (0.1, 0.1)
    assert grouped([group]) == [[id(each) for layer in ordered for each in layer.parameters()]]


def test_rates_fall_with_each_layer_from_the_output_towards_the_input():
    ordered = layers()
    groups = parameter_groups(ordered, ADAM, 0.5, 0)
    assert [group["lr"] for group in groups] == pytest.approx([0.0125, 0.025, 0.05, 0.1], rel=1e-12)
    assert [group["base_lr"] for group in groups] == [group["lr"] for group in groups]
    with_parameters = [layer for layer in ordered if not isinstance(layer, nn.ReLU)]
    assert grouped(groups) == [[id(each) for each in layer.parameters()] for layer in with_parameters]


def test_frozen_layers_are_left_out_and_the_others_keep_their_rates():
    ordered = layers()
    groups = parameter_groups(ordered, ADAM, 0.5, 2)
    assert [group["lr"] for group in groups] == pytest.approx([0.05, 0.1], rel=1e-12)
    assert len(parameter_groups(ordered, ADAM, 1.0, 2)[0]["params"]) == 4


def test_adam_takes_the_groups_and_moves_layers_by_their_rates():
    ordered = layers()
    before = [layer.weight.detach().clone() for layer in ordered if hasattr(layer, "weight")]
    optimiser = torch.optim.Adam(parameter_groups(ordered, ADAM, 0.5, 0), lr=ADAM.lr, betas=(0.5, 0.999))
    nn.Sequential(*ordered)(torch.randn(8, 3)).square().sum().backward()
    optimiser.step()
    after = [layer.weight for layer in ordered if hasattr(layer, "weight")]
    # Adam's first step is lr in every weight that has a gradient.
    largest = [(a - b).abs().max().item() for a, b in zip(after, before, strict=True)]
    assert largest == pytest.approx([0.0125, 0.025, 0.05, 0.1], rel=1e-3)


def test_frozen_layers_stay_and_the_others_move():
    ordered = layers()
    before = [[each.detach().clone() for each in layer.parameters()] for layer in ordered]
    learning = freeze(ordered, 1)
    assert [id(each) for each in learning] == [id(each) for layer in ordered[1:] for each in layer.parameters()]
    optimiser = torch.optim.Adam(parameter_groups(ordered, ADAM, 1.0, 1), lr=ADAM.lr)
    images = torch.randn(8, 3, requires_grad=True)
    for _ in range(3):
        nn.Sequential(*ordered)(images).square().sum().backward()
        optimiser.step()
    assert images.grad is not None
    moved = [
        any(not torch.equal(a, b) for a, b in zip(layer.parameters(), old, strict=True))
        for layer, old in zip(ordered, before, strict=True)
    ]
    assert moved == [False, True, False, True, True]


def test_nothing_frozen_leaves_all_learning():
    ordered = layers()
    assert len(freeze(ordered, 0)) == 8
    assert all(each.requires_grad for layer in ordered for each in layer.parameters())


def test_one_layer_must_learn():
    freeze(layers(), 3)
    for refused in (lambda: freeze(layers(), 4), lambda: parameter_groups(layers(), ADAM, 0.9, 4)):
        with pytest.raises(IgnmError, match=r"init\.freeze: 4 layers, .* has 4, .* use at most 3"):
            refused()
