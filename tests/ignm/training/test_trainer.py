import numpy as np
import pytest
import torch

from ignm.config import override
from ignm.training.ema import decay
from ignm.training.randomness import ImageOrder, Stream
from ignm.training.trainer import DivergedError, Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")
VARIANTS = {
    "dcgan": {},
    "hinge": {"loss.adversarial": "hinge", "discriminator.spectral_norm": True, "discriminator.normalisation": None},
    "r1": {
        "loss.adversarial": "relativistic",
        "loss.penalty": "r1",
        "loss.interval": 2,
        "discriminator.normalisation": "layer",
    },
    "augmented": {"augment.policy": "diffaugment", "data.mirror": True},
    "critic": {"optim.n_critic": 3},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_trains_with_finite_losses_and_moves_both_networks(tiny_config, tiny_images, changes):
    config = override(tiny_config, changes)
    trainer, untouched = (Trainer(config, TrainingSet.of(tiny_images), 0, CPU) for _ in range(2))
    trainer.advance(0.048)
    assert trainer.images_seen == 48
    assert all(np.isfinite(list(trainer.take_statistics().values())))
    for name, network in trainer.networks().items():
        before = dict(untouched.networks()[name].named_parameters())
        assert any(not torch.equal(before[key], value) for key, value in network.named_parameters()), name


def test_loss_falls_where_it_must(tiny_config, tiny_images):
    """The discriminator alone must learn to tell a fixed generator's images from noise images."""
    config = override(tiny_config, {"optim.generator.lr": 1e-12, "optim.discriminator.lr": 2e-3})
    trainer = Trainer(config, TrainingSet.of(tiny_images), 0, CPU)
    trainer.advance(0.08)
    early = trainer.take_statistics()["discriminator_loss"]
    trainer.advance(0.8)
    trainer.take_statistics()
    trainer.advance(0.88)
    assert trainer.take_statistics()["discriminator_loss"] < early / 4


def test_divergence_is_noticed(tiny_config, tiny_images):
    trainer = Trainer(
        override(tiny_config, {"loss.adversarial": "least_squares", "optim.discriminator.lr": 1.0}),
        TrainingSet.of(tiny_images),
        0,
        CPU,
    )
    with torch.no_grad():
        next(trainer.discriminator.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="kimg"):
        trainer.advance(1.0)
    assert trainer.images_seen <= 50 * 8


def test_lazy_penalty_scales_the_discriminators_adam_alone(tiny_config, tiny_images):
    config = override(tiny_config, {"loss.penalty": "r1", "loss.interval": 16, "discriminator.normalisation": None})
    trainer = Trainer(config, TrainingSet.of(tiny_images), 0, CPU)
    group = trainer.optimisers["discriminator"].param_groups[0]
    assert group["lr"] == pytest.approx(2e-4 * 16 / 17)
    assert group["betas"] == pytest.approx((0.5 ** (16 / 17), 0.999 ** (16 / 17)))
    assert trainer.optimisers["generator"].param_groups[0]["lr"] == pytest.approx(2e-4)


def test_the_lazy_penalty_is_a_step_of_its_own_each_interval(tiny_config, tiny_images):
    changes = {"loss.penalty": "r1", "loss.interval": 4, "discriminator.normalisation": None}
    trainer = Trainer(override(tiny_config, changes), TrainingSet.of(tiny_images), 0, CPU)
    trainer.advance(8 * 8 / 1000)
    taken = next(iter(trainer.optimisers["discriminator"].state.values()))["step"]
    assert (trainer.steps, int(taken)) == (8, 8 + 2)


def test_common_random_numbers_across_configs(tiny_config, tiny_images):
    """Other learning rates, same images in the same order and same latents."""
    seen = []
    for rate in (1e-4, 1e-3):
        trainer = Trainer(override(tiny_config, {"optim.generator.lr": rate}), TrainingSet.of(tiny_images), 7, CPU)
        trainer.advance(0.1)
        seen.append((trainer.batches.real(104).images, trainer.batches.latents(Stream.LATENTS, 8)))
    assert torch.equal(seen[0][0], seen[1][0])
    assert torch.equal(seen[0][1], seen[1][1])


def test_the_global_generator_is_neither_used_nor_disturbed(tiny_config, tiny_images):
    config = override(tiny_config, VARIANTS["augmented"])
    runs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        trainer = Trainer(config, TrainingSet.of(tiny_images), 0, CPU)
        trainer.advance(0.04)
        assert torch.equal(before, torch.random.get_rng_state())
        runs.append(trainer.average.state_dict())
    assert all(torch.equal(runs[0][key], runs[1][key]) for key in runs[0])


@pytest.mark.parametrize("size", [1, 7, 64, 130])
def test_the_order_shows_every_image_once_an_epoch(size):
    order = ImageOrder(50, seed=3)
    shown = np.concatenate([order.indices(start, size) for start in range(0, 50 * size, size)])
    for epoch in shown[: len(shown) // 50 * 50].reshape(-1, 50):
        assert sorted(epoch) == list(range(50))


def test_ema_halves_the_old_weights_share_in_one_half_life(tiny_config):
    ema = override(tiny_config, {"ema.half_life": 2.0, "ema.ramp": 0.0}).ema
    assert decay(ema, 64, 10_000) ** (2000 / 64) == pytest.approx(0.5)
    ramped = override(tiny_config, {"ema.half_life": 2.0, "ema.ramp": 0.05}).ema
    assert decay(ramped, 64, 1000) == pytest.approx(0.5 ** (64 / 50))
    assert decay(ramped, 64, 10**7) == pytest.approx(decay(ema, 64, 1))
