"""From the bytes of any image file to one square uint8 array."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ignm.data.sources import UnreadableImageError

RESIZE_METHOD = "centre crop, PIL Lanczos"
# Only these parsers run, whatever a file's extension says: others (EPS) start programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_DEEP_MODES = {"I": 65535.0, "F": 1.0}
_SIXTEEN_BIT = 65535.0

Image.init()
# Pictures of 90 to 178 megapixels are legitimate here; larger ones are refused by PIL itself.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Decoded:
    """One image: `pixels` uint8 (R, R, 1) if every pixel is grey, else (R, R, 3); `enlarged` if it was smaller."""

    pixels: npt.NDArray[np.uint8]
    enlarged: bool


def decode(data: bytes, resolution: int, channels: int | None = None) -> Decoded:
    """Decode, turn upright (EXIF), centre-crop to a square and resize one image.

    Transparency is laid over white. 16-bit greys are scaled by 255/65535, floats from [0, 1]; the first frame of an
    animation counts. `channels` 1 or 3 forces grey (ITU-R 601 luma) or colour; None keeps what the image is.
    Raises UnreadableImageError with the reason for anything that is not a whole image, MemoryError if memory is short.
    """
    if not data:
        raise UnreadableImageError("empty file")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            opened.load()
            image = flatten(_upright(opened))
        enlarged = min(image.size) < resolution
        pixels = _square(image if channels is None else _with_channels(image, channels), resolution)
    except (UnreadableImageError, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise UnreadableImageError("not an image of a known format") from None
    except Exception as error:  # parsers of hostile bytes raise nearly every type there is
        raise UnreadableImageError(f"{error or type(error).__name__}") from None
    if pixels.shape[2] == 3 and channels is None and _is_grey(pixels):
        pixels = np.ascontiguousarray(pixels[:, :, :1])
    return Decoded(pixels, enlarged)


def flatten(image: Image.Image) -> Image.Image:
    """Bring an image of any PIL mode to L, RGB, or F with range [0, 255]; transparency over white."""
    if image.mode in _DEEP_MODES or image.mode.startswith("I;16"):
        return _flatten_deep(image)
    if image.has_transparency_data:
        straight = image.convert("LA") if image.mode == "La" else image
        colour = straight.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour).convert("RGB")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def _flatten_deep(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
    peak = _DEEP_MODES.get(image.mode, _SIXTEEN_BIT)
    # The range of 32-bit files is not written in them: guessing would make some images black without a word.
    if not (values.min() >= 0 and values.max() <= peak):
        raise UnreadableImageError(f"values outside 0..{peak:g} in a 32-bit image; save it with 8 or 16 bits")
    return Image.fromarray(values * np.float32(255 / peak))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata around a whole picture: the picture counts
        return image


def _with_channels(image: Image.Image, channels: int) -> Image.Image:
    if image.mode == "F":
        return image
    return image.convert("L" if channels == 1 else "RGB")


def _square(image: Image.Image, resolution: int) -> npt.NDArray[np.uint8]:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    # Not resize(box=...): its filter reaches over the edge of the box.
    square = image.crop((left, top, left + side, top + side))
    resized = square.resize((resolution, resolution), Image.Resampling.LANCZOS)
    pixels = np.asarray(resized)
    if resized.mode == "F":
        pixels = np.clip(np.rint(pixels), 0, 255)
    return np.ascontiguousarray(pixels.reshape(resolution, resolution, -1), dtype=np.uint8)


def _is_grey(pixels: npt.NDArray[np.uint8]) -> bool:
    return bool((pixels == pixels[:, :, :1]).all())
