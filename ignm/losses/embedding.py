"""Joint embedding of images and their labels, so that the discriminator judges the pair."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ignm.losses.precision import at_least_float32


def projection(images: Tensor, labels: Tensor) -> Tensor:
    """Inner product of image and label embeddings, (N, E) each, to be added to the logits (N,).

    Source: Miyato and Koyama 2018, equation 3. ValueError: shapes.
    """
    _check(images, labels)
    return (at_least_float32(images) * at_least_float32(labels)).sum(dim=1)


def contrastive(images: Tensor, labels: Tensor, vectors: Tensor, temperature: float) -> Tensor:
    """Conditional contrastive loss (2C) of ContraGAN, mean over images (Kang and Park 2020, equation 8).

    `images`, `labels`: embeddings (N, E), of any length; `vectors`: the labels themselves (N, L). An image is pulled to
    its own label's embedding and to the images whose label vectors equal its own exactly, and pushed from the others;
    the vector of an image with NaN in it equals none. `temperature` > 0 divides the cosine similarities.
    ValueError: shapes or temperature.
    """
    _check(images, labels)
    if vectors.ndim != 2 or vectors.shape[0] != images.shape[0]:
        raise ValueError(f"label vectors must be (N, L) with N {images.shape[0]}: {tuple(vectors.shape)}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0: {temperature}")
    # Autocast would take the matrix product in half precision, and the temperature multiplies its error.
    with torch.autocast(images.device.type, enabled=False):
        image, label = (F.normalize(at_least_float32(rows), dim=1) for rows in (images, labels))
        own = (image * label).sum(dim=1, keepdim=True) / temperature
        between = image @ image.T / temperature
    nothing = torch.full_like(between, -torch.inf)
    self_pairs = torch.eye(len(images), dtype=torch.bool, device=images.device)
    others = torch.where(self_pairs, nothing, between)
    alike = (vectors[:, None] == vectors[None]).all(dim=2)
    positives = torch.where(alike, others, nothing)
    attraction = torch.cat([own, positives], dim=1).logsumexp(dim=1)
    return (torch.cat([own, others], dim=1).logsumexp(dim=1) - attraction).mean()


def _check(images: Tensor, labels: Tensor) -> None:
    if images.ndim != 2 or images.shape != labels.shape:
        raise ValueError(
            f"embeddings must be (N, E) and alike: images {tuple(images.shape)}, labels {tuple(labels.shape)}"
        )
