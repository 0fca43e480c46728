"""What a study keeps of its winner, in best/: the generator and the config that it was trained by."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError

from ignm.config import Config, load_config
from ignm.errors import IgnmError
from ignm.files import read_json
from ignm.models.generator import Generator
from ignm.models.shape import DataShape
from ignm.training.checkpoint import load_generator_file, read_shape
from ignm.training.filenames import CONFIG, EVIDENCE, WEIGHTS
from ignm.words import first_line


@dataclass(frozen=True)
class Kept:
    """A winner's generator, not loaded yet."""

    folder: Path
    config: Config
    shape: DataShape

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        return self.folder / WEIGHTS

    def load(self, device: torch.device) -> Generator:
        """Return the generator in eval mode; raises IgnmError where the weights are damaged, or another config's."""
        try:
            return load_generator_file(self.weights, self.config, self.shape, device)
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = first_line(error).rstrip(":")
            raise IgnmError(f"{self.weights}: damaged, or not of {self.folder / CONFIG}: {reason}") from None


def read_kept(folder: Path) -> Kept | None:
    """Read what a study keeps in `folder`; None where it is no such folder, IgnmError where a file is damaged."""
    if not (folder / WEIGHTS).is_file():
        return None
    try:
        shape = read_shape(read_json(folder / EVIDENCE, "shape")["shape"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IgnmError(f"{folder / EVIDENCE}: damaged: {error}") from None
    return Kept(folder, load_config(folder / CONFIG), shape)
