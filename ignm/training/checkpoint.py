"""Checkpoints: safetensors for weights, a weights-only state beside them, whole or absent, verified when read.

A trial keeps its two newest ones, each in a directory named by the images it had seen:
`checkpoint.json` (config, seed, measurements, SHA-256 of the other files), `networks.safetensors`,
`generator_ema.safetensors` and `state.pt`.
"""

import hashlib
import io
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from ignm.config import Config, validated
from ignm.errors import IgnmError
from ignm.files import atomic_directory, digest_of, write_json
from ignm.models.generator import Generator
from ignm.models.networks import build_generator
from ignm.models.shape import DataShape
from ignm.training.filenames import AVERAGE, NETWORKS, STATE
from ignm.training.measurement import Measurement, as_measurement
from ignm.training.trainer import Trainer, check_finite

FORMAT = 5
KEPT = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint found intact on disk."""

    path: Path
    config: Config
    seed: int
    shape: DataShape
    data_fingerprint: str
    images_seen: int
    measurements: list[Measurement]


def save_checkpoint(
    trainer: Trainer,
    measurements: list[Measurement],
    fingerprint: str,
    trial: Path,
    check: Callable[[], None] = lambda: None,
) -> Path:
    """Write a checkpoint under `trial` and remove those older than the last two.

    `check` is called when all is written and nothing is in place yet. Raises DivergedError, and writes nothing, where a
    number in it is not finite; OSError, and leaves nothing, where the disk is full or away.
    """
    check_finite(trainer)
    files = _contents(trainer)
    description = {
        "format": FORMAT,
        "config": trainer.config.model_dump(mode="json"),
        "seed": trainer.seed,
        "shape": asdict(trainer.shape),
        "data_fingerprint": fingerprint,
        "images_seen": trainer.images_seen,
        "torch": str(torch.__version__),
        "measurements": [asdict(each) for each in measurements],
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
    target = trial / f"checkpoint-{trainer.images_seen:010d}"
    with atomic_directory(target) as directory:
        for name, content in files.items():
            (directory / name).write_bytes(content)
        write_json(directory / "checkpoint.json", description)
        check()
    keep_newest(trial, KEPT)
    return target


def _contents(trainer: Trainer) -> dict[str, bytes]:
    # As bytes first: torch's and safetensors' own writers make other errors of a full disk.
    weights = {
        f"{name}.{key}": value.contiguous()
        for name, network in trainer.networks().items()
        for key, value in network.state_dict().items()
        if name != "generator_ema"
    }
    state = io.BytesIO()
    torch.save(trainer.state(), state)
    return {
        NETWORKS: safetensors.torch.save(weights),
        AVERAGE: generator_bytes(trainer.average.state_dict()),
        STATE: state.getvalue(),
    }


def keep_newest(trial: Path, count: int) -> None:
    """Remove all checkpoints of a trial but the newest ones."""
    for old in _candidates(trial)[count:]:
        shutil.rmtree(old, ignore_errors=True)


def generator_bytes(weights: dict[str, Tensor]) -> bytes:
    """A generator's weights as safetensors."""
    content: bytes = safetensors.torch.save({key: value.contiguous() for key, value in weights.items()})
    return content


def latest_checkpoint(trial: Path) -> Checkpoint | None:
    """Return the newest intact checkpoint of a trial; a damaged one is logged and passed over.

    OSError where the storage cannot be read: what is on it may well be intact.
    """
    for path in _candidates(trial):
        try:
            return _opened(path)
        except IgnmError as error:
            _log.warning("%s; falling back to the one before", error)
    return None


def discard_newer(trial: Path, found: Checkpoint | None) -> int:
    """Remove the checkpoints that were passed over for `found`, None being none at all; returns how many."""
    newer = [path for path in _candidates(trial) if found is None or path.name > found.path.name]
    for path in newer:
        shutil.rmtree(path, ignore_errors=True)
    return len(newer)


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint, or the newest one in a trial's directory; raise IgnmError where there is no intact one."""
    try:
        if (path / "checkpoint.json").exists():
            return _opened(path)
        inner = latest_checkpoint(path) if path.is_dir() else None
    except OSError as error:
        raise IgnmError(f"{path}: cannot be read: {error}") from None
    if inner is None:
        raise IgnmError(
            f"{path}: no checkpoint here; expected a directory with checkpoint.json, or a trial's directory"
        )
    return inner


def _opened(path: Path) -> Checkpoint:
    """Read a checkpoint; IgnmError where it is damaged, OSError where it cannot be read."""
    try:
        description = json.loads((path / "checkpoint.json").read_text(encoding="utf-8"))
        for name, digest in description["sha256"].items():
            if digest_of(path / name) != digest:
                raise IgnmError(f"{path / name}: damaged (its SHA-256 is not the one written down)")
        if description["format"] != FORMAT:
            raise IgnmError(f"{path}: checkpoint format {description['format']}, this version reads {FORMAT}")
        return Checkpoint(
            path=path,
            config=validated(Config, description["config"], str(path)),
            seed=description["seed"],
            shape=read_shape(description["shape"]),
            data_fingerprint=description["data_fingerprint"],
            images_seen=description["images_seen"],
            measurements=[as_measurement(each) for each in description["measurements"]],
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError) as error:
        raise IgnmError(f"{path}: damaged checkpoint: {error}") from None


def restore(trainer: Trainer, checkpoint: Checkpoint, fingerprint: str) -> None:
    """Put a trainer in the checkpoint's state; raise IgnmError if it was made with another config, seed or dataset."""
    if checkpoint.data_fingerprint != fingerprint:
        raise IgnmError(
            f"{checkpoint.path}: trained on images with the fingerprint {checkpoint.data_fingerprint}, and "
            f"{trainer.config.data.name} now has {fingerprint}; use another output directory"
        )
    if checkpoint.config != trainer.config or checkpoint.seed != trainer.seed:
        raise IgnmError(
            f"{checkpoint.path}: made with config {checkpoint.config.config_id} and seed {checkpoint.seed}, not with "
            f"{trainer.config.config_id} and {trainer.seed}; use another output directory"
        )
    weights = safetensors.torch.load_file(checkpoint.path / NETWORKS, device=str(trainer.device))
    average = safetensors.torch.load_file(checkpoint.path / AVERAGE, device=str(trainer.device))
    for name in ("generator", "discriminator"):
        own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
        trainer.networks()[name].load_state_dict(own)
    trainer.average.load_state_dict(average)
    state: dict[str, Any] = torch.load(checkpoint.path / STATE, map_location=trainer.device, weights_only=True)
    trainer.load_state(state)


def load_generator(checkpoint: Checkpoint, device: torch.device) -> Generator:
    """Return the averaged generator of a checkpoint, in eval mode."""
    return load_generator_file(checkpoint.path / AVERAGE, checkpoint.config, checkpoint.shape, device)


def load_generator_file(path: Path, config: Config, shape: DataShape, device: torch.device) -> Generator:
    """Return a generator from a safetensors file, in eval mode."""
    generator = build_generator(config, shape, seed=0).to(device)
    generator.load_state_dict(safetensors.torch.load_file(path, device=str(device)))
    return generator.eval().requires_grad_(False)


def read_shape(written: dict[str, Any]) -> DataShape:
    """Return a DataShape as it was written to JSON; KeyError or TypeError where it is not one."""
    return DataShape(int(written["channels"]), tuple(map(int, written["classes"])), int(written["continuous"]))


def _candidates(trial: Path) -> list[Path]:
    return sorted(trial.glob("checkpoint-*"), reverse=True)
