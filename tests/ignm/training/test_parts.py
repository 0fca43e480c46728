"""A batch in parts: what stays the same number, and what does not."""

from typing import get_args

import numpy as np
import pytest
import torch

from ignm.config import override
from ignm.config.learning import Adversarial
from ignm.data.targets import Targets
from ignm.losses.penalties import PENALTIES
from ignm.models.head import minibatch_std
from ignm.training.parts import SMALLEST, largest_part, more_parts, most_parts, parts_of
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")
RATE = 0.5
EACH_ALONE = {"optim.batch": 16, "discriminator.normalisation": None, "generator.normalisation": "layer"}
TERMS = {
    "mirrored attention": {"loss.attention": 0.5},
    "consistency of augmentations": {"augment.policy": "diffaugment", "augment.consistency": 5.0},
    "ada": {"augment.policy": "ada"},
    "ada, pairs": {"augment.policy": "ada", "loss.adversarial": "relativistic"},
    "minibatch deviation": {"discriminator.minibatch_std": True},
    "minibatch deviation, penalised": {"discriminator.minibatch_std": True, "loss.penalty": "r1", "loss.interval": 1},
    "clipping": {"loss.penalty": "clipping", "loss.adversarial": "wasserstein"},
    "three critic steps": {"optim.n_critic": 3, "loss.penalty": "wgan_gp", "loss.interval": 1},
    "uneven parts": {"optim.batch": 12},
    "a batch of no fours": {"optim.batch": 10},
    "reconstruction": {"init.reconstruction": 1.0},
    "mirrored images": {"data.mirror": True},
}


def moves(config, images, changes, parts, steps=1, targets=None):
    """How far steps of plain descent, whose moves are the gradients, take each weight; statistics of the steps."""
    trainer = Trainer(override(config, EACH_ALONE | changes), TrainingSet.of(images, targets), 0, CPU, parts)
    for name, adam in list(trainer.optimisers.items()):
        learning = [p for group in adam.param_groups for p in group["params"]]
        trainer.optimisers[name] = torch.optim.SGD([{"params": learning, "base_lr": RATE}], lr=RATE)
    before = weights(trainer)
    for _ in range(steps):
        trainer.advance(trainer.kimg + 1e-4)
    return {name: value - before[name] for name, value in weights(trainer).items()}, trainer.take_statistics()


def weights(trainer):
    networks = {"generator": trainer.generator, "discriminator": trainer.discriminator}
    return {f"{net}.{key}": p.detach().clone() for net, each in networks.items() for key, p in each.named_parameters()}


def assert_same(whole, divided):
    for name, value in whole[0].items():
        scale = value.abs().max().item()
        torch.testing.assert_close(divided[0][name], value, rtol=0, atol=1e-3 * scale + 1e-8, msg=name)
    for name in ("discriminator_loss", "generator_loss", "real_sign", "generator_gradient", "logit_gap"):
        if whole[1][name] is not None:
            assert divided[1][name] == pytest.approx(whole[1][name], rel=1e-3, abs=1e-6), name


@pytest.mark.parametrize("adversarial", get_args(Adversarial))
@pytest.mark.parametrize("parts", [2, 4])
def test_every_loss_has_the_gradients_of_the_whole_batch(tiny_config, tiny_images, adversarial, parts):
    changes = {"loss.adversarial": adversarial, "loss.lecam": 0.3}
    assert_same(*(moves(tiny_config, tiny_images, changes, count, steps=2) for count in (1, parts)))


@pytest.mark.parametrize("penalty", sorted(PENALTIES))
@pytest.mark.parametrize("interval", [1, 2])
def test_every_penalty_has_them(tiny_config, tiny_images, penalty, interval):
    changes = {"loss.penalty": penalty, "loss.interval": interval, "loss.gamma": 3.0}
    assert_same(*(moves(tiny_config, tiny_images, changes, parts) for parts in (1, 4)))


@pytest.mark.parametrize("changes", TERMS.values(), ids=TERMS)
def test_so_does_every_other_term_of_single_images_and_their_groups(tiny_config, tiny_images, changes):
    assert_same(*(moves(tiny_config, tiny_images, changes, parts) for parts in (1, 2)))


def test_so_do_labels_where_all_are_known(tiny_config, tiny_images):
    random = np.random.default_rng(1)
    targets = Targets(random.integers(0, 3, (50, 1)), random.standard_normal((50, 2)).astype(np.float32), (3,))
    changes = {
        "loss.classification": 1.0, "loss.regression": 1.0, "loss.embedding": "projection",
        "generator.condition": "latent",
    }  # fmt: skip
    assert_same(*(moves(tiny_config, tiny_images, changes, parts, targets=targets) for parts in (1, 4)))


def test_batch_statistics_are_each_parts_own(tiny_config, tiny_images):
    changes = {"generator.normalisation": "batch"}
    whole, divided = (moves(tiny_config, tiny_images, changes, parts)[0] for parts in (1, 4))
    assert any((whole[key] - divided[key]).abs().max() > 1e-5 for key in whole)


def test_the_groups_of_minibatch_deviation_stay_together():
    x = torch.randn(24, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    together = minibatch_std(x)
    for part in parts_of(24, 2, CPU):
        assert torch.equal(minibatch_std(part.of(x)), part.of(together))


@pytest.mark.parametrize("batch", [2, 4, 7, 8, 10, 12, 16, 30, 36, 64, 100, 128])
def test_parts_are_the_batch_each_image_once_and_none_too_small(batch):
    assert more_parts(batch, most_parts(batch)) is None
    count = 1
    while count is not None:
        parts = parts_of(batch, count, CPU)
        rows = [torch.arange(batch) if part.rows is None else part.rows for part in parts]
        assert sorted(torch.cat(rows).tolist()) == list(range(batch))
        assert sum(part.share for part in parts) == pytest.approx(1.0)
        assert max(map(len, rows)) == largest_part(batch, count)
        assert count == 1 or min(map(len, rows)) >= SMALLEST
        count = more_parts(batch, count)
    assert more_parts(7, 1) is None
    assert more_parts(8, 1) == 2
    assert most_parts(64) == 16
