"""Every point of the spaces trains, is saved and resumes bit for bit; and no axis is dead."""

import random
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from support.draws import uniformly

from ignm.config import flat, load_preset, override
from ignm.config.refusals import GRADIENT_PENALTIES
from ignm.errors import IgnmError
from ignm.training.checkpoint import open_checkpoint, restore, save_checkpoint
from ignm.training.preparation import open_training_set
from ignm.training.trainer import Phase, Trainer
from spaces.axis import ChoiceDomain
from spaces.reading import load_space, read_space

CPU = torch.device("cpu")
SMALL = {
    "data.name": "tiny",
    "data.resolution": 32,
    "generator.width": 8,
    "discriminator.width": 8,
    "generator.latent": 8,
    "optim.batch": 4,
    "optim.precision": "fp32",
}
BASE = load_preset("dcgan", SMALL)
PINNED = ("generator.width", "discriminator.width", "generator.latent", "optim.batch")
FEW = {"generator.input_width": 16, "discriminator.head_width": 16, "optim.n_critic": 3}
PHASES = {"init.reconstruction", "init.discriminator"}
IMAGES_OF_PHASES = {0.0: 0, 10.0: 4, 25.0: 8, 50.0: 12}
KIMG = PHASES | {"optim.warmup", "optim.schedule_kimg", "ema.half_life", "augment.adapt_kimg"}


def dataset_of(resolution=32):
    """50 random pictures; two class attributes and two continuous ones, each missing for some of them."""
    source = np.random.default_rng(0)
    continuous = source.normal(5, 2, (50, 2)).astype(np.float32)
    continuous[source.random((50, 2)) < 0.3] = np.nan
    return SimpleNamespace(
        name="tiny",
        resolution=resolution,
        images=source.integers(0, 256, (50, resolution, resolution, 3), dtype=np.uint8),
        classes=np.stack([source.integers(-1, 3, 50), source.integers(-1, 2, 50)], axis=1),
        class_names={"hair": ("fair", "dark", "grey"), "glasses": ("no", "yes")},
        continuous=continuous,
        continuous_names=("age", "smile"),
        channels=3,
        fingerprint="noise",
        path=Path(),
    )


DATASETS = {resolution: dataset_of(resolution) for resolution in (32, 64)}


