"""Faces that IGNM draws, other people than those of the embedded dataset."""

from ignm.config.data import SyntheticConfig
from ignm.data.cache import Dataset
from ignm.data.faces import VERSION as DRAWING
from ignm.data.faces import draw_faces
from ignm.synthetic.colours import from_bytes, to_bytes, with_channels
from ignm.synthetic.draws import Purpose, seed_for
from ignm.synthetic.recipe import Block, Recipe, block_of, without_source

VERSION = 1


def drawn(config: SyntheticConfig, dataset: Dataset) -> Recipe:
    """Draw faces as large as the dataset's images, in grey (ITU-R 601 luma) where those are."""
    resolution, channels = dataset.resolution, dataset.channels
    seed, size = seed_for(config.seed, Purpose.FACES), block_of(dataset.resolution)

    def make(block: int) -> Block:
        faces = draw_faces(size, resolution, seed=seed, start=block * size).images
        return without_source(faces if channels == 3 else to_bytes(with_channels(from_bytes(faces), channels)))

    identity = {
        "version": VERSION,
        "drawing": DRAWING,
        "resolution": resolution,
        "channels": channels,
        "seed": config.seed,
    }
    return Recipe(identity, size, make)
