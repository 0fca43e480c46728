"""Images as they come: in folders and sub-folders, or in parquet files, with a labels.csv or without."""

from contextlib import ExitStack

from ignm.data.labels import LabelTable
from ignm.data.sources.files import Files
from ignm.data.sources.labels_csv import label_names, read_labels_csv
from ignm.data.sources.parquet import has_image_column, open_parquet, parquet_names
from ignm.data.sources.source import Source, image_names, is_image, no_labels, top_folder
from ignm.errors import IgnmError


def open_plain(files: Files, _: ExitStack) -> Source:
    """Open the images among these files, or the parquet files where there are no images."""
    tables = parquet_names(files)
    if not tables:
        return open_images(files)
    if not any(is_image(name) for name in files.names):
        return open_parquet(files, tables)
    # A parquet file beside images may be their metadata; an image beside parquet files may be their picture.
    if has_image_column(files, tables[0]):
        raise IgnmError(
            f"{files.where} holds images both as files and in parquet files ({tables[0]}). Give the folder of either."
        )
    return open_images(files)


def open_images(files: Files) -> Source:
    """Open the image files, with labels.csv if there is one; raise IgnmError if there is no image."""
    names = image_names(files.names, files.where)
    top = top_folder(names)
    there = set(files.names)
    tables = [name for name in label_names(top) if name in there]

    def labels() -> LabelTable | None:
        return read_labels_csv(files.table(tables[0]), files.title, names, top)

    return Source(
        title=files.title,
        names=names,
        read=lambda index: files.read(names[index]),
        top=top,
        labels=labels if tables else no_labels,
        identity=files.identity,
    )