@pytest.fixture(scope="module", autouse=True)
def beside_the_datasets(tmp_path_factory):
    """Where degraded images and synthetic pools go."""
    for resolution, dataset in DATASETS.items():
        dataset.path = tmp_path_factory.getbasetemp() / "tiny" / str(resolution)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A checkpoint to begin from, of a discriminator with a block more than DCGAN's: four of its layers can freeze."""
    trainer = trainer_of(override(BASE, {"discriminator.extra_blocks": 1}))
    trainer.advance(0.016)
    return str(save_checkpoint(trainer, [], "f1", tmp_path_factory.mktemp("start")))


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Changes that let the discriminator read a network with random weights, and those for another of them."""
    changes = []
    for seed in range(2):
        path = tmp_path_factory.mktemp("features") / "resnet18.pth"
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            torch.save(torchvision.models.resnet18(weights=None).state_dict(), path)
        changes.append({"init.features": "resnet18", "init.features_weights": str(path)})
    return changes


def trainer_of(config, seed=0):
    dataset = DATASETS[config.data.resolution]
    return Trainer(config, open_training_set(config, dataset), seed, CPU)


def step(trainer):
    """One step: as many updates of the discriminator as the config says and one of the generator, or one of a phase."""
    phase = trainer.phase
    trainer.advance(trainer.kimg + 1e-4)
    return phase


def everything(trainer):
    """All that the next step depends on, and the averaged generator."""
    state = {key: value for key, value in trainer.state().items() if key != "seconds"}
    return {name: network.state_dict() for name, network in trainer.networks().items()} | {"state": state}


def differing(a, b, at=""):
    """Where two trees of tensors differ, if only in a bit: the first place, or None."""
    if isinstance(a, torch.Tensor):
        return None if torch.equal(a, b) else at
    if isinstance(a, list | tuple):
        a, b = dict(enumerate(a)), dict(enumerate(b))
    if not isinstance(a, dict):
        return None if a == b else at
    if list(a) != list(b):
        return at
    return next((place for key in a if (place := differing(a[key], b[key], f"{at}/{key}"))), None)


def soon(path, value):
    """The value with kimg turned into images, so that a few steps show what it does."""
    if path in PHASES:
        return IMAGES_OF_PHASES[value] / 1000
    if path == "data.synthetic.count":
        return value // 500
    return value / 1000 if path in KIMG else value


def drawn(space, base, count):
    """`count` configs drawn uniformly from a space, and how many draws the config refused meanwhile."""
    space, source = space.possible(base), random.Random(0)
    configs, refused = [], 0
    while len(configs) < count:
        values = space.sample(base, uniformly(source))
        try:
            override(base, values)
        except IgnmError:
            refused += 1
            continue
        small = {path: soon(path, value) for path, value in values.items() if path not in PINNED}
        small |= {path: most for path, most in FEW.items() if (small.get(path) or 0) > most}
        configs.append(override(base, small))
    return configs, refused


def train_save_and_resume(config, directory):
    """Two steps, a checkpoint, then two or more, until both networks have played twice; resumed or not is the same."""
    whole = trainer_of(config)
    trained = [step(whole), step(whole)]
    again = trainer_of(config)
    restore(again, open_checkpoint(save_checkpoint(whole, [], "f1", directory)), "f1")
    while len(trained) < 4 or trained.count(Phase.JOINT) < 2:
        trained.append(step(whole))
        step(again)
    assert differing(everything(whole), everything(again)) is None
    assert all(np.isfinite(list(whole.take_statistics().values())))
    for name in ("generator", "discriminator"):
        optimiser = whole.optimisers[name]
        idle = sum(p not in optimiser.state for group in optimiser.param_groups for p in group["params"])
        assert idle == 0, f"{idle} parameters of the {name} never had a gradient"


def every_draw_works(name, count, directory):
    configs, refused = drawn(load_space(name, BASE), BASE, count)
    assert refused < 0.05 * (count + refused)
    broken = {}
    for number, config in enumerate(configs):
        try:
            train_save_and_resume(config, directory / str(number))
        except Exception as error:
            changes = {path: value for path, value in flat(config).items() if value != flat(BASE)[path]}
            broken[number] = f"{type(error).__name__}: {error}; {changes}"
    assert not broken, f"{len(broken)} of {count} draws: {broken}"


def test_draws_of_the_full_space_train_and_resume(tmp_path):
    every_draw_works("full", 40, tmp_path)


def test_draws_with_labels_train_and_resume(tmp_path):
    every_draw_works("full-labelled", 20, tmp_path)


@pytest.mark.slow
def test_500_draws_of_the_full_space_train_and_resume(tmp_path):
    every_draw_works("full", 500, tmp_path)


@pytest.mark.slow
def test_100_draws_with_labels_train_and_resume(tmp_path):
    every_draw_works("full-labelled", 100, tmp_path)


# Where an axis can be seen at work: what its condition asks for, and what would hide it put aside.
BATCH_BY_BATCH = {"discriminator.normalisation": "layer"}
LARGE = {"data.resolution": 64, "generator.block": "residual", "discriminator.block": "residual"}
# Within the hinge's margin of 1 it is the Wasserstein loss; larger weights lead out of it.
FAR = {"discriminator.weights": "he", "generator.weights": "he"}
CLASSES = {"loss.classification": 0.3}
CONDITION = CLASSES | {"generator.condition": "latent"}
CONTRASTIVE = CONDITION | {"loss.embedding": "contrastive"}
LABELLED = CLASSES | {"loss.regression": 0.3}
MIXED = {"data.synthetic.fraction": 0.5, "data.synthetic.count": 16}
FALLING = {"optim.schedule": "linear", "optim.schedule_kimg": 0.01}
# A discriminator that soon knows some of its images, and a strength that soon follows.
ADAPTIVE = {"augment.policy": "diffaugment", "augment.adapt_kimg": 0.1, "optim.discriminator.lr": 2e-3}
GROUNDS = {
    "data.synthetic.fraction": [{"data.synthetic.count": 16}],
    **{f"data.synthetic.{part}": [MIXED] for part in ("source", "count", "light", "pose", "background", "temperature")},
    "data.degrade.label_noise": [LABELLED],
    "augment.strength": [{"augment.policy": policy} for policy in ("diffaugment", "ada")],
    "augment.target": [ADAPTIVE],
    "augment.adapt_kimg": [ADAPTIVE | {"augment.target": 0.5}],
    "augment.consistency": [{"augment.policy": policy} for policy in ("diffaugment", "ada")],
    # 4 to 16 times the width is reached from 64x64 on, and there by residual networks alone.
    "generator.max_multiplier": [LARGE],
    "discriminator.max_multiplier": [LARGE],
    "discriminator.stem": [{"discriminator.block": "residual"}],
    "discriminator.inner": [{"discriminator.block": "residual"}],
    "discriminator.pooling_size": [{"discriminator.downsampling": kind} for kind in ("average", "max", "blur")],
    "discriminator.pyramid_levels": [{"discriminator.head": "pyramid"}],
    "loss.adversarial": [FAR],
    "loss.penalty": [BATCH_BY_BATCH],
    "loss.gamma": [BATCH_BY_BATCH | {"loss.penalty": kind} for kind in GRADIENT_PENALTIES],
    "loss.interval": [BATCH_BY_BATCH | {"loss.penalty": kind} for kind in ("wgan_gp", "r1")],
    "loss.clip": [BATCH_BY_BATCH | {"loss.penalty": "clipping"}],
    "generator.condition": [CLASSES],
    "loss.embedding": [CONDITION],
    "loss.contrast": [CONTRASTIVE],
    "loss.temperature": [CONTRASTIVE],
    "optim.schedule_kimg": [{"optim.schedule": "linear"}, {"optim.schedule": "cosine"}],
    "optim.schedule": [{"optim.schedule_kimg": 0.01}],
    "optim.final": [FALLING, FALLING | {"optim.schedule": "cosine"}],
    # A ramp of 0.05 hides any half-life until twenty times as many images were seen.
    "ema.half_life": [{"ema.ramp": 0.0}],
}
# Steps until it shows: a mean sign of D(real) must come to lie between two targets.
STEPS = {"augment.target": 32, "augment.adapt_kimg": 16}


class Outcome:
    """What a config makes of a few steps."""

    def __init__(self, config, steps):
        self._steps = steps
        self._trainer = trainer_of(config)
        self._trainer.initialise()
        self.start = {name: copied(network) for name, network in self._trainer.networks().items()}
        self.shapes = {name: {key: value.shape for key, value in state.items()} for name, state in self.start.items()}

    def trained(self):
        while self._trainer.steps < self._steps:
            step(self._trainer)
        return self._trainer.networks()


def copied(network):
    return {key: value.clone() for key, value in network.state_dict().items()}


def effect(one, other):
    """In what two configs differ, the first that is found; None where they are the same training."""
    if differing(one.shapes, other.shapes):
        return "structure"
    if differing(one.start, other.start):
        return "first weights"
    ends = [{name: network.state_dict() for name, network in outcome.trained().items()} for outcome in (one, other)]
    return "training" if differing(*ends) else None


def values_of(axis):
    domain = axis.domain
    return domain.values if isinstance(domain, ChoiceDomain) else (domain.low, domain.high)


def effects_of(axis, base, steps=4):
    """Any two values of the axis, and the base's own, must lead elsewhere; returns how."""
    assert axis.exists(flat(base)), f"{axis.path}: does not exist on {base}"
    own = flat(base)[axis.path]
    values = dict.fromkeys([own, *(soon(axis.path, value) for value in values_of(axis))])
    outcomes = {value: Outcome(override(base, {axis.path: value}), steps) for value in values}
    effects = {(a, b): effect(outcomes[a], outcomes[b]) for a, b in combinations(values, 2)}
    dead = [pair for pair, found in effects.items() if found is None]
    assert not dead, f"{axis.path}: no difference between {dead}"
    return set(effects.values())


