"""What the device at hand can do."""

from contextlib import AbstractContextManager

import torch


def default_device() -> torch.device:
    """The first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def multiplies_bf16(device: torch.device) -> bool:
    """Whether bf16 matrix products are faster than fp32 ones there, because the hardware has them."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn `auto` into `bf16` or `fp32` for a device; leaves the others as they are."""
    if precision != "auto":
        return precision
    return "bf16" if multiplies_bf16(device) else "fp32"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The autocast context of a resolved precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def fits(size: int, device: torch.device) -> bool:
    """Whether `size` bytes of images may live on a GPU for good: at most half of what is free; never on a CPU."""
    return device.type == "cuda" and size <= torch.cuda.mem_get_info(device)[0] // 2


def describe(device: torch.device) -> str:
    """Name the device for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} thread(s), {torch.backends.cpu.get_cpu_capability()}"
