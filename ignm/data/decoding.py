"""From the bytes of any image file to one square uint8 array."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,  # noqa: F401
    ExifTags,
    GifImagePlugin,  # noqa: F401
    Image,
    ImageOps,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
    features,
)

from ignm.data.plain_png import open_plain_png

RESIZE_METHOD = "centre crop, PIL Lanczos"
# To be raised with every change that changes pixels: an interrupted import then begins anew.
_VERSION = 1
# Only these parsers run, whatever a file's extension says: others (EPS) start programs. All are imported above, for
# else PIL looks for them in every parser that it has.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_DEEP_MODES = {"I": 65535.0, "F": 1.0}
_SIXTEEN_BIT = 65535.0
_TURNED = range(2, 9)

# Pictures of 90 to 178 megapixels are legitimate here; larger ones are refused by PIL itself.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Decoded:
    """One image: `pixels` uint8 (R, R, 1) if every pixel is grey, else (R, R, 3); `enlarged` if it was smaller."""

    pixels: npt.NDArray[np.uint8]
    enlarged: bool


class _RefusedError(Exception):
    """An image that is whole and cannot be used; the message says why."""


def decode(data: bytes, resolution: int, channels: int | None = None) -> Decoded:
    """Decode, turn upright (EXIF), centre-crop to a square and resize one image.

    Transparency is laid over white. 16-bit greys are scaled by 255/65535, floats from [0, 1]; the first frame of an
    animation counts. `channels` 1 or 3 forces grey (ITU-R 601 luma) or colour; None keeps what the image is.
    Raises UnreadableImageError with the reason for anything that is not a whole image, MemoryError if memory is short.
    """
    found = decode_or_reason(data, resolution, channels)
    if isinstance(found, Decoded):
        return found
    from ignm.data.sources import UnreadableImageError  # sources need a lot that decoding does not

    raise UnreadableImageError(found)


def decode_or_reason(data: bytes, resolution: int, channels: int | None) -> Decoded | str:
    """Do what `decode` does, but return the reason where it raises UnreadableImageError."""
    if not data:
        return "empty file"
    try:
        image = flatten(open_plain_png(data) or _open(data))
        enlarged = min(image.size) < resolution
        pixels = _square(image if channels is None else _with_channels(image, channels), resolution)
    except MemoryError:
        raise
    except Image.UnidentifiedImageError:
        return "not an image of a known format"
    except Exception as error:  # parsers of hostile bytes raise nearly every type there is
        return str(error) or type(error).__name__
    return Decoded(pixels if channels else one_if_grey(pixels), enlarged)


def one_if_grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return (R, R, 1) for (R, R, 3) pixels that are all grey, any others as they are."""
    if pixels.shape[2] == 1:
        return pixels
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    grey = np.array_equal(red, green) and np.array_equal(red, blue)
    return np.ascontiguousarray(pixels[:, :, :1]) if grey else pixels


def decoding_identity() -> str:
    """Return what, beside the bytes, decides the pixels: this code's version and that of the libraries."""
    libraries = [f"{name} {features.version(name)}" for name in ("pil", "jpg", "webp", "libtiff")]
    return f"decoding {_VERSION}, {RESIZE_METHOD}, {', '.join(libraries)}"


def flatten(image: Image.Image) -> Image.Image:
    """Bring an image of any PIL mode to L, RGB, or F with range [0, 255]; transparency over white."""
    if image.mode in _DEEP_MODES or image.mode.startswith("I;16"):
        return _flatten_deep(image)
    if image.has_transparency_data:
        straight = image.convert("LA") if image.mode == "La" else image
        colour = straight.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour).convert("RGB")
    if image.mode in ("L", "RGB"):  # convert() would copy
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _flatten_deep(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
    peak = _DEEP_MODES.get(image.mode, _SIXTEEN_BIT)
    # The range of 32-bit files is not written in them: guessing would make some images black without a word.
    if not (values.min() >= 0 and values.max() <= peak):
        raise _RefusedError(f"values outside 0..{peak:g} in a 32-bit image; save it with 8 or 16 bits")
    return Image.fromarray(values * np.float32(255 / peak))


def _open(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        opened.load()
        return _upright(opened)


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # damaged metadata around a whole picture: the picture counts
        return image


def _with_channels(image: Image.Image, channels: int) -> Image.Image:
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode in ("F", mode) else image.convert(mode)


def _square(image: Image.Image, resolution: int) -> npt.NDArray[np.uint8]:
    width, height = image.size
    side = min(width, height)
    # Each of these steps would copy an image that needs none of it.
    if width != height:
        left, top = (width - side) // 2, (height - side) // 2
        # Not resize(box=...): its filter reaches over the edge of the box.
        image = image.crop((left, top, left + side, top + side))
    if side != resolution:
        image = image.resize((resolution, resolution), Image.Resampling.LANCZOS)
    if image.mode == "F":
        values = np.clip(np.rint(np.asarray(image)), 0, 255).astype(np.uint8)
        return values.reshape(resolution, resolution, 1)
    return np.frombuffer(image.tobytes(), np.uint8).reshape(resolution, resolution, -1)
