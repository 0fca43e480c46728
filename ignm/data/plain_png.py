"""The short way into the commonest file: a PNG of 8-bit grey or colour without anything special.

Opening such a small file takes PIL longer than decoding it. Here PIL only decodes; every file that is not plain and
whole is left to PIL altogether, so that pixels and errors are the same on both ways.
"""

import struct
import zlib

from PIL import Image

_HEAD = struct.Struct(">8sI4sIIBBBBBI")
_CHUNK = struct.Struct(">I4s")
_SIGNATURE = (b"\x89PNG\r\n\x1a\n", 13, b"IHDR")
_MODES = {(8, 0, 0, 0, 0): "L", (8, 2, 0, 0, 0): "RGB"}
_MAX_PIXELS = 1 << 24


def open_plain_png(data: bytes) -> Image.Image | None:
    """Return the image, L or RGB; None if these bytes are not a plain, whole PNG of at most 16 megapixels."""
    if len(data) < _HEAD.size:
        return None
    *signature, width, height, depth, colour, compression, filtering, interlace, checksum = _HEAD.unpack_from(data)
    mode = _MODES.get((depth, colour, compression, filtering, interlace))
    if tuple(signature) != _SIGNATURE or mode is None or not 0 < width * height <= _MAX_PIXELS:
        return None
    if zlib.crc32(data[12:29]) != checksum:
        return None
    pixels = _compressed_pixels(data)
    if pixels is None:
        return None
    try:
        return Image.frombytes(mode, (width, height), pixels, "zip", mode, 0)
    except ValueError:
        return None


def _compressed_pixels(data: bytes) -> bytes | None:
    """Return the content of the IDAT chunks if nothing but them lies between head and end."""
    parts: list[bytes] = []
    start = _HEAD.size
    while start + 12 <= len(data):
        size, kind = _CHUNK.unpack_from(data, start)
        if kind == b"IEND":
            return b"".join(parts)
        if kind != b"IDAT":
            return None
        parts.append(data[start + 8 : start + 8 + size])
        start += 12 + size
    return None
