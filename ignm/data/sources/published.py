"""The images of a dataset that is published as a folder of a fixed name, unpacked or as a zip of that name."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ignm.data.sources.archive import archive_files
from ignm.data.sources.files import Files
from ignm.data.sources.source import digest, image_names, is_image
from ignm.errors import IgnmError


@dataclass(frozen=True)
class Published:
    """Images in natural order, and the tables that were found with them.

    `numbers` are the images' file names without folder and extension; `tables` maps a table's file name to where it is.
    """

    images: Files
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    tables: dict[str, tuple[Files, str]]
    identity: str

    def read(self, index: int) -> bytes:
        """Return the bytes of an image."""
        return self.images.read(self.names[index])

    def table(self, name: str) -> bytes:
        """Return the bytes of a table."""
        files, path = self.tables[name]
        return files.table(path)


def find_published(files: Files, stack: ExitStack, folders: Sequence[str], tables: Sequence[str]) -> Published:
    """Find the images in the first of these folders that is there, else its zip, else in `files` themselves.

    Tables are looked for in `files`, then beside them. Raises IgnmError if there is no image, or two have one number.
    """
    images, names = _find_images(files, stack, folders)
    found: dict[str, tuple[Files, str]] = {}
    beside = files.beside(tables)
    for place in (files, beside) if beside else (files,):
        there = [name for name in place.names if name.rpartition("/")[2] in tables]
        for name in sorted(there, key=lambda name: (name.count("/"), name)):
            found.setdefault(name.rpartition("/")[2], (place, name))
    numbers = tuple(name.rpartition("/")[2].rpartition(".")[0] for name in names)
    _check_distinct(files, names, numbers)
    parts = [files.identity, images.identity, beside.identity if beside else ""]
    return Published(images, names, numbers, found, digest(*parts))


def _find_images(files: Files, stack: ExitStack, folders: Sequence[str]) -> tuple[Files, tuple[str, ...]]:
    for folder in folders:
        inside = [name for name in files.names if is_image(name) and folder in name.split("/")[:-1]]
        if inside:
            return files, image_names(inside, files.where)
        packed = [name for name in files.names if name.rpartition("/")[2] == f"{folder}.zip"]
        if packed and files.open is not None:
            file = stack.enter_context(files.open(packed[0]))
            archive = archive_files(file, f"{files.where.removeprefix('The folder ')}/{packed[0]}", stack)
            return archive, image_names(archive.names, archive.where)
    return files, image_names(files.names, files.where)


def _check_distinct(files: Files, names: Sequence[str], numbers: Sequence[str]) -> None:
    first: dict[str, str] = {}
    for name, number in zip(names, numbers, strict=True):
        if first.setdefault(number, name) != name:
            raise IgnmError(
                f"{files.where} holds two images of the number {number}: {first[number]} and {name}. Keep one of them."
            )
