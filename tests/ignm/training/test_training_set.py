"""What is shown of a dataset: degraded images, the pool at its share, labels that follow the images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ignm.config import load_preset
from ignm.errors import IgnmError
from ignm.training.batches import Batches
from ignm.training.preparation import open_training_set
from ignm.training.training_set import TrainingSet
from ignm.training.trial import check_new

CPU = torch.device("cpu")
LABELS = {"loss.classification": 1.0, "loss.regression": 1.0}
MIXED = {"data.synthetic.count": 30, "data.synthetic.fraction": 0.5}


@pytest.fixture
def dataset(tmp_path):
    """60 images, each of them even and of its own grey, with its number as its labels."""
    numbers = np.arange(60)
    return SimpleNamespace(
        name="tiny",
        resolution=16,
        channels=1,
        fingerprint="f1",
        images=np.broadcast_to(numbers[:, None, None, None] * 4, (60, 16, 16, 1)).astype(np.uint8),
        classes=numbers[:, None],
        class_names={"number": tuple(map(str, numbers))},
        continuous=numbers[:, None].astype(np.float32),
        continuous_names=("number too",),
        path=tmp_path / "tiny" / "16",
    )


def opened(dataset, changes=()):
    config = load_preset("dcgan", {"data.name": "tiny", "data.resolution": 16, "optim.batch": 16, **dict(changes)})
    return config, open_training_set(config, dataset)


def shown(dataset, changes, images=4000, seed=0):
    config, found = opened(dataset, changes)
    batches = Batches(config, found, seed, CPU)
    return found, np.concatenate([batches.real(start).indices for start in range(0, images, 16)])


def test_without_changes_the_dataset_is_shown_as_it_is_and_not_copied(dataset):
    _, found = opened(dataset)
    assert found.images is dataset.images
    assert (len(found), found.fingerprint) == (60, "f1")
    np.testing.assert_array_equal(found.pixels(np.array([3, 59, 3])), dataset.images[[3, 59, 3]])


def test_images_that_are_kept_bring_their_own_labels(dataset):
    _, found = opened(dataset, {**LABELS, "data.degrade.keep": 0.25})
    assert len(found) == 15
    pixels = found.pixels(np.arange(15))
    np.testing.assert_array_equal(found.targets.classes[:, 0] * 4, pixels[:, 0, 0, 0])
    assert found.fingerprint != "f1"


def test_label_noise_takes_labels_of_other_images_and_leaves_the_images(dataset):
    _, found = opened(dataset, {**LABELS, "data.degrade.label_noise": 0.5})
    np.testing.assert_array_equal(found.pixels(np.arange(60)), dataset.images)
    assert (found.targets.classes[:, 0] != np.arange(60)).sum() == 30


def test_variants_have_the_labels_of_the_image_they_were_made_from(dataset):
    still = dict.fromkeys((f"data.synthetic.{part}" for part in ("light", "pose", "background", "temperature")), 0.0)
    _, found = opened(dataset, {**LABELS, **MIXED, **still})
    assert (found.real, len(found)) == (60, 90)
    made = found.pixels(np.arange(60, 90))
    np.testing.assert_array_equal(found.targets.classes[60:, 0] * 4, made[:, 0, 0, 0])


def test_of_drawn_faces_no_label_of_the_dataset_is_known(dataset):
    _, found = opened(dataset, {**LABELS, **MIXED, "data.synthetic.source": "faces"})
    assert (found.targets.classes[60:] == -1).all()
    assert np.isnan(found.targets.continuous[60:]).all()


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_the_share_of_synthetic_images_is_the_fraction(dataset, fraction):
    found, numbers = shown(dataset, {**MIXED, "data.synthetic.fraction": fraction})
    share = (numbers >= found.real).mean()
    # Within four standard errors.
    assert abs(share - fraction) < 4 * (fraction * (1 - fraction) / len(numbers)) ** 0.5


def test_at_1_the_pool_stands_instead_of_the_real_images(dataset):
    _, numbers = shown(dataset, {**MIXED, "data.synthetic.fraction": 1.0})
    assert set(numbers) == set(range(60, 90))


def test_a_larger_fraction_keeps_what_a_smaller_one_made_synthetic_and_the_order_of_the_rest(dataset):
    _, plain = shown(dataset, {})
    found, few = shown(dataset, {**MIXED, "data.synthetic.fraction": 0.2})
    _, many = shown(dataset, {**MIXED, "data.synthetic.fraction": 0.7})
    synthetic, more = few >= found.real, many >= found.real
    assert (more | ~synthetic).all()
    np.testing.assert_array_equal(few[~synthetic], plain[~synthetic])
    np.testing.assert_array_equal(few[synthetic], many[synthetic])


def test_too_few_images_are_refused_with_the_path(dataset):
    with pytest.raises(IgnmError, match=r"data\.degrade\.keep: 0\.001 of 60 images leaves"):
        opened(dataset, {"data.degrade.keep": 0.001})


def test_images_alone_make_a_training_set():
    images = np.zeros((5, 16, 16, 3), np.uint8)
    found = TrainingSet.of(images)
    assert (found.real, len(found), found.fraction) == (5, 5, 0.0)


def test_a_teacher_that_is_not_there_is_found_before_a_trial_begins(dataset, tmp_path):
    teacher = {"data.synthetic.source": "teacher", "data.synthetic.teacher": str(tmp_path / "nowhere")}
    config = load_preset("dcgan", {"data.name": "tiny", "data.resolution": 16, **MIXED, **teacher})
    with pytest.raises(IgnmError, match=r"data\.synthetic\.teacher: .*nowhere"):
        check_new(config, dataset)
