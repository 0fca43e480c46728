"""Generators that know labels: those of the real batch in training, stored ones when they are sampled."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ignm.config import override
from ignm.data.targets import targets_of
from ignm.models.generator import LABEL_SAMPLES
from ignm.training.checkpoint import load_generator, open_checkpoint, save_checkpoint
from ignm.training.randomness import ImageOrder, Stream, generator_of, latents
from ignm.training.samples import generate, to_uint8
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")
LABELLED = {"loss.classification": 0.5, "loss.regression": 0.5}
CONDITIONS = {
    "latent": LABELLED | {"generator.condition": "latent"},
    "normalisation": LABELLED | {"generator.condition": "normalisation"},
    "projection": LABELLED | {"generator.condition": "latent", "loss.embedding": "projection"},
    "contrastive": LABELLED | {"generator.condition": "normalisation", "loss.embedding": "contrastive"},
}
each_condition = pytest.mark.parametrize("changes", CONDITIONS.values(), ids=CONDITIONS)


@pytest.fixture
def dataset(tiny_images):
    source = np.random.default_rng(1)
    continuous = source.normal(3, 2, (50, 1)).astype(np.float32)
    continuous[::7] = np.nan
    return SimpleNamespace(
        name="tiny",
        resolution=16,
        images=tiny_images,
        classes=np.stack([np.arange(50) % 3, source.integers(-1, 2, 50)], axis=1),
        class_names={"hair": ("dark", "fair", "grey"), "glasses": ("no", "yes")},
        continuous=continuous,
        continuous_names=("age",),
        fingerprint="f1",
        path=Path(),
    )


def trainer_of(config, dataset, changes, seed=0):
    config = override(config, changes)
    return Trainer(config, TrainingSet.of(dataset.images, targets_of(config, dataset)), seed, CPU)


def vectors_by_hand(dataset):
    """One-hot classes, then the standardised age; what is missing is 0."""
    age = dataset.continuous.astype(np.float64)
    parts = [np.eye(3)[dataset.classes[:, 0]], np.vstack([np.eye(2), np.zeros(2)])[dataset.classes[:, 1]]]
    parts.append(np.nan_to_num((age - np.nanmean(age)) / np.nanstd(age)))
    return np.concatenate(parts, axis=1).astype(np.float32)


@each_condition
@pytest.mark.usefixtures("judged_apart")
def test_images_are_generated_and_judged_for_the_real_batchs_labels(tiny_config, dataset, changes):
    trainer = trainer_of(tiny_config, dataset, changes | {"optim.n_critic": 2})
    given = {"generator": [], "discriminator": []}
    for name, calls in given.items():
        trainer.networks()[name].register_forward_pre_hook(lambda module, entry, calls=calls: calls.append(entry[1]))
    trainer.advance(0.032)
    order, vectors = ImageOrder(50, 0), vectors_by_hand(dataset)
    batches = [torch.from_numpy(vectors[order.indices(start, 8)]) for start in (0, 8, 16, 24)]
    # Two steps: twice the discriminator, then the generator with the images made for its last turn.
    first, second, third, fourth = batches
    expected = {
        "generator": [first, second, third, fourth],
        "discriminator": [first, first, second, second, second, third, third, fourth, fourth, fourth],
    }
    for name, calls in given.items():
        assert len(calls) == len(expected[name]), name
        for ours, theirs in zip(calls, expected[name], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("judged_apart")
def test_the_relativistic_generator_judges_real_images_with_the_same_labels(tiny_config, dataset):
    changes = CONDITIONS["projection"] | {"loss.adversarial": "relativistic"}
    trainer, given = trainer_of(tiny_config, dataset, changes), []
    trainer.discriminator.register_forward_pre_hook(lambda module, entry: given.append(entry[1]))
    trainer.advance(0.008)
    assert len(given) == 4
    assert all(torch.equal(given[0], labels) for labels in given)


@each_condition
def test_a_loaded_generator_draws_its_labels_without_the_dataset(tmp_path, tiny_config, dataset, changes):
    trainer = trainer_of(tiny_config, dataset, changes)
    trainer.advance(0.016)
    checkpoint = open_checkpoint(save_checkpoint(trainer, [], "f1", tmp_path))
    assert (checkpoint.shape.classes, checkpoint.shape.continuous) == ((3, 2), 1)
    generator = load_generator(checkpoint, CPU)
    images = torch.cat(list(generate(generator, 200, seed=4)))
    by_hand = []
    for start in (0, 128):
        random = generator_of(4, Stream.SAMPLES, start, CPU)
        entry = latents(128, 8, random)
        rows = generator.label_samples[torch.randint(LABEL_SAMPLES, (128,), generator=random)]
        by_hand.append(to_uint8(generator(entry, rows)))
    assert torch.equal(images, torch.cat(by_hand)[:200])
    assert torch.equal(images, torch.cat(list(generate(generator, 200, seed=4))))
    generator.label_samples.zero_()
    assert not torch.equal(images, torch.cat(list(generate(generator, 200, seed=4))))


def test_the_stored_labels_are_those_of_real_images_as_often_as_they_occur(tiny_config, dataset):
    stored = trainer_of(tiny_config, dataset, CONDITIONS["latent"]).generator.label_samples.numpy()
    vectors = vectors_by_hand(dataset)
    assert stored.shape == (LABEL_SAMPLES, 6)
    distance = np.abs(stored[:, None] - vectors[None]).max(axis=2)
    assert distance.min(axis=1).max() < 1e-5
    # 1,024 draws of values of standard deviation 1 at most: means have a standard error of at most 0.03.
    assert stored.mean(axis=0) == pytest.approx(vectors.mean(axis=0), abs=0.1)
    assert len(np.unique(stored, axis=0)) == len(np.unique(vectors, axis=0))


def test_every_trial_on_a_dataset_stores_the_same_labels(tiny_config, dataset):
    """So that all are measured on the same ones."""
    one, other = (trainer_of(tiny_config, dataset, CONDITIONS["latent"], seed).generator for seed in (0, 1))
    assert torch.equal(one.label_samples, other.label_samples)


def test_a_generator_that_knows_no_labels_stores_none(tiny_config, dataset):
    generator = trainer_of(tiny_config, dataset, LABELLED).generator
    assert "label_samples" not in generator.state_dict()
    assert generator.sample_labels(4, torch.Generator()) is None


@pytest.mark.parametrize("term", ["loss.classification", "loss.regression"])
def test_supervision_moves_the_discriminator_without_conditions(tiny_config, dataset, term):
    """Its heads learn from real images; the generator, which knows no labels, is told nothing by them."""
    plain, taught = (trainer_of(tiny_config, dataset, {term: weight}) for weight in (0.1, 1.0))
    for trainer in (plain, taught):
        trainer.advance(0.008)
    shared = [dict(trainer.discriminator.named_parameters())["stem.0.0.weight"] for trainer in (plain, taught)]
    assert not torch.equal(*shared)


def test_labels_are_learnt(tiny_config, dataset):
    """Images whose brightness tells their class: the head ends up right where it began by guessing."""
    dataset.images = (dataset.images // 8 + 100 * dataset.classes[:, 0, None, None, None]).astype(np.uint8)
    changes = {"loss.classification": 1.0, "data.labels": ["hair"], "optim.discriminator.lr": 2e-3}
    trainer = trainer_of(tiny_config, dataset, changes)
    trainer.advance(0.6)
    trainer.discriminator.eval()
    batch = trainer.batches.real(0)
    with torch.no_grad():
        (said,) = trainer.discriminator(batch.images).classes
    assert torch.equal(said.argmax(dim=1), batch.labels.classes[:, 0])
