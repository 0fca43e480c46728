import pytest
import torch

from ignm.losses.consistency import consistency


def test_it_is_the_mean_square_of_the_difference():
    logits, augmented = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.0, 1.0, 0.5])
    assert consistency(logits, augmented).item() == pytest.approx((1 + 9 + 0) / 3)
    assert consistency(logits, logits).item() == 0


def test_both_sides_learn():
    logits, augmented = (torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    one, other = torch.autograd.grad(consistency(logits, augmented), [logits, augmented])
    torch.testing.assert_close(one, 2 * (logits - augmented).detach() / 5)
    torch.testing.assert_close(other, -one)
    assert torch.autograd.gradcheck(consistency, [logits, augmented])


def test_half_precision_is_summed_in_float32():
    logits = torch.full((3,), 256.0, dtype=torch.bfloat16)
    loss = consistency(logits, torch.ones(3, dtype=torch.bfloat16))
    assert loss.dtype == torch.float32
    assert loss.item() == 255.0**2


@pytest.mark.parametrize(("one", "other"), [((4,), (3,)), ((4, 1), (4, 1)), ((), ())])
def test_other_shapes_are_refused(one, other):
    with pytest.raises(ValueError, match=r"\(N,\)"):
        consistency(torch.zeros(one), torch.zeros(other))
