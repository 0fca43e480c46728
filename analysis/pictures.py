"""Sample grids as data URIs, so that the report is one file."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

WIDEST = 1024
"""Grids wider or taller than this many pixels are scaled down for the page."""

HEAVIEST = 700_000
"""Grids whose PNG is larger than this many bytes are put on the page as JPEG."""


@dataclass(frozen=True)
class Picture:
    """One image of the page; width, height: on the page, each pixel of it enlarged to several."""

    title: str
    uri: str
    width: int
    height: int


def load_picture(path: Path, title: str, magnified: int = 1) -> Picture | None:
    """Read an image file for the page; None when it is missing or is no image that can be decoded.

    magnified: how many times as large it is to be shown, where it is not scaled down.
    """
    if not path.is_file():
        return None
    try:
        with Image.open(path) as opened:
            image = opened.convert("L" if opened.mode in ("L", "1", "I;16") else "RGB")
    except Exception:
        # Decoders answer damage with nearly any error (SyntaxError for a PNG's), and no picture is worth the report.
        return None
    if max(image.size) > WIDEST:
        image.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
        magnified = 1
    kind, data = "png", _encode(image, "PNG", optimize=False)
    if len(data) > HEAVIEST:
        kind, data = "jpeg", _encode(image, "JPEG", quality=92, subsampling=0)
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(title, uri, magnified * image.width, magnified * image.height)


def _encode(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()
