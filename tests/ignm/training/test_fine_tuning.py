"""Training that begins with a checkpoint: what is copied, what is frozen, how fast the rest learns, what is noted."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ignm.config import Evaluation, TrialSpec, override
from ignm.errors import IgnmError
from ignm.initialisation.transfer import Copied
from ignm.training import players
from ignm.training.checkpoint import latest_checkpoint, save_checkpoint
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet
from ignm.training.trial import run_trial

CPU = torch.device("cpu")


def images_of(resolution=16, channels=3):
    return np.random.default_rng(0).integers(0, 256, (50, resolution, resolution, channels), dtype=np.uint8)


@pytest.fixture
def source(tmp_path, tiny_config, tiny_images):
    """A trial's folder with one checkpoint."""
    trainer = Trainer(tiny_config, TrainingSet.of(tiny_images), 5, CPU)
    trainer.advance(0.04)
    save_checkpoint(trainer, [], "f1", tmp_path / "source")
    return tmp_path / "source"


def weights_at(source):
    (checkpoint,) = source.glob("checkpoint-*")
    return load_file(checkpoint / "networks.safetensors"), load_file(checkpoint / "generator_ema.safetensors")


def begun(config, source, changes=None, channels=3, seed=0):
    config = override(config, {"init.checkpoint": str(source)} | (changes or {}))
    trainer = Trainer(config, TrainingSet.of(images_of(config.data.resolution, channels)), seed, CPU)
    return trainer, trainer.initialise()


