"""FID's own extractor: Inception-v3 as clean-fid runs it, from a file whose hash is checked."""

import os
import shutil
import stat
import urllib.request
import warnings
from contextlib import suppress
from pathlib import Path

import torch
import torch.nn.functional as F
from filelock import FileLock
from torch import Tensor

from ignm.data.cache import ignm_home
from ignm.errors import IgnmError
from ignm.files import atomic_file, digest_of
from ignm.metrics.extractors.base import Extractor

FILE = "inception-2015-12-05.pt"
URL = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{FILE}"
SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
SIDE = 299
TIMEOUT_SECONDS = 30


class Inception(Extractor):
    """The 2048 pooled features of TorchScript Inception-v3 after clean-fid's resize.

    Source: Heusel et al. 2017; Parmar et al. 2022, "On aliased resizing and surprising subtleties in GAN evaluation".
    """

    name = "inception"
    metric = "fid"
    dim = 2048
    resize = "bicubic antialiased 299"

    def __init__(self, weights: Path) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the network exists only as TorchScript
            self.layers = torch.jit.load(str(weights), map_location="cpu").layers
        self.requires_grad_(False)
        self.eval()

    def features(self, images: Tensor) -> Tensor:
        """Features (N, 2048) of uint8 images (N, C, H, W)."""
        resized = clean_resize(images.expand(-1, 3, -1, -1), SIDE)
        return self.layers((resized - 128) / 128).flatten(1)


def clean_resize(images: Tensor, side: int) -> Tensor:
    """Resize (N, C, H, W), 0..255, to float (N, C, side, side) as PIL's bicubic does; within 0.004 of it."""
    resized = F.interpolate(images.float(), (side, side), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 255)


def build_inception() -> Inception:
    """Inception from weights that are there already, else from a download; IgnmError says what to do if both fail."""
    return Inception(find_weights() or _download(_home_weights()))


def find_weights() -> Path | None:
    """Path of weights already on this machine, hash checked; None if there are none.

    Raises IgnmError if the file is named and missing, may not be read, or is another one.
    """
    named = os.environ.get("IGNM_INCEPTION")
    path = _home_weights() if not named else Path(named)
    with suppress(RuntimeError):  # ~name of nobody: then it is no file
        path = path.expanduser()
    if not _is_file(path):
        if named:
            raise IgnmError(f"IGNM_INCEPTION names {path}, which is no file; set it to a copy of {FILE} or unset it")
        return None
    return _checked(path, named_as=path)


def _home_weights() -> Path:
    return ignm_home() / "weights" / FILE


def _is_file(path: Path) -> bool:
    # Not Path.is_file: "may not be looked at" must not read as "absent", which would quietly be another metric.
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> IgnmError:
    return IgnmError(
        f"the Inception weights {path} cannot be read: {error.strerror or error}; check the permissions, or set "
        f"IGNM_HOME to another folder, or IGNM_INCEPTION to a copy of {FILE}"
    )


def _checked(path: Path, named_as: object) -> Path:
    try:
        found = digest_of(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    if found != SHA256:
        raise IgnmError(
            f"{named_as} is not the Inception network of clean-fid: its SHA-256 is {found}, it must be {SHA256}; "
            f"replace it by {FILE} from {URL}"
        )
    return path


def _download(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Several trials start at once: one downloads, the others wait and find the file.
        with FileLock(f"{path}.lock"):
            if not path.is_file():
                with atomic_file(path) as temporary:
                    _fetch(temporary)
                    _checked(temporary, named_as=URL)
    except OSError as error:
        raise IgnmError(
            f"metric 'fid' needs the Inception weights, and they cannot be downloaded from {URL} to {path} ({error}); "
            f"copy {FILE} there by hand, or set IGNM_INCEPTION to its path, or use the extractor 'scatter', "
            "which needs no weights"
        ) from error
    return _checked(path, named_as=path)


def _fetch(target: Path) -> None:
    with urllib.request.urlopen(URL, timeout=TIMEOUT_SECONDS) as response, target.open("wb") as file:
        shutil.copyfileobj(response, file)
