"""Augmentation within training: what networks are shown, adaptive strength, consistency, going on from a checkpoint."""

import json
from dataclasses import asdict, fields

import pytest
import torch
from support.waiting import NoWaiting
from torch.nn import functional as F

from ignm.augmentation.policies import augment
from ignm.config import override
from ignm.errors import IgnmError
from ignm.training.checkpoint import FORMAT, open_checkpoint, restore, save_checkpoint
from ignm.training.measurement import Measurement
from ignm.training.randomness import Stream, generator_of
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")
POLICIES = ("diffaugment", "ada")
EVERY = pytest.mark.parametrize("policy", POLICIES)
FAST = {"augment.target": 0.05, "augment.adapt_kimg": 0.2, "optim.discriminator.lr": 2e-3}
"""Rises soon, and in steps of 0.16."""
INDEPENDENT = {"discriminator.normalisation": None}


def trainer_of(config, images, changes, seed=0):
    return Trainer(override(config, changes), TrainingSet.of(images), seed, CPU)


def step(trainer):
    trainer.advance(trainer.kimg + 1e-4)


def same(a, b):
    """Whether two trees of tensors are equal bit for bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


def everything(trainer):
    state = {key: value for key, value in trainer.state().items() if key != "seconds"}
    return {name: network.state_dict() for name, network in trainer.networks().items()} | {"state": state}


@pytest.fixture
def seen(monkeypatch):
    """What a trainer's discriminator was given, in order."""

    def watch(trainer):
        shown = []
        trainer.discriminator.register_forward_pre_hook(lambda module, entry: shown.append(entry[0].detach().clone()))
        return shown

    return watch


def drawn(trainer, images, policy, stream, at, side, strength):
    return augment(images, policy, strength, generator_of(trainer.seed, stream, 2 * at + side, CPU))


@EVERY
@pytest.mark.parametrize("adversarial", ["non_saturating", "relativistic"])
@pytest.mark.usefixtures("judged_apart")
def test_real_and_generated_images_are_augmented_alike_by_draws_of_their_own(
    tiny_config, tiny_images, policy, adversarial, seen
):
    changes = {"augment.policy": policy, "augment.strength": 0.7, "loss.adversarial": adversarial}
    trainer = trainer_of(tiny_config, tiny_images, changes)
    step(trainer)
    shown, before = seen(trainer), trainer.images_seen
    made = trainer.generator(trainer.batches.latents(Stream.LATENTS, before)).detach()
    real = trainer.batches.real(before).images
    step(trainer)
    expected = [
        drawn(trainer, images, policy, Stream.DISCRIMINATOR_AUGMENT, before, side, 0.7)
        for side, images in enumerate((real, made))
    ]
    assert torch.equal(shown[0], expected[0])
    torch.testing.assert_close(shown[1], expected[1])
    assert len(shown) == (4 if adversarial == "relativistic" else 3)
    other = drawn(trainer, real, policy, Stream.DISCRIMINATOR_AUGMENT, before, 1, 0.7)
    assert not torch.equal(other, expected[0])


@EVERY
def test_an_adaptive_run_goes_on_bit_for_bit(tmp_path, tiny_config, tiny_images, policy):
    changes = FAST | {"augment.policy": policy, "optim.n_critic": 3}
    whole = trainer_of(tiny_config, tiny_images, changes)
    for _ in range(7):
        step(whole)
    assert 0 < float(whole.augment_strength) < 1
    # 21 steps of the discriminator: the fourth of four is two away.
    assert whole.state()["augment"]["steps"] == 1
    again = trainer_of(tiny_config, tiny_images, changes)
    restore(again, open_checkpoint(save_checkpoint(whole, [], "f1", tmp_path)), "f1")
    assert same(everything(whole), everything(again))
    strengths = []
    for _ in range(4):
        step(whole)
        step(again)
        strengths.append(float(whole.augment_strength))
        assert same(everything(whole), everything(again))
    assert len(set(strengths)) > 1


@EVERY
def test_fixed_strength_keeps_no_state(tiny_config, tiny_images, policy):
    trainer = trainer_of(tiny_config, tiny_images, {"augment.policy": policy, "augment.strength": 0.4})
    step(trainer)
    assert trainer.state()["augment"] is None
    assert trainer.augment_strength == 0.4
    assert trainer.take_statistics()["augment_strength"] == 0.4
    assert trainer_of(tiny_config, tiny_images, {}).take_statistics()["augment_strength"] == 0.0


@EVERY
@pytest.mark.usefixtures("judged_apart")
def test_adaptive_strength_follows_the_signs_of_real_logits(tiny_config, tiny_images, policy):
    """By hand from the logits that the discriminator gave: every fourth step, and nothing in between."""
    trainer = trainer_of(tiny_config, tiny_images, FAST | {"augment.policy": policy, "optim.n_critic": 2})
    logits = []
    trainer.discriminator.register_forward_hook(lambda module, entry, out: logits.append(out.logits.detach()))
    strength, signs = 0.0, []
    for _ in range(12):
        step(trainer)
        # Real, generated; real, generated; and those of the generator's step.
        signs += [logits[0].sign().mean().item(), logits[2].sign().mean().item()]
        logits.clear()
        if len(signs) == 4:
            strength = min(max(strength + (1 if sum(signs) / 4 > 0.05 else -1) * 8 * 4 / 200, 0.0), 1.0)
            signs = []
        assert trainer.take_statistics()["augment_strength"] == pytest.approx(strength, abs=1e-6)
    assert strength > 0