def test_both_networks_begin_as_the_checkpoint_ends(tiny_config, source):
    trainer, copied = begun(tiny_config, source)
    networks, average = weights_at(source)
    assert {name: each.share for name, each in copied.items()} == {"generator": 1.0, "discriminator": 1.0}
    for name, value in trainer.generator.named_parameters():
        assert torch.equal(value, average[name]), name
        assert torch.equal(trainer.average.state_dict()[name], average[name]), name
    for name, value in trainer.discriminator.named_parameters():
        assert torch.equal(value, networks[f"discriminator.{name}"]), name


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_one_network_alone_is_taken(tiny_config, source, name):
    trainer, copied = begun(tiny_config, source, {"init.networks": name})
    untouched = Trainer(tiny_config, TrainingSet.of(images_of()), 0, CPU)
    assert list(copied) == [name]
    for other in {"generator", "discriminator"} - {name}:
        pairs = zip(trainer.networks()[other].parameters(), untouched.networks()[other].parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def shapes(width, channels, latent=8):
    """Parameters of DCGAN at 16x16, by hand: convolutions of 4x4 without biases, batch normalisation, one logit."""
    generator = [(32 * width, latent), (2 * width,), (2 * width,), (2 * width, width, 4, 4)]
    generator += [(width,), (width,), (width, channels, 4, 4)]
    discriminator = [(width, channels, 4, 4), (2 * width, width, 4, 4), (2 * width,), (2 * width,), (1, 32 * width)]
    return {"generator": generator, "discriminator": discriminator}


@pytest.mark.parametrize("ours", [{"width": 12}, {"width": 4}, {"channels": 1}, {"width": 12, "channels": 1}])
def test_the_share_is_that_of_the_sizes_in_common(tiny_config, source, ours):
    target = {"width": 8, "channels": 3} | ours
    changes = {f"{name}.width": target["width"] for name in ("generator", "discriminator")}
    trainer, copied = begun(tiny_config, source, changes, channels=target["channels"])
    theirs = shapes(8, 3)
    for name, own in shapes(**target).items():
        common = [np.prod(np.minimum(a, b)) for a, b in zip(own, theirs[name], strict=True)]
        total = sum(np.prod(shape) for shape in own)
        assert (copied[name].copied, copied[name].total) == (sum(common), total)
        assert copied[name].share == pytest.approx(sum(common) / total)
    trainer.advance(0.024)


def test_images_of_one_channel_take_the_first_of_three(tiny_config, source):
    trainer, copied = begun(tiny_config, source, channels=1)
    networks, average = weights_at(source)
    assert {each.share for each in copied.values()} == {1.0}
    last = [name for name, value in average.items() if value.ndim == 4][-1]
    assert torch.equal(trainer.generator.state_dict()[last], average[last][:, :1])
    first = next(name for name, value in trainer.discriminator.named_parameters() if value.ndim == 4)
    assert torch.equal(trainer.discriminator.state_dict()[first], networks[f"discriminator.{first}"][:, :1])


def test_another_resolution_takes_the_maps_that_both_have(tiny_config, source):
    trainer, copied = begun(tiny_config, source, {"data.resolution": 32})
    assert all(0 < each.share < 1 for each in copied.values())
    assert any(name.startswith("blocks.16.") for name in copied["generator"].fresh)
    assert any(name.startswith("blocks.8.") for name in copied["discriminator"].fresh)
    _, average = weights_at(source)
    ours = dict(trainer.generator.named_parameters())
    name = next(name for name in ours if name.startswith("blocks.8.") and ours[name].ndim == 4)
    assert torch.equal(ours[name][:16, :8], average[name])
    trainer.advance(0.024)


def test_frozen_layers_stay_as_the_checkpoint_has_them(tiny_config, source):
    trainer, _ = begun(tiny_config, source, {"init.freeze": 2, "optim.discriminator.lr": 1e-2})
    networks, _ = weights_at(source)
    trainer.advance(0.08)
    moved = [
        any(not torch.equal(value, networks[f"discriminator.{name}"]) for name, value in named)
        for named in named_layers(trainer.discriminator)
    ]
    assert moved == [False, False, True]
    assert not any(p.requires_grad for layer in trainer.discriminator.ordered()[:2] for p in layer.parameters())


def named_layers(network):
    names = {id(value): name for name, value in network.named_parameters()}
    return [[(names[id(value)], value) for value in layer.parameters()] for layer in network.ordered()]


def test_rates_shrink_with_each_layer_from_the_output(tiny_config, source):
    rates = {"optim.generator.lr": 1e-3, "optim.discriminator.lr": 4e-3}
    trainer, _ = begun(tiny_config, source, rates | {"init.layer_decay": 0.5})
    before = {name: [[p.clone() for p in layer.parameters()] for layer in trainer.networks()[name].ordered()]
              for name in ("generator", "discriminator")}  # fmt: skip
    trainer.advance(0.008)
    for name, rate in (("generator", 1e-3), ("discriminator", 4e-3)):
        groups = trainer.optimisers[name].param_groups
        assert [group["lr"] for group in groups] == pytest.approx([rate / 4, rate / 2, rate])
        # Adam's first step is the rate in every weight that has a gradient.
        pairs = zip(before[name], trainer.networks()[name].ordered(), strict=True)
        steps = [
            max((new - old).abs().max().item() for old, new in zip(olds, layer.parameters(), strict=True))
            for olds, layer in pairs
        ]
        assert steps == pytest.approx([rate / 4, rate / 2, rate], rel=1e-2)


class Nothing:
    """Scores every generator alike."""

    def score(self, generator):
        return SimpleNamespace(
            quality=1.0, quality_error=0.1, diversity=1.0, metric="none", reference_id="none", count=1, columns={}
        )


@pytest.fixture
def dataset(tiny_images):
    return SimpleNamespace(
        name="tiny", resolution=16, channels=3, fingerprint="f1", path=Path(),
        images=tiny_images, test_images=tiny_images[:0],
    )  # fmt: skip


def run(config, dataset, directory):
    points = (0.04, 0.08, 0.12)
    spec = TrialSpec(config=config, seed=0, kimg=points[-1], measure_at=points, evaluation=Evaluation())
    return run_trial(spec, dataset, directory, Nothing(), CPU)


def test_what_was_copied_is_noted_once(tmp_path, tiny_config, dataset, source):
    config = override(tiny_config, {"init.checkpoint": str(source), "discriminator.width": 12})
    trial, note = tmp_path / "trial", tmp_path / "trial" / "initialisation.json"
    first = run(config, dataset, trial)
    next(first)
    first.close()
    noted = json.loads(note.read_text())
    assert (noted["generator"]["share"], noted["generator"]["fresh"]) == (1.0, [])
    assert noted["discriminator"]["share"] == noted["discriminator"]["copied"] / noted["discriminator"]["total"] < 1
    note.unlink()
    assert len(list(run(config, dataset, trial))) == 3
    assert not note.exists()


def test_a_trial_from_fresh_weights_notes_nothing(tmp_path, tiny_config, dataset):
    next(run(tiny_config, dataset, tmp_path / "trial"))
    assert not (tmp_path / "trial" / "initialisation.json").exists()


def test_a_begun_trial_no_longer_needs_the_checkpoint(tmp_path, tiny_config, dataset, source):
    config = override(tiny_config, {"init.checkpoint": str(source), "init.freeze": 1})
    list(run(config, dataset, tmp_path / "whole"))
    broken = run(config, dataset, tmp_path / "broken")
    next(broken)
    broken.close()
    shutil.rmtree(source)
    assert len(list(run(config, dataset, tmp_path / "broken"))) == 3
    for name in ("networks.safetensors", "generator_ema.safetensors"):
        files = [latest_checkpoint(tmp_path / each).path / name for each in ("whole", "broken")]
        assert files[0].read_bytes() == files[1].read_bytes()


def absent(source):
    return {"init.checkpoint": str(source.parent / "elsewhere")}


def damaged(source):
    (file,) = source.glob("checkpoint-*/networks.safetensors")
    file.write_bytes(file.read_bytes()[:-7])
    return {"init.checkpoint": str(source)}


def without_features(source):
    return {"init.features": "resnet18", "init.features_weights": str(source.parent / "resnet18.pth")}


@pytest.mark.parametrize("spoilt", [absent, damaged, without_features])
def test_a_file_that_is_not_there_is_refused_before_anything_is_written(tmp_path, tiny_config, dataset, source, spoilt):
    trial = tmp_path / "trial"
    with pytest.raises(IgnmError, match=r"^init\.(checkpoint|features_weights): "):
        next(run(override(tiny_config, spoilt(source)), dataset, trial))
    assert not trial.exists()


def test_a_trial_that_could_not_begin_leaves_its_directory_to_the_one_that_can(
    tmp_path, tiny_config, dataset, source, monkeypatch
):
    """What only the built networks show: nothing of the checkpoint fits."""
    trial = tmp_path / "trial"
    tuned = override(tiny_config, {"init.checkpoint": str(source)})
    with monkeypatch.context() as patched:
        patched.setattr(players, "transfer", lambda network, weights: Copied(0, 10, ()))
        with pytest.raises(IgnmError, match="nothing of its generator fits"):
            next(run(tuned, dataset, trial))
    assert not (trial / "trial.json").exists()
    assert len(list(run(override(tuned, {"init.freeze": 2}), dataset, trial))) == 3
