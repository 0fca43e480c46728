"""Joint embedding against loops over images in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignm.losses.embedding import contrastive, projection


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def naive_contrastive(images, labels, vectors, temperature):
    """Kang and Park 2020, equation 8, term by term."""
    losses = []
    for i in range(len(images)):
        own = np.exp(cosine(images[i], labels[i]) / temperature)
        numerator = denominator = own
        for k in range(len(images)):
            if k != i:
                term = np.exp(cosine(images[i], images[k]) / temperature)
                denominator += term
                if np.array_equal(vectors[i], vectors[k]):
                    numerator += term
        losses.append(-np.log(numerator / denominator))
    return np.mean(losses)


def embeddings(seed, count, size, length, values):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, size)), rng.normal(size=(count, size)), rng.integers(0, values, (count, length)) / 3


def tensors(*arrays):
    return [torch.from_numpy(array) for array in arrays]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 10),
    size=st.integers(2, 8),
    length=st.integers(1, 3),
    values=st.integers(1, 4),
    temperature=st.floats(0.05, 10),
)
def test_contrastive_equals_a_loop(seed, count, size, length, values, temperature):
    arrays = embeddings(seed, count, size, length, values)
    expected = naive_contrastive(*arrays, temperature)
    assert contrastive(*tensors(*arrays), temperature).item() == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_contrastive_derivative_is_right():
    images, labels, vectors = tensors(*embeddings(0, 6, 4, 2, 2))
    assert torch.autograd.gradcheck(
        lambda i, e: contrastive(i, e, vectors, 0.5), (images.requires_grad_(True), labels.requires_grad_(True))
    )


def test_contrastive_is_indifferent_to_the_embeddings_lengths():
    images, labels, vectors = tensors(*embeddings(1, 8, 5, 2, 2))
    lengths = torch.linspace(0.1, 50, 8, dtype=torch.float64)[:, None]
    expected = contrastive(images, labels, vectors, 0.7)
    torch.testing.assert_close(contrastive(images * lengths, labels / lengths, vectors, 0.7), expected)


def test_a_batch_of_one_label_has_nothing_to_be_pushed_from():
    images, labels, vectors = tensors(*embeddings(2, 8, 5, 2, 1))
    assert contrastive(images, labels, vectors, 0.7).item() == 0


def test_an_unknown_label_makes_no_pair():
    images, labels, vectors = embeddings(3, 8, 5, 2, 1)
    unknown = vectors.copy()
    unknown[2:5, 0] = np.nan
    apart = vectors.copy()
    apart[2:5, 0] = [10, 11, 12]
    torch.testing.assert_close(
        contrastive(*tensors(images, labels, unknown), 1.0), contrastive(*tensors(images, labels, apart), 1.0)
    )


def test_small_temperatures_do_not_overflow():
    images, labels, vectors = tensors(*embeddings(4, 8, 5, 2, 2))
    images = images.float().requires_grad_(True)
    loss = contrastive(images, labels.float(), vectors.float(), 1e-3)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(images.grad).all()


def test_contrastive_is_not_rounded_by_autocast():
    images, labels, vectors = (part.float() for part in tensors(*embeddings(5, 16, 32, 1, 3)))
    expected = contrastive(images, labels, vectors, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(contrastive(images, labels, vectors, 0.1), expected)


@pytest.mark.parametrize(
    ("shapes", "temperature", "message"),
    [
        (((3, 4), (3, 5), (3, 1)), 1.0, "alike"),
        (((3, 4, 1), (3, 4, 1), (3, 1)), 1.0, "alike"),
        (((3, 4), (3, 4), (2, 1)), 1.0, "with N 3"),
        (((3, 4), (3, 4), (3,)), 1.0, "with N 3"),
        (((3, 4), (3, 4), (3, 1)), 0.0, "temperature"),
    ],
)
def test_contrastive_checks_what_it_is_given(shapes, temperature, message):
    with pytest.raises(ValueError, match=message):
        contrastive(*(torch.zeros(shape) for shape in shapes), temperature)


def test_projection_is_the_inner_product_of_each_pair():
    images, labels, _ = embeddings(6, 7, 5, 1, 1)
    expected = [a @ b for a, b in zip(images, labels, strict=True)]
    np.testing.assert_allclose(projection(*tensors(images, labels)).numpy(), expected, rtol=1e-12)


def test_projection_sums_half_precision_in_float32():
    images, labels = torch.ones(2, 1000, dtype=torch.bfloat16), torch.ones(2, 1000, dtype=torch.bfloat16)
    assert projection(images, labels).tolist() == [1000.0, 1000.0]


def test_projection_checks_its_shapes():
    with pytest.raises(ValueError, match="alike"):
        projection(torch.zeros(3, 4), torch.zeros(4, 4))
