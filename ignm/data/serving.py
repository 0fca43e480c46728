"""What a decoding process does, and how it is spoken to: a line of JSON and the bytes that it announces.

Imports little, for it is started anew with every import.
"""

import json
import math
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

import numpy as np

from ignm.data.decoding import Decoded, decode_or_reason

PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; from ignm.data.serving import serve; "
    "serve(int(sys.argv[1]), int(sys.argv[2]) or None)"
)
"""For `python -c`, with the resolution, the channels (0: as they are) and the path for imports as arguments."""


def serve(resolution: int, channels: int | None) -> None:
    """Decode what comes in on stdin until that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; who sends the images says when to end
    with suppress(BrokenPipeError, EOFError):
        while True:
            images = [sys.stdin.buffer.read(size) for size in _announced(sys.stdin.buffer)]
            _send_results(sys.stdout.buffer, [_decode(image, resolution, channels) for image in images])


def _decode(image: bytes, resolution: int, channels: int | None) -> Decoded | str | None:
    try:
        return decode_or_reason(image, resolution, channels)
    except MemoryError:
        return None


def send_images(pipe: IO[bytes], images: Sequence[bytes]) -> None:
    """Send images to be decoded."""
    pipe.write(json.dumps([len(image) for image in images]).encode() + b"\n")
    pipe.write(b"".join(images))
    pipe.flush()


def _send_results(pipe: IO[bytes], results: Sequence[Decoded | str | None]) -> None:
    pipe.write(json.dumps([_head(result) for result in results]).encode() + b"\n")
    pipe.write(b"".join(result.pixels.data for result in results if isinstance(result, Decoded)))
    pipe.flush()


def _head(result: Decoded | str | None) -> list[int] | str | None:
    return [result.pixels.shape[2], int(result.enlarged)] if isinstance(result, Decoded) else result


def receive_results(pipe: IO[bytes], resolution: int) -> list[Decoded | str | None]:
    """Return what became of images that were sent, None where memory was short; raise EOFError at the pipe's end."""
    heads: list[list[int] | str | None] = _announced(pipe)
    shapes = [(resolution, resolution, head[0]) if isinstance(head, list) else (0,) for head in heads]
    ends = np.cumsum([math.prod(shape) for shape in shapes], dtype=int).tolist()
    data = pipe.read(ends[-1] if ends else 0)
    if ends and len(data) < ends[-1]:
        raise EOFError
    results: list[Decoded | str | None] = []
    for head, shape, end in zip(heads, shapes, ends, strict=True):
        if isinstance(head, list):
            size = math.prod(shape)
            pixels = np.frombuffer(data, np.uint8, size, end - size).reshape(shape)
            results.append(Decoded(pixels, bool(head[1])))
        else:
            results.append(head)
    return results


def _announced(pipe: IO[bytes]) -> list[Any]:
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    announced: list[Any] = json.loads(line)
    return announced
