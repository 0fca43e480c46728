"""What every source is, however it is stored: named images, read one at a time, never extracted."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from ignm.data.labels import LabelTable
from ignm.errors import IgnmError

EXTENSIONS = ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "ppm", "pgm")
MAX_BYTES = 1 << 30
_SUFFIXES = tuple(f".{extension}" for extension in EXTENSIONS)


class UnreadableImageError(Exception):
    """One image cannot be used; the message is the reason shown beside its name. The import goes on."""


def no_labels() -> LabelTable | None:
    """Say nothing about the images."""
    return None


@dataclass(frozen=True)
class Source:
    """Opened images.

    `title` is the file name only; `names` are the images' distinct names within it (for files their paths,
    `/`-separated, in natural order); `read(index)` returns the bytes of one image (raises UnreadableImageError; safe to
    call from several threads); `top` is the one folder that holds everything, or "".
    """

    title: str
    names: Sequence[str]
    read: Callable[[int], bytes]
    top: str = ""
    labels: Callable[[], LabelTable | None] = no_labels
    """Reads what is known about the images; None where nothing is."""
    test: frozenset[int] = frozenset()
    """Indices of the images that the source itself holds out."""
    identity: str = ""
    """Digest of what the source holds as far as a look at names, sizes and times tells; "" where nothing does."""
    licence: str | None = None
    """What its publisher says that the images may be used for; None where that is not known."""


class NamesOnDemand(Sequence[str], ABC):
    """Names that are made when they are asked for: there may be millions."""

    @abstractmethod
    def name_of(self, index: int) -> str:
        """Return the name of the image at this index, which is there."""

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        places = range(len(self))[index]
        return self.name_of(places) if isinstance(places, int) else tuple(map(self.name_of, places))


def natural_key(name: str) -> tuple[str, str]:
    """Sort key under which `img2` comes before `img10`."""
    # A number sorts by its length, then its digits: int() refuses the very long ones that a hostile archive may hold.
    return re.sub("[0-9]+", lambda digits: f"{len(number := digits[0].lstrip('0')):05}{number}", name), name


def image_names(found: Iterable[str], where: str) -> tuple[str, ...]:
    """Return the names that end as images do, in natural order; raise IgnmError if none does."""
    everything = list(found)
    names = [name for name in everything if is_image(name)]
    if not names:
        raise IgnmError(
            f"{where} holds no image: {len(everything)} files, none of them ending in "
            f"{', '.join('.' + extension for extension in EXTENSIONS)}. Check the path."
        )
    return tuple(sorted(names, key=natural_key))


def is_image(name: str) -> bool:
    """Say whether a file's name ends as an image's does."""
    return name.lower().endswith(_SUFFIXES)


def top_folder(names: Sequence[str]) -> str:
    """Return the folder that holds every image, without a trailing slash; "" if there is none."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    return tops.pop() if len(tops) == 1 else ""


def check_size(size: int) -> None:
    """Raise UnreadableImageError for what is too large to be an image."""
    if size > MAX_BYTES:
        raise UnreadableImageError(f"larger than {MAX_BYTES >> 20} MiB")


def digest(*parts: object) -> str:
    """Return a hex digest of what these parts say."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()
