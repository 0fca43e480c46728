"""ADA's colours against homogeneous matrices in float64, one transformation after the other."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.transform import Rotation

from ignm.augmentation import colour as K
from ignm.augmentation.draws import normal, uniform

COUNT = 4000
GREY_AXIS = np.ones(3) / np.sqrt(3)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(channels, count, p):
    """What `colour` draws: brightness, contrast, luma flip and, of three channels, hue and saturation."""
    source = generator()
    kinds = [normal, normal, uniform, uniform, normal] if channels == 3 else [normal, normal, uniform]
    return [kind(1, count, p, source)[0].double().numpy() for kind in kinds]


def affine(linear, offset=(0.0, 0.0, 0.0)):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, offset
    return matrix


def steps(brightness, contrast, flip, hue=0.0, saturation=0.0):
    """The five maps, each by its own definition."""
    along = np.outer(GREY_AXIS, GREY_AXIS)
    return [
        affine(np.eye(3), [0.2 * brightness] * 3),
        affine(np.eye(3) * 2 ** (0.5 * contrast)),
        affine(np.eye(3) - 2 * along * (flip < 0)),
        affine(Rotation.from_rotvec(np.pi * hue * GREY_AXIS).as_matrix()),
        affine(along + (np.eye(3) - along) * 2**saturation),
    ]


@pytest.mark.parametrize("p", [0.3, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_colours_are_the_product_of_the_separate_maps(channels, p):
    images = torch.rand(64, channels, 4, 4, generator=generator(1), dtype=torch.float64) * 2 - 1
    ours = K.colour(images, p, generator()).numpy()
    for image, changed, values in zip(images.numpy(), ours, zip(*drawn(channels, 64, p), strict=True), strict=True):
        brighter, contrast, luma, hue, vivid = steps(*values)
        whole = vivid @ hue @ luma @ contrast @ brighter
        # A grey image is one whose three channels are alike; hue and saturation leave it so.
        rgb = np.concatenate([np.broadcast_to(image, (3, 4, 4)).reshape(3, -1), np.ones((1, 16))])
        expected = (whole @ rgb)[:channels].reshape(image.shape)
        np.testing.assert_allclose(changed, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "only", ["contrast", "luma flip", "hue", "saturation"], ids=["contrast", "luma flip", "hue", "saturation"]
)
def test_each_linear_map_alone(only):
    value = {"contrast": 1.3, "luma flip": -1.0, "hue": 0.4, "saturation": -0.7}[only]
    names = ["brightness", "contrast", "luma flip", "hue", "saturation"]
    values = [value if name == only else 0.0 for name in names]
    gain = 2 ** (0.5 * values[1])
    luma, chroma, angle = -gain if values[2] < 0 else gain, gain * 2 ** values[4], np.pi * values[3]
    ours = K.colour_map(*(torch.tensor([number], dtype=torch.float64) for number in (luma, chroma, angle)))[0]
    np.testing.assert_allclose(ours, steps(*values)[names.index(only)][:3, :3], rtol=0, atol=1e-6)


@pytest.mark.parametrize("p", [0.2, 0.6])
@pytest.mark.parametrize(("channels", "coins"), [(1, 3), (3, 5)])
def test_the_share_of_changed_images_is_what_p_says(channels, coins, p):
    images = torch.rand(COUNT, channels, 2, 2, generator=generator(1)) * 2 - 1
    changed = K.colour(images, p, generator())
    same = ((changed - images).abs() < 1e-5).flatten(1).all(1).double().mean().item()
    # A luma flip that is drawn is not a flip in half of the cases.
    expected = (1 - p) ** (coins - 1) * (1 - p / 2)
    assert abs(same - expected) <= 5 * (expected * (1 - expected) / COUNT) ** 0.5


def test_brightness_and_contrast_have_adas_distributions():
    """From what two pixels of grey become: a x + b with a = +-2^(contrast / 2) and b = 0.2 a brightness."""
    images = torch.tensor([0.0, 1.0], dtype=torch.float64).view(1, 1, 1, 2).expand(COUNT, 1, 1, 2)
    zero, one = K.colour(images, 1.0, generator()).flatten(1).T
    gain = one - zero
    assert stats.kstest(gain.abs().log2(), stats.norm(0, 0.5).cdf).pvalue > 0.01
    assert stats.kstest(zero / gain, stats.norm(0, 0.2).cdf).pvalue > 0.01
    assert abs((gain < 0).double().mean().item() - 0.5) < 5 * (0.25 / COUNT) ** 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_derivatives_are_right_and_p_0_changes_nothing(channels):
    images = torch.rand(4, channels, 3, 3, generator=generator(), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: K.colour(x, 0.7, generator()), images)
    assert torch.equal(K.colour(images, 0.0, generator()), images)


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(ValueError, match="channel"):
        K.colour(torch.zeros(2, 4, 8, 8), 0.5, generator())