@EVERY
def test_until_it_moves_an_adaptive_run_is_one_without_augmentation(tiny_config, tiny_images, policy):
    plain = trainer_of(tiny_config, tiny_images, {"optim.discriminator.lr": 2e-3})
    ours = trainer_of(tiny_config, tiny_images, FAST | {"augment.policy": policy})
    alike = []
    for _ in range(8):
        step(plain)
        step(ours)
        pairs = zip(plain.discriminator.parameters(), ours.discriminator.parameters(), strict=True)
        alike.append(all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in pairs))
    assert alike[:3] == [True] * 3
    assert not alike[-1]


@EVERY
@pytest.mark.usefixtures("judged_apart")
def test_consistency_shows_images_as_they_are_and_adds_what_is_said_of_their_augmented_versions(
    tiny_config, tiny_images, policy, seen
):
    """The step of plain descent by hand: the adversarial loss, and both squared differences ten times."""
    changes = INDEPENDENT | {"augment.policy": policy, "augment.strength": 0.7, "augment.consistency": 10.0}
    trainer = trainer_of(tiny_config, tiny_images, changes)
    reference = trainer_of(tiny_config, tiny_images, INDEPENDENT)
    critic = reference.discriminator
    plain = [{"params": list(trainer.discriminator.parameters()), "base_lr": 0.01}]
    trainer.optimisers["discriminator"] = torch.optim.SGD(plain, lr=0.01)
    real = trainer.batches.real(0).images
    with torch.no_grad():
        fake = reference.generator.train()(trainer.batches.latents(Stream.LATENTS, 0))
    loss = F.softplus(-critic(real).logits).mean() + F.softplus(critic(fake).logits).mean()
    for side, images in enumerate((real, fake)):
        changed = drawn(trainer, images, policy, Stream.DISCRIMINATOR_AUGMENT, 0, side, 0.7)
        loss = loss + 10 * (critic(images).logits - critic(changed).logits).square().mean()
    loss.backward()
    shown = seen(trainer)
    step(trainer)
    for ours, theirs in zip(trainer.discriminator.parameters(), critic.parameters(), strict=True):
        expected = theirs if theirs.grad is None else theirs - 0.01 * theirs.grad
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-7)
    assert len(shown) == 5
    assert torch.equal(shown[0], real)
    torch.testing.assert_close(shown[1], fake)
    # The generator's step: its images as they are.
    with torch.no_grad():
        generated = reference.generator(trainer.batches.latents(Stream.LATENTS, 0))
    torch.testing.assert_close(shown[4], generated)


@EVERY
def test_no_step_waits_for_the_device(tiny_config, tiny_images, policy):
    trainer = trainer_of(tiny_config, tiny_images, FAST | {"augment.policy": policy, "augment.consistency": 1.0})
    step(trainer)
    # Only the images come from the host.
    with NoWaiting(copies=False):
        for _ in range(5):
            trainer._step()
    assert float(trainer.augment_strength) > 0


@EVERY
@pytest.mark.parametrize(
    "changes",
    [
        {"loss.penalty": "r1", "loss.interval": 2, "loss.lecam": 0.1, "discriminator.normalisation": "layer"},
        {"loss.adversarial": "relativistic", "augment.consistency": 5.0, "loss.attention": 0.5},
        {"augment.consistency": 5.0, "optim.precision": "bf16"},
        {"init.reconstruction": 0.016, "init.discriminator": 0.016},
    ],
    ids=["penalised", "relativistic consistency", "half precision", "two steps"],
)
def test_it_works_with_all_else_and_goes_on_bit_for_bit(tmp_path, tiny_config, tiny_images, policy, changes):
    whole, again = (trainer_of(tiny_config, tiny_images, FAST | {"augment.policy": policy} | changes) for _ in range(2))
    for _ in range(9):
        step(whole)
    restore(again, open_checkpoint(save_checkpoint(whole, [], "f1", tmp_path)), "f1")
    for _ in range(3):
        step(whole)
        step(again)
    assert same(everything(whole), everything(again))
    statistics = whole.take_statistics()
    assert all(abs(value) < float("inf") for value in statistics.values())
    assert statistics["augment_strength"] > 0


def test_a_measurement_without_a_strength_still_opens():
    old = {field.name: 1.0 for field in fields(Measurement) if field.name != "augment_strength"}
    assert Measurement(**old).augment_strength == 0.0
    assert asdict(Measurement(**old, augment_strength=0.5))["augment_strength"] == 0.5


def test_a_checkpoint_of_an_earlier_format_is_refused(tmp_path, tiny_config, tiny_images):
    path = save_checkpoint(trainer_of(tiny_config, tiny_images, {}), [], "f1", tmp_path)
    described = json.loads((path / "checkpoint.json").read_text())
    (path / "checkpoint.json").write_text(json.dumps(described | {"format": FORMAT - 1}))
    with pytest.raises(IgnmError, match=f"checkpoint format {FORMAT - 1}, this version reads {FORMAT}"):
        open_checkpoint(path)
