"""Decoding: every mode and format; the closed form of a constant image is the constant."""

import numpy as np
import pytest
from PIL import Image
from support.pictures import encoded, flat, noise

from ignm.data import decoding
from ignm.data.decoding import Decoded, decode, decode_or_reason, flatten
from ignm.data.plain_png import open_plain_png
from ignm.data.sources import UnreadableImageError

FLAT_MODES = {
    "1": (1, [255] * 3),
    "L": (77, [77] * 3),
    "LA": ((100, 255), [100] * 3),
    "La": ((100, 255), [100] * 3),
    "RGB": ((10, 20, 30), [10, 20, 30]),
    "RGBA": ((10, 20, 30, 255), [10, 20, 30]),
    "RGBa": ((10, 20, 30, 255), [10, 20, 30]),
    "RGBX": ((10, 20, 30, 0), [10, 20, 30]),
    "CMYK": ((0, 255, 255, 0), [255, 0, 0]),
    "YCbCr": ((120, 128, 128), [120] * 3),
    "HSV": ((0, 255, 255), [255, 0, 0]),
    "LAB": ((255, 128, 128), [255] * 3),
    "I": (0x8080, [128] * 3),
    "I;16": (0x8080, [128] * 3),
    "I;16L": (0x8080, [128] * 3),
    "I;16B": (0x8080, [128] * 3),
    "I;16N": (0x8080, [128] * 3),
    "F": (0.2, [51] * 3),
    "P": (1, [10, 20, 30]),
    "PA": ((1, 255), [10, 20, 30]),
}


@pytest.mark.parametrize("mode", FLAT_MODES)
def test_every_mode_becomes_eight_bits(mode):
    value, expected = FLAT_MODES[mode]
    image = Image.new(mode, (6, 6), value)
    if mode in ("P", "PA"):
        image.putpalette([0, 0, 0, 10, 20, 30])
    result = flatten(image)
    assert result.mode in ("L", "RGB", "F")
    pixels = np.broadcast_to(np.asarray(result).reshape(6, 6, -1), (6, 6, 3))
    assert np.abs(pixels.astype(float) - expected).max() <= 1


def test_every_mode_of_pil_is_covered():
    assert set(Image.MODES) == set(FLAT_MODES)


@pytest.mark.parametrize(
    ("mode", "value"), [("RGBA", (0, 0, 0, 0)), ("LA", (0, 0)), ("RGBa", (0, 0, 0, 0)), ("La", (0, 0))]
)
def test_transparency_is_white(mode, value):
    assert (np.asarray(flatten(Image.new(mode, (4, 4), value))) == 255).all()


def test_half_transparent_black_over_white_is_mid_grey_also_from_a_palette():
    assert abs(int(np.asarray(flatten(Image.new("RGBA", (1, 1), (0, 0, 0, 128))))[0, 0, 0]) - 127) <= 1
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert (decode(encoded(image, transparency=1), 16).pixels == 255).all()


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        *((kind, {}, 0) for kind in ("PNG", "BMP", "TIFF", "PPM")),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 100, "subsampling": 0}, 3),
    ],
)
def test_every_format_gives_the_picture(kind, options, tolerance):
    image = noise(16, 16)
    difference = decode(encoded(image, kind, **options), 16).pixels.astype(int) - np.asarray(image)
    assert np.abs(difference).max() <= tolerance


def test_files_of_16_bits_keep_their_range(tmp_path):
    ramp = np.linspace(0, 65535, 16).astype(np.uint16)
    image = Image.fromarray(np.tile(ramp, (16, 1)))
    expected = np.rint(ramp / 257.0)
    for data in (
        encoded(image, "PNG"),
        encoded(image, "TIFF"),
        b"P5 16 16 65535\n" + np.asarray(image).astype(">u2").tobytes(),
    ):
        pixels = decode(data, 16).pixels
        assert pixels.shape == (16, 16, 1)
        np.testing.assert_array_equal(pixels[3, :, 0], expected)


def test_32_bit_files_without_a_known_range_are_unreadable():
    for image in (Image.new("I", (4, 4), 70000), Image.new("I", (4, 4), -1), Image.new("F", (4, 4), 200.0)):
        with pytest.raises(UnreadableImageError, match=r"values outside 0\.\."):
            decode(encoded(image, "TIFF"), 16)
    with pytest.raises(UnreadableImageError, match=r"values outside 0\.\."):
        decode(encoded(Image.new("F", (4, 4), float("nan")), "TIFF"), 16)


