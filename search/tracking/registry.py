"""Trackers by the field of `tracking` that asks for them."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ignm.errors import IgnmError
from search.study.folder import StudyFolder
from search.study.sections import Tracking
from search.tracking.tracker import Tracker


@dataclass(frozen=True)
class _Kind:
    """A tracker that may be asked for; its package is imported only then."""

    package: str
    """What it needs; the extra of ignm that brings it has the field's name."""
    module: str
    maker: str


TRACKERS = {
    "tensorboard": _Kind("tensorboard", "search.tracking.tensorboard", "TensorBoard"),
    "mlflow": _Kind("mlflow", "search.tracking.mlflow", "Mlflow"),
    "wandb": _Kind("wandb", "search.tracking.wandb", "Wandb"),
}


def check_trackers(tracking: Tracking) -> None:
    """Raise IgnmError where a tracker that is asked for lacks its package."""
    for name, kind in _asked(tracking).items():
        if find_spec(kind.package) is None:
            raise IgnmError(
                f"tracking.{name}: the package {kind.package} is not installed here; "
                f"pip install 'ignm[{name}]', or leave tracking.{name} out"
            )


def open_trackers(tracking: Tracking, folder: StudyFolder) -> dict[str, Tracker]:
    """The trackers that a study asks for, by name; raise IgnmError where one lacks its package, or cannot begin."""
    check_trackers(tracking)
    made: dict[str, Tracker] = {}
    for name, kind in _asked(tracking).items():
        maker: Callable[[StudyFolder, Any], Tracker] = getattr(import_module(kind.module), kind.maker)
        made[name] = maker(folder, getattr(tracking, name))
    return made


def _asked(tracking: Tracking) -> dict[str, _Kind]:
    return {name: kind for name, kind in TRACKERS.items() if getattr(tracking, name)}
