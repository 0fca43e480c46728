"""The discriminator's step: which updates a penalty makes, what clipping holds, what supervision sees."""

from copy import deepcopy

import pytest
import torch
from torch.nn import functional as F

from ignm.config import override
from ignm.losses.penalties import PENALTIES
from ignm.training.checkpoint import save_checkpoint
from ignm.training.randomness import Stream
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")
INDEPENDENT = {"discriminator.normalisation": None}
R1 = INDEPENDENT | {"loss.penalty": "r1", "loss.gamma": 3.0}
PENALISED = sorted(PENALTIES)


def trainer_of(config, images, changes, seed=0):
    trainer = Trainer(override(config, changes), TrainingSet.of(images), seed, CPU)
    trainer.initialise()
    return trainer


def step(trainer):
    trainer.advance(trainer.kimg + 1e-4)


def taken(optimiser):
    (count,) = {int(state["step"]) for state in optimiser.state.values()}
    return count


@pytest.mark.parametrize("penalty", PENALISED)
@pytest.mark.parametrize("n_critic", [1, 3])
def test_a_penalty_at_every_step_is_part_of_it(tiny_config, tiny_images, penalty, n_critic):
    changes = INDEPENDENT | {"loss.penalty": penalty, "loss.interval": 1, "optim.n_critic": n_critic}
    trainer = trainer_of(tiny_config, tiny_images, changes)
    for _ in range(4):
        step(trainer)
    assert taken(trainer.optimisers["discriminator"]) == 4 * n_critic
    assert taken(trainer.optimisers["generator"]) == 4
    (group,) = trainer.optimisers["discriminator"].param_groups
    assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))


@pytest.mark.parametrize(("interval", "n_critic", "steps"), [(2, 1, 5), (4, 1, 8), (3, 2, 5), (16, 5, 4)])
def test_a_lazy_penalty_comes_once_an_interval_of_critic_steps(tiny_config, tiny_images, interval, n_critic, steps):
    trainer = trainer_of(tiny_config, tiny_images, R1 | {"loss.interval": interval, "optim.n_critic": n_critic})
    for _ in range(steps):
        step(trainer)
    due = -(-steps * n_critic // interval)
    weight = next(p for p in trainer.discriminator.parameters() if p.ndim == 4)
    assert int(trainer.optimisers["discriminator"].state[weight]["step"]) == steps * n_critic + due
    (group,) = trainer.optimisers["discriminator"].param_groups
    share = interval / (interval + 1)
    assert (group["lr"], *group["betas"]) == pytest.approx((2e-4 * share, 0.5**share, 0.999**share))


def test_clipping_is_no_lazy_penalty(tiny_config, tiny_images):
    trainer = trainer_of(tiny_config, tiny_images, {"loss.penalty": "clipping", "loss.interval": 16})
    step(trainer)
    step(trainer)
    assert taken(trainer.optimisers["discriminator"]) == 2
    assert trainer.optimisers["discriminator"].param_groups[0]["lr"] == 2e-4


def loss_by_hand(critic, real, fake):
    return F.softplus(-critic(real).logits).mean() + F.softplus(critic(fake).logits).mean()


def r1_by_hand(critic, real, gamma):
    real = real.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(real).logits.sum(), real, create_graph=True)
    return gamma / 2 * slope.square().sum(dim=(1, 2, 3)).mean()


def descend(critic, loss, rate):
    gradients = torch.autograd.grad(loss, list(critic.parameters()), allow_unused=True)
    with torch.no_grad():
        for parameter, gradient in zip(critic.parameters(), gradients, strict=True):
            parameter -= 0 if gradient is None else rate * gradient


@pytest.mark.parametrize("interval", [1, 4])
def test_the_step_is_descent_on_the_loss_and_the_penalty(tiny_config, tiny_images, interval):
    """With plain descent for Adam: loss and penalty at once, or the penalty afterwards, `interval` times as heavy."""
    trainer = trainer_of(tiny_config, tiny_images, R1 | {"loss.interval": interval})
    critic, generator = deepcopy(trainer.discriminator), deepcopy(trainer.generator)
    plain = [{"params": list(trainer.discriminator.parameters()), "base_lr": 0.01}]
    trainer.optimisers["discriminator"] = torch.optim.SGD(plain, lr=0.01)
    real = trainer.batches.real(0).images
    with torch.no_grad():
        fake = generator(trainer.batches.latents(Stream.LATENTS, 0))
    if interval == 1:
        descend(critic, loss_by_hand(critic, real, fake) + r1_by_hand(critic, real, 3.0), 0.01)
    else:
        descend(critic, loss_by_hand(critic, real, fake), 0.01)
        descend(critic, r1_by_hand(critic, real, 3.0 * interval), 0.01)
    step(trainer)
    for ours, expected in zip(trainer.discriminator.parameters(), critic.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("clip", [0.01, 0.003])
def test_clipping_holds_every_weight_after_every_step(tiny_config, tiny_images, clip):
    changes = {"loss.adversarial": "wasserstein", "loss.penalty": "clipping", "loss.clip": clip, "optim.n_critic": 2}
    trainer = trainer_of(tiny_config, tiny_images, changes | {"optim.discriminator.lr": 1e-2})
    assert max(p.abs().max() for p in trainer.discriminator.parameters()) > clip
    for _ in range(4):
        step(trainer)
        largest = max(p.abs().max().item() for p in trainer.discriminator.parameters())
        assert largest == pytest.approx(clip)
        assert largest <= torch.tensor(clip).item()
    assert max(p.abs().max() for p in trainer.generator.parameters()) > 2 * clip


def test_clipping_leaves_frozen_layers_as_they_are(tmp_path, tiny_config, tiny_images):
    source = save_checkpoint(trainer_of(tiny_config, tiny_images, {}, seed=5), [], "f1", tmp_path)
    changes = {"init.checkpoint": str(source), "init.freeze": 1, "loss.penalty": "clipping", "loss.clip": 0.001}
    trainer = trainer_of(tiny_config, tiny_images, changes)
    frozen, *learning = [list(layer.parameters()) for layer in trainer.discriminator.ordered()]
    before = [p.clone() for p in frozen]
    assert max(p.abs().max() for p in frozen) > 0.001
    step(trainer)
    assert all(map(torch.equal, frozen, before))
    assert max(p.abs().max().item() for layer in learning for p in layer) <= torch.tensor(0.001).item()


@pytest.mark.usefixtures("judged_apart")
def test_lecam_begins_with_the_second_step_and_its_means_are_the_running_ones(tiny_config, tiny_images):
    with_it, without = (trainer_of(tiny_config, tiny_images, {"loss.lecam": weight}) for weight in (10.0, 0.0))
    logits = []
    with_it.discriminator.register_forward_hook(lambda module, entry, out: logits.append(out.logits.mean().item()))
    for number in range(3):
        step(with_it)
        step(without)
        pairs = zip(with_it.discriminator.parameters(), without.discriminator.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == (number == 0)
    # Each step judges real images, fake ones, and then those of the generator's step.
    expected = logits[0], logits[1]
    for real, fake in ((logits[3], logits[4]), (logits[6], logits[7])):
        expected = expected[0] * 0.99 + real * 0.01, expected[1] * 0.99 + fake * 0.01
    assert [mean.item() for mean in with_it.state()["logit_means"]] == pytest.approx(expected)
