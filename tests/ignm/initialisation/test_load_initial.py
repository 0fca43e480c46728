import shutil

import numpy as np
import pytest
import safetensors.torch
import torch
from support.configs import SMALL as TINY

from ignm.config import load_preset
from ignm.errors import IgnmError
from ignm.initialisation.transfer import load_initial, transfer
from ignm.training.checkpoint import save_checkpoint
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trainer after some steps, and its trial's folder with two checkpoints."""
    folder = tmp_path_factory.mktemp("trial")
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    trainer = Trainer(load_preset("dcgan", TINY), TrainingSet.of(images), 0, torch.device("cpu"))
    for kimg in (0.016, 0.032):
        trainer.advance(kimg)
        save_checkpoint(trainer, [], "f1", folder)
    return trainer, folder


@pytest.fixture
def trial(trained, tmp_path):
    return shutil.copytree(trained[1], tmp_path / "trial")


@pytest.fixture
def best(trained, tmp_path):
    directory = tmp_path / "best"
    directory.mkdir()
    newest = max(trained[1].glob("checkpoint-*"))
    shutil.copyfile(newest / "generator_ema.safetensors", directory / "generator.safetensors")
    return directory


def same(weights, network):
    state = network.state_dict()
    return weights.keys() == state.keys() and all(torch.equal(value, state[name]) for name, value in weights.items())


def test_a_trials_newest_checkpoint_gives_the_averaged_generator_and_the_discriminator(trained):
    trainer, folder = trained
    weights = load_initial(str(folder), "both")
    assert list(weights) == ["generator", "discriminator"]
    assert same(weights["generator"], trainer.average)
    assert not same(weights["generator"], trainer.generator)
    assert same(weights["discriminator"], trainer.discriminator)


@pytest.mark.parametrize("networks", ["generator", "discriminator"])
def test_one_network_alone_and_an_older_checkpoint(trained, networks):
    trainer, folder = trained
    older, newest = sorted(folder.glob("checkpoint-*"))
    assert list(load_initial(str(newest), networks)) == [networks]
    wanted = trainer.average if networks == "generator" else trainer.discriminator
    assert same(load_initial(str(newest), networks)[networks], wanted)
    assert not same(load_initial(str(older), networks)[networks], wanted)


def test_what_is_loaded_fits_the_networks_it_came_from_whole(trained):
    trainer, folder = trained
    fresh = Trainer(trainer.config, TrainingSet.of(np.zeros((20, 16, 16, 3), np.uint8)), 1, torch.device("cpu"))
    weights = load_initial(str(folder), "both")
    assert [transfer(fresh.networks()[name], weights[name]).share for name in weights] == [1.0, 1.0]


def test_best_gives_its_generator_and_says_so_where_more_is_asked(trained, best):
    assert same(load_initial(str(best), "generator")["generator"], trained[0].average)
    for networks in ("both", "discriminator"):
        with pytest.raises(IgnmError, match=rf"^init\.checkpoint: .*best: holds a generator alone.* {networks} "):
            load_initial(str(best), networks)


@pytest.mark.parametrize("there", [False, True])
def test_no_checkpoint(tmp_path, there):
    path = tmp_path / "elsewhere"
    if there:
        path.mkdir()
    with pytest.raises(IgnmError, match=r"^init\.checkpoint: .*elsewhere: no checkpoint here; "):
        load_initial(str(path), "both")


def test_damaged_files(trial, best):
    newest = max(trial.glob("checkpoint-*"))
    (newest / "networks.safetensors").write_bytes(b"nothing")
    with pytest.raises(IgnmError, match=r"^init\.checkpoint: .*networks\.safetensors: damaged"):
        load_initial(str(newest), "both")
    # A trial has the checkpoint before, which is whole.
    assert set(load_initial(str(trial), "both")) == {"generator", "discriminator"}
    (best / "generator.safetensors").write_bytes(b"nothing")
    with pytest.raises(IgnmError, match=r"^init\.checkpoint: .*generator\.safetensors: damaged"):
        load_initial(str(best), "generator")
    safetensors.torch.save_file({}, best / "generator.safetensors")
    with pytest.raises(IgnmError, match=r"^init\.checkpoint: .*holds no weights"):
        load_initial(str(best), "generator")
