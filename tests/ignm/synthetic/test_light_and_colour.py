"""Light and colour temperature against closed forms and Planck's law."""

import numpy as np
import torch
from scipy.constants import c, h, k

from ignm.synthetic.colours import from_bytes, to_bytes, with_channels
from ignm.synthetic.light import developed, illumination
from ignm.synthetic.temperature import gains, planckian

ONE = torch.ones(1, 1, 1, 1)


def ramp(gain, exponent=ONE):
    values = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16)
    return values.flatten(), developed(values, gain, exponent).flatten()


def test_no_light_changes_nothing():
    gain, exponent = illumination(16, 0.0, seed=3, start=0, count=4)
    torch.testing.assert_close(gain, torch.ones(4, 1, 16, 16))
    torch.testing.assert_close(exponent, torch.ones(4, 1, 1, 1))
    before, after = ramp(ONE)
    torch.testing.assert_close(after, before)


def test_less_light_multiplies_and_more_light_never_clips():
    before, darker = ramp(0.25 * ONE)
    torch.testing.assert_close(darker, before * 0.25 ** (1 / 2.2))
    before, brighter = ramp(8 * ONE)
    linear, lit = before.double() ** 2.2, brighter.double() ** 2.2
    inner = slice(1, -1)
    odds = (lit / (1 - lit))[inner] / (linear / (1 - linear))[inner]
    torch.testing.assert_close(odds, torch.full_like(odds, 8), rtol=1e-3, atol=0)
    assert (brighter.diff() > 0).all()
    assert brighter[-1] == 1
    assert (brighter[:-1] < 1).all()


def test_fields_of_light_are_smooth_and_within_their_range():
    gain, exponent = illumination(64, 1.0, seed=0, start=0, count=500)
    stops = gain.log2()
    assert stops.abs().max() < 1.8 * 2**0.5 + 0.4 + 0.4 + 1.0 + 0.7
    assert stops.diff(dim=2).abs().max() < 0.25
    assert stops.diff(dim=3).abs().max() < 0.25
    assert 1 / 1.36 < exponent.min() < exponent.max() < 1.36
    # Real differences, not a constant brightness.
    assert (stops.amax(dim=(2, 3)) - stops.amin(dim=(2, 3))).median() > 1


def test_relit_faces_are_not_black_or_white(grey):
    images = from_bytes(grey.images[:128])
    lit = to_bytes(developed(images, *illumination(32, 1.0, 0, 0, 128)))
    for extreme in (0, 255):
        assert (lit == extreme).mean() < (grey.images[:128] == extreme).mean() + 0.01


def colour_matching(wavelength):
    """The CIE 1931 observer's x, y, z (Wyman et al. 2013), wavelengths in nm."""

    def bell(peak, low, high):
        return np.exp(-0.5 * ((wavelength - peak) / np.where(wavelength < peak, low, high)) ** 2)

    return np.stack(
        [
            1.056 * bell(599.8, 37.9, 31.0) + 0.362 * bell(442.0, 16.0, 26.7) - 0.065 * bell(501.1, 20.4, 26.2),
            0.821 * bell(568.8, 46.9, 40.5) + 0.286 * bell(530.9, 16.3, 31.1),
            1.217 * bell(437.0, 11.8, 36.0) + 0.681 * bell(459.0, 26.0, 13.8),
        ]
    )


def test_temperatures_follow_plancks_law():
    kelvin = np.array([2500.0, 3000.0, 4100.0, 5000.0, 6504.0, 10_700.0])
    wavelength = np.arange(380.0, 781.0)
    metres = wavelength * 1e-9
    radiance = metres**-5 / np.expm1(h * c / (metres * k * kelvin[:, None]))
    xyz = radiance @ colour_matching(wavelength).T
    xyz /= xyz[:, 1:2]
    primaries = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]])  # of sRGB, IEC 61966-2-1
    to_xyz = np.stack([primaries[:, 0], primaries[:, 1], 1 - primaries.sum(axis=1)])
    white = np.array([0.3127, 0.3290, 0.3583]) / 0.3290
    to_xyz = to_xyz * np.linalg.solve(to_xyz, white)
    np.testing.assert_allclose(planckian(kelvin), xyz @ np.linalg.inv(to_xyz).T, atol=0.03)


def test_lamps_range_from_warm_to_cool_and_keep_luminance():
    lamps = gains(1.0, seed=0, start=0, count=2000)[:, :, 0, 0].double()
    weights = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    torch.testing.assert_close(lamps @ weights, torch.ones(2000, dtype=torch.float64), atol=1e-6, rtol=0)
    balance = lamps[:, 2] / lamps[:, 0]
    ends = planckian(np.array([1e6 / (1e6 / 6504 + 90), 6504.0, 1e6 / (1e6 / 6504 - 60)]))
    warmest, neutral, coolest = ends[:, 2] / ends[:, 0]
    assert abs(balance.min() - warmest / neutral) < 0.01
    assert abs(balance.max() - coolest / neutral) < 0.02
    torch.testing.assert_close(gains(0.0, 0, 0, 5), torch.ones(5, 3, 1, 1))


def test_grey_is_the_luma_that_decoded_images_have(colour):
    from PIL import Image

    made = to_bytes(with_channels(from_bytes(colour.images[:20]), 1))[..., 0]
    for own, image in zip(made, colour.images, strict=False):
        pillow = np.asarray(Image.fromarray(image).convert("L"))
        assert np.abs(own.astype(int) - pillow).max() <= 1
    np.testing.assert_array_equal(to_bytes(from_bytes(colour.images)), colour.images)