def test_cmyk_jpeg_is_not_inverted():
    assert (
        np.abs(decode(encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"), 16).pixels - [255, 0, 0]).max()
        <= 3
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    upright = noise(32, 32)
    # How a camera that is held so stores the picture: the inverse of what a viewer must do.
    stored = {
        1: lambda im: im,
        2: lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda im: im.transpose(Image.Transpose.ROTATE_180),
        4: lambda im: im.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda im: im.transpose(Image.Transpose.TRANSPOSE),
        6: lambda im: im.transpose(Image.Transpose.ROTATE_90),
        7: lambda im: im.transpose(Image.Transpose.TRANSVERSE),
        8: lambda im: im.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode(encoded(stored, "PNG", exif=exif), 32).pixels, np.asarray(upright))


def test_a_damaged_exif_does_not_cost_the_picture():
    image = noise(16, 16)
    data = encoded(image, "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    np.testing.assert_array_equal(decode(data, 16).pixels, np.asarray(image))


@pytest.mark.parametrize("size", [(64, 32), (32, 64)])
def test_the_crop_is_the_centre(size):
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    top, left = (size[1] - 32) // 2, (size[0] - 32) // 2
    centre = np.asarray(noise(32, 32))
    pixels[top : top + 32, left : left + 32] = centre
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(pixels)), 32).pixels, centre)


def test_the_crop_does_not_bleed_and_shrinking_does_not_alias():
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, ::2] = 255  # stripes of one pixel: their only honest small picture is grey
    pixels[:, :64] = pixels[:, 128:] = 0, 255, 0
    small = decode(encoded(Image.fromarray(pixels)), 16).pixels
    assert small.shape == (16, 16, 1)
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() <= 3


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "PNG", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        np.testing.assert_array_equal(decode(data, 16).pixels[5, 5], [255, 0, 0])


@pytest.mark.parametrize(("channels", "shape"), [(None, 3), (1, 1), (3, 3)])
def test_channels_may_be_forced(channels, shape):
    pixels = decode(flat((255, 0, 0)), 16, channels).pixels
    assert pixels.shape == (16, 16, shape)
    assert pixels[0, 0, 0] == (76 if channels == 1 else 255)  # ITU-R 601: 0.299 * 255
    assert decode(flat(9, "L"), 16, channels).pixels.shape == (16, 16, 3 if channels == 3 else 1)


def test_a_program_in_the_clothes_of_a_picture_is_not_run():
    data = encoded(noise(), "EPS")
    with pytest.raises(UnreadableImageError, match="not an image of a known format"):
        decode(data, 16)


def test_a_lack_of_memory_is_not_a_fault_of_the_picture(monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr(decoding, "flatten", short)
    with pytest.raises(MemoryError):
        decode(flat(1, "L"), 16)


def both_ways(data: bytes, resolution: int, monkeypatch) -> tuple:
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "open_plain_png", lambda data: None)
        by_pil = decode_or_reason(data, resolution, None)
    return by_pil, decode_or_reason(data, resolution, None)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_the_short_way_into_a_plain_png_gives_the_same_pixels(mode, level, monkeypatch):
    rng = np.random.default_rng(level)
    for width, height in ((16, 16), (33, 20), (1, 1), (300, 200)):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        data = encoded(Image.fromarray(pixels).convert(mode), compress_level=level)
        assert open_plain_png(data) is not None
        by_pil, short = both_ways(data, 16, monkeypatch)
        np.testing.assert_array_equal(by_pil.pixels, short.pixels)
        assert by_pil.enlarged == short.enlarged


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_plain_png_is_to_the_short_way_what_it_is_to_pil(monkeypatch):
    data = encoded(noise(24, 24))
    rng = np.random.default_rng(0)
    damaged = [data[:end] for end in range(0, len(data), 13)]
    for place in [*range(60), *rng.integers(60, len(data), 200).tolist()]:
        damaged.append(data[:place] + bytes([data[place] ^ 1 << rng.integers(8)]) + data[place + 1 :])
    seen = set()
    for bad in damaged:
        by_pil, short = both_ways(bad, 16, monkeypatch)
        seen.add(type(by_pil))
        if isinstance(by_pil, str):
            assert short == by_pil
        else:
            np.testing.assert_array_equal(by_pil.pixels, short.pixels)
    assert seen == {str, Decoded}


@pytest.mark.parametrize(
    "data",
    [
        encoded(noise(), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
        encoded(noise().convert("RGBA")),
        encoded(noise().convert("P")),
        encoded(Image.new("I;16", (20, 20))),
        encoded(noise(), transparency=(1, 2, 3)),
        encoded(noise(), "JPEG"),
        b"",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_whatever_is_special_goes_the_long_way(data):
    assert open_plain_png(data) is None
