import copy

import pytest
import torch

from ignm.config import load_preset
from ignm.models.networks import build_discriminator
from ignm.models.shape import DataShape
from ignm.models.together import judge_together

SMALL = {
    "data.resolution": 16,
    "discriminator.width": 4,
    "discriminator.spectral_norm": False,
    "generator.attention": None,
    "discriminator.attention": None,
}
VARIANTS = {
    "dcgan": ("dcgan", {}),
    "ignm": ("ignm", {}),
    "wgan-gp": ("wgan-gp", {}),
    "sagan with labels and attention": (
        "sagan",
        {
            "discriminator.attention": 8,
            "loss.embedding": "projection",
            "loss.classification": 1.0,
            "loss.attention": 1.0,
            "generator.condition": "normalisation",
        },
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_batches_are_judged_as_each_alone_with_the_same_gradients_and_running_statistics(variant):
    preset, changes = VARIANTS[variant]
    shape = DataShape(3, (3,), 0)
    together = build_discriminator(load_preset(preset, SMALL | changes), shape, 0).double()
    apart = copy.deepcopy(together)
    random = torch.Generator().manual_seed(1)
    batches = [torch.randn(8, 3, 16, 16, generator=random, dtype=torch.float64) for _ in range(2)]
    labels = torch.eye(3, dtype=torch.float64)[torch.arange(8) % 3]

    found = judge_together(together, batches, labels)
    expected = [apart(batch, labels) for batch in batches]

    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.logits, other.logits)
        torch.testing.assert_close(one.classes, other.classes)
        torch.testing.assert_close(one.features, other.features)
    for judgements in (found, expected):
        sum(
            (side + 1) * (each.logits.square().sum() + sum(part.square().sum() for part in each.classes))
            for side, each in enumerate(judgements)
        ).backward()
    for one, other in zip(together.parameters(), apart.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    for one, other in zip(together.buffers(), apart.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_batches_of_different_sizes_are_refused_and_leave_the_network_as_it_was():
    network = build_discriminator(load_preset("dcgan", SMALL), DataShape(3), 0)
    with pytest.raises(ValueError, match="alike"):
        judge_together(network, [torch.randn(4, 3, 16, 16), torch.randn(2, 3, 16, 16)], None)
    assert network(torch.randn(4, 3, 16, 16)).logits.shape == (4,)