EVERY_AXIS = (*read_space("full-labelled").axes, *read_space("quality-labelled").axes)


@pytest.mark.parametrize("axis", EVERY_AXIS, ids=lambda axis: axis.path)
def test_no_axis_is_dead(axis, start, record_property):
    taught = MIXED | {"data.synthetic.source": "teacher", "data.synthetic.teacher": start}
    needed = {
        "init.checkpoint": {"init.checkpoint": start, "discriminator.extra_blocks": 1},
        "data.synthetic.teacher": taught,
    }
    begun = {path: value for name in axis.needs for path, value in needed[name].items()}
    for ground in GROUNDS.get(axis.path, [{}]):
        record_property("effect", effects_of(axis, override(BASE, ground | begun), STEPS.get(axis.path, 4)))


@pytest.mark.parametrize("side", ["generator", "discriminator"])
def test_attention_opens_its_gate(side):
    """Its weights alone would be a difference of structure without any effect."""
    trainer = trainer_of(override(BASE, {f"{side}.attention": 8}))
    for _ in range(3):
        step(trainer)
    network = trainer.networks()[side].eval()
    (attention,) = network.attention.values()
    entry = torch.randn(4, 8) if side == "generator" else trainer.batches.real(0).images
    with torch.no_grad():
        opened = network(entry)
        attention.gate.zero_()
        closed = network(entry)
    assert not torch.equal(*(out if side == "generator" else out.logits for out in (opened, closed)))


def test_pretrained_features_train_resume_and_matter(tmp_path, features):
    configs = [BASE, *(override(BASE, changes) for changes in features)]
    train_save_and_resume(override(configs[1], {"init.discriminator": 0.004, "loss.lecam": 0.1}), tmp_path)
    none, one, other = (Outcome(config, 2) for config in configs)
    assert effect(none, one) == "structure"
    assert effect(one, other) == "training"


@pytest.mark.parametrize("path", ["init.networks", "init.layer_decay"])
def test_fine_tuning_on_pretrained_features_is_alive(path, features, tmp_path):
    base = override(BASE, features[0])
    begun = override(base, {"init.checkpoint": str(save_checkpoint(trainer_of(base, seed=1), [], "f1", tmp_path))})
    effects_of(next(axis for axis in read_space("init").axes if axis.path == path), begun, steps=1)


# 16 times its width is reached by none of its networks on small images: the largest of its maps is of 32x32.
OF_ITS_DISCRIMINATOR = [
    axis
    for axis in read_space("full").axes
    if axis.path.startswith(("discriminator.", "loss."))
    and "init.features" not in axis.when
    and axis.path != "discriminator.max_multiplier"
]


@pytest.mark.slow
@pytest.mark.parametrize("axis", OF_ITS_DISCRIMINATOR, ids=lambda axis: axis.path)
def test_no_axis_of_a_discriminator_on_pretrained_features_is_dead(axis, features):
    ground, *_ = GROUNDS.get(axis.path, [{}])
    effects_of(axis, override(BASE, ground | features[0]), steps=2)
