"""Proof, on any device, that the host does not wait for it."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

READS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal.")
"""By which the host learns a value."""
COPIES = ("lift_fresh",)
"""By which a tensor made of the host's values begins."""


class ReadBackError(AssertionError):
    """A value was read back, or a tensor made on the host."""


class NoWaiting(TorchDispatchMode):
    """While it is entered, learning a tensor's value on the host is an error, and so is making one there, if asked."""

    def __init__(self, copies: bool = True) -> None:
        super().__init__()
        self._refused = READS + COPIES if copies else READS

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(function)
        if any(f"aten.{word}" in name for word in self._refused):
            raise ReadBackError(name)
        return function(*args, **(kwargs or {}))
