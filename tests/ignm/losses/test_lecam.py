"""LeCam regularisation against numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignm.losses.lecam import lecam, moved

NUMBER = st.floats(-20, 20)
LOGITS = st.lists(NUMBER, min_size=1, max_size=8)


def exact(values):
    return torch.tensor(values, dtype=torch.float64)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(real=LOGITS, fake=LOGITS, real_mean=NUMBER, fake_mean=NUMBER)
def test_lecam_equals_its_formula(real, fake, real_mean, fake_mean):
    expected = np.mean(np.maximum(0, np.array(real) - fake_mean) ** 2)
    expected += np.mean(np.maximum(0, real_mean - np.array(fake)) ** 2)
    loss = lecam(exact(real), exact(fake), exact(real_mean), exact(fake_mean))
    assert loss.item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_lecam_draws_the_two_sides_together_and_leaves_the_means_alone():
    real, fake = exact([1.0, 2.0]).requires_grad_(True), exact([-1.0, -2.0]).requires_grad_(True)
    means = exact(1.5).requires_grad_(True), exact(-1.5).requires_grad_(True)
    lecam(real, fake, *means).backward()
    assert (real.grad > 0).all()
    assert (fake.grad < 0).all()
    assert means[0].grad is None
    assert means[1].grad is None


def test_logits_beyond_the_other_sides_mean_are_free():
    assert lecam(exact([-3.0]), exact([3.0]), exact(1.0), exact(-1.0)).item() == 0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(start=NUMBER, batches=st.lists(LOGITS, min_size=1, max_size=6), decay=st.floats(0, 1))
def test_the_running_mean_is_a_geometric_average(start, batches, decay):
    mean = exact(start)
    for batch in batches:
        mean = moved(mean, exact(batch), decay)
    steps = len(batches)
    expected = decay**steps * start
    expected += sum((1 - decay) * decay ** (steps - 1 - i) * np.mean(batch) for i, batch in enumerate(batches))
    assert mean.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_running_mean_moves_by_a_hundredth_unless_told_and_holds_no_graph():
    mean = exact(2.0)
    after = moved(mean, exact([4.0, 6.0]).requires_grad_(True))
    assert after.item() == pytest.approx(2.03)
    assert not after.requires_grad
    assert mean.item() == 2


def test_a_running_mean_begins_with_its_first_batch():
    assert moved(torch.zeros(()), torch.tensor([1.0, 3.0]), decay=0.0).item() == 2


def test_running_means_are_kept_in_full_precision():
    assert moved(torch.zeros(()), torch.ones(4, dtype=torch.bfloat16)).dtype == torch.float32


def test_shapes_are_checked():
    one, some = torch.zeros(()), torch.zeros(3)
    with pytest.raises(ValueError, match="real: logits"):
        lecam(some[:, None], some, one, one)
    with pytest.raises(ValueError, match="fake: logits"):
        lecam(some, some[:, None], one, one)
    with pytest.raises(ValueError, match="and their mean"):
        lecam(some, some, one, some)
    with pytest.raises(ValueError, match="and their mean"):
        moved(some, some)
    with pytest.raises(ValueError, match="decay"):
        moved(one, some, decay=1.5)
