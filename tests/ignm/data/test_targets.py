"""What is learnt of a dataset's labels: vectors, missing values, standardisation, selection, refusals."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ignm.config import Evaluation, TrialSpec, load_preset
from ignm.data.targets import Targets, targets_of
from ignm.errors import IgnmError
from ignm.training.trial import run_trial

CPU = torch.device("cpu")
NAMES = {"hair": ("dark", "fair", "grey"), "glasses": ("no", "yes")}
BOTH = {"loss.classification": 1.0, "loss.regression": 1.0}
AGES = np.array([30, 40, np.nan, 80, 50], np.float32)
SMILES = np.array([np.nan, 0.25, 0.5, -0.5, np.nan], np.float32)
ALIKE = np.array([0.1, 0.1, np.nan, 0.1, 0.1], np.float32)


def dataset_of(class_names=NAMES, continuous=(("age", AGES), ("smile", SMILES)), classes=None):
    known = {"hair": [0, 2, -1, 1, 0], "glasses": [-1, 1, 0, 0, -1]}
    columns = [known[name] for name in class_names] if classes is None else classes
    return SimpleNamespace(
        name="tiny",
        resolution=16,
        fingerprint="f1",
        path=Path(),
        images=np.zeros((5, 16, 16, 3), np.uint8),
        class_names=dict(class_names),
        classes=np.array(columns, np.int64).reshape(len(columns), 5).T,
        continuous_names=tuple(name for name, _ in continuous),
        continuous=np.array([values for _, values in continuous], np.float32).reshape(len(continuous), 5).T,
    )


def config_of(changes):
    return load_preset("dcgan", {"data.name": "tiny", "data.resolution": 16} | changes)


def targets(changes=BOTH, **given):
    return targets_of(config_of(changes), dataset_of(**given))


def standardised(values):
    values = values.astype(np.float64)
    return (values - np.nanmean(values)) / np.nanstd(values)


def test_vectors_are_one_hot_classes_then_standardised_values_and_missing_ones_are_0():
    age, smile = (np.nan_to_num(standardised(values)) for values in (AGES, SMILES))
    expected = [
        [1, 0, 0, 0, 0, age[0], 0],
        [0, 0, 1, 0, 1, age[1], smile[1]],
        [0, 0, 0, 1, 0, 0, smile[2]],
        [0, 1, 0, 1, 0, age[3], smile[3]],
        [1, 0, 0, 0, 0, age[4], 0],
    ]
    batch = targets().batch(np.arange(5), CPU)
    assert batch.vectors.dtype == torch.float32
    torch.testing.assert_close(batch.vectors.double(), torch.tensor(expected, dtype=torch.float64))
    assert batch.classes.tolist() == [[0, -1], [2, 1], [-1, 0], [1, 0], [0, -1]]
    assert batch.continuous.isnan().tolist() == np.isnan(np.stack([AGES, SMILES], axis=1)).tolist()


def test_a_batch_is_that_of_its_indices_in_their_order():
    whole, part = (targets().batch(np.array(rows), CPU) for rows in ([0, 1, 2, 3, 4], [3, 0, 3]))
    assert torch.equal(part.vectors, whole.vectors[[3, 0, 3]])
    assert torch.equal(part.classes, whole.classes[[3, 0, 3]])
    torch.testing.assert_close(part.continuous, whole.continuous[[3, 0, 3]], equal_nan=True)


def test_values_are_standardised_over_those_that_are_known():
    source = np.random.default_rng(0)
    values = source.normal(1e4, 3, (5000, 3)).astype(np.float32)
    values[source.random(values.shape) < 0.4] = np.nan
    dataset = dataset_of()
    dataset.images, dataset.classes = np.zeros((5000, 1, 1, 1), np.uint8), np.zeros((5000, 2), np.int64)
    dataset.continuous, dataset.continuous_names = values, ("a", "b", "c")
    made = targets_of(config_of({"loss.regression": 1.0}), dataset).continuous
    exact = values.astype(np.float64)
    expected = (exact - np.nanmean(exact, axis=0)) / np.nanstd(exact, axis=0)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)
    assert np.nanmean(made, axis=0) == pytest.approx(np.zeros(3), abs=1e-5)
    assert np.nanstd(made, axis=0) == pytest.approx(np.ones(3), abs=1e-5)


def test_a_value_that_never_changes_or_is_never_known_says_nothing(recwarn):
    never = np.full(5, np.nan, np.float32)
    made = targets(continuous=(("age", AGES), ("alike", ALIKE), ("never", never)))
    assert np.array_equal(made.continuous[:, 1], np.where(np.isnan(ALIKE), np.nan, 0), equal_nan=True)
    assert np.isnan(made.continuous[:, 2]).all()
    assert made.batch(np.arange(5), CPU).vectors[:, -2:].tolist() == [[0, 0]] * 5
    assert not recwarn.list


def test_an_attribute_without_classes_adds_nothing_to_the_vector():
    made = targets(class_names={"hair": NAMES["hair"], "empty": ()}, classes=[[0, 2, -1, 1, 0], [-1] * 5])
    assert made.counts == (3, 0)
    assert made.batch(np.arange(5), CPU).vectors.shape == (5, 3 + 2)


def test_chosen_labels_come_in_the_datasets_order():
    made = targets(BOTH | {"data.labels": ["smile", "glasses", "hair"]})
    assert made.counts == (3, 2)
    assert made.classes.tolist() == [[0, -1], [2, 1], [-1, 0], [1, 0], [0, -1]]
    np.testing.assert_allclose(made.continuous[:, 0], standardised(SMILES), rtol=1e-5)
    assert targets({"loss.classification": 1.0, "data.labels": ["glasses"]}).classes.T.tolist() == [[-1, 1, 0, 0, -1]]


def test_nothing_is_learnt_where_nothing_asks_for_labels():
    for made in (targets({}), targets({"data.labels": ["hair"]}), Targets.none(5)):
        assert (len(made), made.counts, made.continuous.shape) == (5, (), (5, 0))
        assert made.batch(np.array([4, 1]), CPU).vectors.shape == (2, 0)


CONDITION = {"generator.condition": "latent", "loss.embedding": "projection"}
CLASSES, NUMBERS = {"loss.classification": 1.0}, {"loss.regression": 1.0}
WITHOUT = {"class_names": {}, "continuous": ()}
UNKNOWN = {"classes": [[-1] * 5] * 2, "continuous": (("age", np.full(5, np.nan)),)}
REFUSED = {
    "classification without classes": (
        {"loss.classification": 1.0},
        {"class_names": {}},
        r"loss\.classification: tiny at 16",
    ),
    "classification of unknown classes": (CLASSES, UNKNOWN, r"loss\.classification: tiny at 16"),
    "regression without numbers": (NUMBERS, {"continuous": ()}, r"loss\.regression: tiny at 16"),
    "regression of unknown numbers": (NUMBERS, UNKNOWN, r"loss\.regression: tiny at 16"),
    "both, one missing": (BOTH, {"continuous": ()}, r"loss\.regression"),
    "condition without labels": (CONDITION, WITHOUT, r"generator\.condition: tiny at 16"),
    "condition on unknown labels": (CONDITION, UNKNOWN, r"generator\.condition: tiny at 16"),
    "condition on no chosen label": (CONDITION | {"data.labels": []}, {}, r"generator\.condition"),
    "no number chosen": (NUMBERS | {"data.labels": ["hair"]}, {}, r"loss\.regression"),
    "a label that is not there": (
        BOTH | {"data.labels": ["hare"]},
        {},
        r"data\.labels: tiny has no label 'hare' \(did you mean 'hair'\?\); its labels: hair, glasses, age, smile",
    ),
    "a label of a dataset without any": (
        CLASSES | {"data.labels": ["hair"]},
        WITHOUT,
        r"data\.labels: tiny has no label 'hair'; its labels: none",
    ),
}


@pytest.mark.parametrize(("changes", "given", "message"), REFUSED.values(), ids=REFUSED)
def test_what_the_dataset_cannot_teach_is_refused_before_training(tmp_path, changes, given, message):
    config, dataset = config_of(changes), dataset_of(**given)
    with pytest.raises(IgnmError, match=message):
        targets_of(config, dataset)
    spec = TrialSpec(config=config, kimg=1.0, measure_at=(1.0,), evaluation=Evaluation())
    with pytest.raises(IgnmError, match=message):
        next(run_trial(spec, dataset, tmp_path / "trial", None, CPU))
    assert not (tmp_path / "trial").exists()


@pytest.mark.parametrize("given", [{"class_names": {}}, {"continuous": ()}])
def test_a_condition_is_content_with_labels_of_either_kind(given):
    assert targets(CONDITION, **given).batch(np.arange(5), CPU).vectors.any()
