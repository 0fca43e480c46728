"""Starting from trained networks: what a checkpoint holds is copied as far as it fits (Wang et al. 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from ignm.errors import IgnmError
from ignm.files import expanded
from ignm.training import filenames

NETWORKS = {
    "both": ("generator", "discriminator"),
    "generator": ("generator",),
    "discriminator": ("discriminator",),
}
"""Networks by the values of `init.networks`."""
CARRIED = ("running_mean", "running_var", "mixing_weight")
"""Buffers that belong to what was learnt; all others count steps, hold random draws, or follow from the weights."""
ORIGINAL, LEFT, RIGHT = (f"parametrizations.weight.{name}" for name in ("original", "0._u", "0._v"))


@dataclass(frozen=True)
class Copied:
    """How much of a network another one gave it, in numbers of parameters (buffers are not counted)."""

    copied: int
    total: int
    fresh: tuple[str, ...]
    """Parameters that nothing was copied to, named as without spectral normalisation."""

    @property
    def share(self) -> float:
        """Share of the parameters that were copied, 0 to 1."""
        return self.copied / self.total if self.total else 0.0


@torch.no_grad()
def transfer(network: nn.Module, source: Mapping[str, Tensor]) -> Copied:
    """Copy from another network's state dict what fits: its parameters, and its batch normalisations' statistics.

    Tensors fit by name, number of dimensions, and the sizes after the second one (a convolution's kernel). Where
    channel numbers differ, the leading slice that both have is copied: a wider network starts with the narrower one in
    its first channels, and an image of one channel takes the first of three. What comes in an order of its own behind
    the channels (a pyramid's finer grids, labels behind the latent) is copied by position alone.

    Spectral normalisation is seen through. A source that has it gives weight / sigma to a network that has not. A
    network that has it takes the weights as they are; its estimate of sigma comes along where the whole tensor does,
    and is computed anew where not. Nothing is shared with `source`; the network keeps its dtypes and devices.
    """
    plain, singular = _without_spectral_norm(source)
    whole: set[str] = set()
    fresh: list[str] = []
    copied = total = 0
    for name, target in network.named_parameters():
        key, normalised = _seen_through(name)
        given = plain.get(key)
        total += target.numel()
        if given is None or not _fits(target, given):
            fresh.append(key)
            continue
        if key in singular and not normalised:
            given = given / _sigma(given, *singular[key], _is_transposed(network, key))
        copied += _copy_common(target, given)
        if target.shape == given.shape:
            whole.add(key)
    for name, buffer in network.named_buffers():
        given = plain.get(name)
        if name.endswith(CARRIED) and given is not None and _fits(buffer, given):
            _copy_common(buffer, given)
    for name, layer in network.named_modules():
        if is_parametrized(layer, "weight"):
            key = f"{name}.weight".lstrip(".")
            _estimate(layer, singular.get(key) if key in whole else None)
    return Copied(copied, total, tuple(fresh))


def load_initial(
    checkpoint_path: str, networks: Literal["both", "generator", "discriminator"]
) -> dict[str, dict[str, Tensor]]:
    """Return the state dicts to begin with by network name, on the CPU.

    `checkpoint_path` is a checkpoint, a trial's folder (its newest checkpoint) or a study's best/, which holds a
    generator alone. "generator" is the averaged one wherever it was kept: it is the better one (Yazici et al. 2019),
    and the one that was measured. Raises IgnmError, beginning with `init.checkpoint`, where there is no intact one.
    """
    path = expanded(checkpoint_path, "init.checkpoint")
    wanted = NETWORKS[networks]
    if (path / filenames.WEIGHTS).is_file():
        if "discriminator" in wanted:
            raise IgnmError(
                f"init.checkpoint: {path}: holds a generator alone, and init.networks {networks} takes the "
                "discriminator too; set init.networks to generator, or init.checkpoint to a trial's folder"
            )
        return {"generator": _read(path / filenames.WEIGHTS)}
    directory = _open(path)
    averaged = directory / filenames.AVERAGE
    both = directory / filenames.NETWORKS
    return {
        name: _read(averaged) if name == "generator" and averaged.is_file() else _read(both, f"{name}.")
        for name in wanted
    }


def _open(path: Path) -> Path:
    # Not above: a trainer begins here, and reading checkpoints imports the trainer.
    from ignm.training.checkpoint import open_checkpoint

    if not path.is_dir():
        raise IgnmError(
            f"init.checkpoint: {path}: no checkpoint here; give the path of a checkpoint, a trial's folder or a "
            "study's best/"
        )
    try:
        return open_checkpoint(path).path
    except IgnmError as error:
        raise IgnmError(f"init.checkpoint: {error}") from None


def _read(path: Path, prefix: str = "") -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            weights = {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise IgnmError(f"init.checkpoint: {path}: damaged, or not safetensors: {error}") from None
    if not weights:
        raise IgnmError(f"init.checkpoint: {path}: holds no {prefix.removesuffix('.') or 'weights'}")
    return weights


def _seen_through(name: str) -> tuple[str, bool]:
    """The name that a tensor has without spectral normalisation, and whether it is under it."""
    normalised = name.endswith(ORIGINAL)
    return (f"{name.removesuffix(ORIGINAL)}weight" if normalised else name), normalised


def _without_spectral_norm(
    source: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], dict[str, tuple[Tensor, Tensor]]]:
    """Return tensors by the names they have without it, and the singular vectors (u, v) by the weight's name."""
    plain: dict[str, Tensor] = {}
    singular: dict[str, tuple[Tensor, Tensor]] = {}
    for name, value in source.items():
        key, normalised = _seen_through(name)
        plain[key] = value
        module = name.removesuffix(ORIGINAL)
        u, v = source.get(module + LEFT), source.get(module + RIGHT)
        if normalised and u is not None and v is not None:
            singular[key] = (u, v)
    return plain, singular


def _fits(target: Tensor, given: Tensor) -> bool:
    return target.ndim == given.ndim and target.shape[2:] == given.shape[2:] and given.is_floating_point()


def _copy_common(target: Tensor, given: Tensor) -> int:
    """Copy the leading slice that both have; returns its number of elements."""
    common = tuple(slice(min(ours, theirs)) for ours, theirs in zip(target.shape, given.shape, strict=True))
    target[common].copy_(given[common])
    return target[common].numel()


def _is_transposed(network: nn.Module, weight: str) -> bool:
    return isinstance(network.get_submodule(weight.rpartition(".")[0]), nn.ConvTranspose2d)


def _matrix(weight: Tensor, transposed: bool) -> Tensor:
    """The matrix that torch's spectral norm is of: output channels (2nd in transposed convolutions) x the rest."""
    return weight.transpose(0, 1).flatten(1) if transposed else weight.flatten(1)


def _sigma(weight: Tensor, u: Tensor, v: Tensor, transposed: bool) -> Tensor:
    return torch.vdot(u, torch.mv(_matrix(weight, transposed), v))


def _estimate(module: nn.Module, singular: tuple[Tensor, Tensor] | None) -> None:
    """Put a module's first singular vectors right: as given, else exactly those of its weights."""
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    u, v = own[LEFT], own[RIGHT]
    if singular is not None:
        u.copy_(singular[0])
        v.copy_(singular[1])
        return
    matrix = _matrix(own[ORIGINAL], isinstance(module, nn.ConvTranspose2d)).double()
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    first = torch.linalg.eigh(wide @ wide.T).eigenvectors[:, -1]
    second = F.normalize(torch.mv(wide.T, first), dim=0)
    left, right = (first, second) if wide is matrix else (second, first)
    u.copy_(left)
    v.copy_(right)
