import math
from itertools import product

import pytest
import torch
from torch import nn

from ignm.config import load_preset
from ignm.models.head import EMBEDDED, HEADS, Head, minibatch_std
from ignm.models.shape import DataShape

SHAPE = DataShape(3, (2, 5), 3)
LABELLED = {"generator.condition": "latent", "loss.embedding": "projection"}


def head(channels=6, activated=True, shape=SHAPE, **changes):
    torch.manual_seed(0)
    config = load_preset("dcgan", {"discriminator.bias": "all"} | changes)
    built = Head(config, shape, channels, activated)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_()
    return built


def maps(count=8, channels=6):
    return torch.randn(count, channels, 4, 4, generator=torch.Generator().manual_seed(0))


def labels(count=8):
    return torch.randn(count, SHAPE.labels, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("count", "group"), [(8, 4), (4, 4), (12, 4), (6, 6), (3, 3), (2, 2)])
def test_minibatch_std_pixel_by_pixel(count, group):
    x = maps(count).double()
    groups = count // group
    result = minibatch_std(x)
    assert torch.equal(result[:, :6], x)
    for image in range(count):
        members = [other for other in range(count) if other % groups == image % groups]
        assert len(members) == group
        deviations = []
        for place in product(range(6), range(4), range(4)):
            values = [x[(member, *place)].item() for member in members]
            mean = sum(values) / group
            deviations.append(math.sqrt(sum((value - mean) ** 2 for value in values) / group + 1e-8))
        expected = torch.full((4, 4), sum(deviations) / len(deviations)).double()
        torch.testing.assert_close(result[image, 6], expected, rtol=1e-5, atol=1e-6)


def test_minibatch_std_of_images_that_are_all_alike_is_nothing():
    x = maps(1).expand(8, -1, -1, -1)
    assert minibatch_std(x)[:, 6].max() <= 1.01e-4
    assert minibatch_std(maps(1)).shape == (1, 7, 4, 4)


def test_vectors_of_the_last_map():
    x = maps()
    assert torch.equal(HEADS["flatten"](x, 1), x.reshape(8, 96))
    torch.testing.assert_close(HEADS["sum"](x, 1), torch.einsum("nchw->nc", x))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_pyramid_is_the_strongest_response_in_each_cell(levels):
    x = maps()
    expected = []
    for level in range(levels):
        cells, side = 2**level, 4 // 2**level
        for channel, row, column in product(range(6), range(cells), range(cells)):
            cell = x[:, channel, row * side : (row + 1) * side, column * side : (column + 1) * side]
            expected.append(cell.reshape(8, -1).max(dim=1).values)
    assert torch.equal(HEADS["pyramid"](x, levels), torch.stack(expected, dim=1))


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({"discriminator.head": "flatten"}, 96),
        ({"discriminator.head": "sum"}, 6),
        ({"discriminator.head": "pyramid", "discriminator.pyramid_levels": 1}, 6),
        ({"discriminator.head": "pyramid", "discriminator.pyramid_levels": 2}, 30),
        ({"discriminator.head": "pyramid"}, 126),
        ({"discriminator.head": "sum", "discriminator.minibatch_std": True}, 7),
    ],
)
def test_a_logit_is_linear_in_the_vector(changes, values):
    built, x = head(**changes), maps()
    assert built.logit.in_features == values
    entry = minibatch_std(x) if "discriminator.minibatch_std" in changes else x
    vector = HEADS[changes["discriminator.head"]](entry, changes.get("discriminator.pyramid_levels", 3))
    expected = vector @ built.logit.weight[0] + built.logit.bias
    torch.testing.assert_close(built(x, None, None).logits, expected)


def test_a_head_width_puts_an_activated_layer_before_everything():
    built, x = head(**{"discriminator.head_width": 9, "loss.classification": 1.0}), maps()
    linear, activation = built.hidden
    hidden = x.flatten(1) @ linear.weight.T + linear.bias
    hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
    assert isinstance(activation, nn.LeakyReLU)
    torch.testing.assert_close(built(x, None, None).logits, hidden @ built.logit.weight[0] + built.logit.bias)
    assert [layer.in_features for layer in built.classes] == [9, 9]


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("activated", [True, False])
def test_a_residual_stream_is_activated_before_it_is_summed_or_pooled(kind, activated):
    built, x = head(activated=activated, **{"discriminator.head": kind}), maps()
    entry = x if activated or kind == "flatten" else torch.where(x > 0, x, 0.2 * x)
    expected = HEADS[kind](entry, 3) @ built.logit.weight[0] + built.logit.bias
    torch.testing.assert_close(built(x, None, None).logits, expected)


def test_a_judgement_has_what_its_config_asks_for_and_no_more():
    plain = head()(maps(), labels(), None)
    assert (plain.classes, plain.continuous, plain.image_embedding, plain.label_embedding) == ((), None, None, None)
    auxiliary = head(**{"loss.classification": 1.0, "loss.regression": 0.5})(maps(), None, None)
    assert [tuple(each.shape) for each in auxiliary.classes] == [(8, 2), (8, 5)]
    assert auxiliary.continuous.shape == (8, 3)
    contrastive = head(**LABELLED | {"loss.embedding": "contrastive"})(maps(), labels(), None)
    assert contrastive.image_embedding.shape == contrastive.label_embedding.shape == (8, EMBEDDED)
    handed = torch.randn(8, 6, 8, 8)
    assert head()(maps(), None, handed).features is handed


def test_projection_adds_the_inner_product_with_the_labels_embedding():
    built, x, given = head(**LABELLED), maps(), labels()
    vector = x.flatten(1)
    embedded = given @ built.projection.weight.T
    expected = vector @ built.logit.weight[0] + built.logit.bias + (vector * embedded).sum(dim=1)
    torch.testing.assert_close(built(x, given, None).logits, expected, rtol=1e-5, atol=1e-4)


def test_embeddings_are_linear_in_image_and_labels():
    built, x, given = head(**LABELLED | {"loss.embedding": "contrastive"}), maps(), labels()
    judged = built(x, given, None)
    torch.testing.assert_close(judged.label_embedding, given @ built.label_embedding.weight.T)
    expected = x.flatten(1) @ built.image_embedding.weight.T + built.image_embedding.bias
    torch.testing.assert_close(judged.image_embedding, expected)
    assert torch.equal(judged.logits, built(x, given.flip(0), None).logits)


def test_judgements_are_fp32_under_autocast():
    changes = {"loss.classification": 1.0, "loss.regression": 1.0, "loss.embedding": "contrastive"}
    built = head(**LABELLED | changes)
    with torch.autocast("cpu", torch.bfloat16):
        judged = built(maps(), labels(), None)
    tensors = (judged.logits, *judged.classes, judged.continuous, judged.image_embedding, judged.label_embedding)
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
