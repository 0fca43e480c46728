"""Losses of the label heads, with labels missing, against loops over images in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignm.losses.auxiliary import classification, regression


def naive_classification(logits, classes):
    means = []
    for head, column in zip(logits, classes.T, strict=True):
        losses = []
        for row, label in zip(head, column, strict=True):
            if label != -1:
                losses.append(np.log(np.exp(row - row.max()).sum()) + row.max() - row[label])
        if losses:
            means.append(np.mean(losses))
    return np.mean(means) if means else 0.0


def naive_regression(predicted, target):
    errors = [(p - t) ** 2 for p, t in zip(predicted.flat, target.flat, strict=True) if not np.isnan(t)]
    return np.mean(errors) if errors else 0.0


def some_labels(seed, images, sizes, missing):
    rng = np.random.default_rng(seed)
    logits = [rng.normal(size=(images, size)) * 4 for size in sizes]
    classes = np.stack([rng.integers(0, size, images) for size in sizes], axis=1)
    classes[rng.random(classes.shape) < missing] = -1
    return logits, classes


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 9),
    sizes=st.lists(st.integers(2, 6), min_size=1, max_size=4),
    missing=st.sampled_from([0.0, 0.4, 0.9, 1.0]),
)
def test_classification_equals_a_loop(seed, images, sizes, missing):
    logits, classes = some_labels(seed, images, sizes, missing)
    loss = classification([torch.from_numpy(head) for head in logits], torch.from_numpy(classes))
    assert loss.item() == pytest.approx(naive_classification(logits, classes), rel=1e-10, abs=1e-12)


def test_only_known_classes_teach():
    logits = [torch.randn(3, 2, requires_grad=True), torch.randn(3, 4, requires_grad=True)]
    classification(logits, torch.tensor([[0, -1], [-1, -1], [1, -1]])).backward()
    assert logits[0].grad[[0, 2]].abs().min() > 0
    assert torch.equal(logits[0].grad[1], torch.zeros(2))
    assert torch.equal(logits[1].grad, torch.zeros(3, 4))


def test_classification_derivative_is_right():
    logits, classes = some_labels(0, 5, [3, 2], 0.4)
    heads = [torch.from_numpy(head).requires_grad_(True) for head in logits]
    assert torch.autograd.gradcheck(lambda *h: classification(h, torch.from_numpy(classes)), heads)


def test_classification_without_labels_is_zero_and_can_be_differentiated():
    logits = torch.randn(4, 3, requires_grad=True)
    loss = classification([logits], torch.full((4, 1), -1))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(4, 3))


def test_half_precision_logits_are_summed_in_float32():
    logits = torch.randn(64, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    classes = torch.randint(5, (64, 1), generator=torch.Generator().manual_seed(1))
    loss = classification([logits], classes)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(naive_classification([logits.double().numpy()], classes.numpy()), rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "classes", "message"),
    [
        ([], torch.zeros(3, 0, dtype=torch.int64), "one column for each head"),
        ([torch.zeros(3, 2)], torch.zeros(3, 2, dtype=torch.int64), "one column for each head"),
        ([torch.zeros(3, 2)], torch.zeros(3, dtype=torch.int64), "one column for each head"),
        ([torch.zeros(3, 2)], torch.zeros(3, 1), "int64"),
        ([torch.zeros(4, 2)], torch.zeros(3, 1, dtype=torch.int64), "with N 3"),
        ([torch.zeros(3)], torch.zeros(3, 1, dtype=torch.int64), "with N 3"),
    ],
)
def test_classification_checks_its_shapes(logits, classes, message):
    with pytest.raises(ValueError, match=message):
        classification(logits, classes)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 9),
    values=st.integers(1, 5),
    missing=st.sampled_from([0.0, 0.4, 0.9, 1.0]),
)
def test_regression_equals_a_loop(seed, images, values, missing):
    rng = np.random.default_rng(seed)
    predicted, target = rng.normal(size=(2, images, values))
    target[rng.random(target.shape) < missing] = np.nan
    loss = regression(torch.from_numpy(predicted), torch.from_numpy(target))
    assert loss.item() == pytest.approx(naive_regression(predicted, target), rel=1e-10, abs=1e-12)


def test_missing_values_give_the_gradient_zero_and_never_nan():
    predicted = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    regression(predicted, torch.tensor([[torch.nan, 0.0], [1.0, torch.nan]])).backward()
    torch.testing.assert_close(predicted.grad, torch.tensor([[0.0, 2.0], [2.0, 0.0]]))


def test_a_prediction_that_is_no_number_is_not_taken_for_a_missing_label():
    assert regression(torch.tensor([[torch.nan, 1.0]]), torch.zeros(1, 2)).isnan()


def test_regression_without_labels_is_zero_and_can_be_differentiated():
    predicted = torch.randn(4, 3, requires_grad=True)
    loss = regression(predicted, torch.full((4, 3), torch.nan))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(predicted.grad, torch.zeros(4, 3))


@pytest.mark.parametrize(("predicted", "target"), [((3, 2), (3, 1)), ((3,), (3,)), ((2, 3), (3, 2))])
def test_regression_checks_its_shapes(predicted, target):
    with pytest.raises(ValueError, match="alike"):
        regression(torch.zeros(predicted), torch.zeros(target))
