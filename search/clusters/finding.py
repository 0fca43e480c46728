"""What a check found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from search.clusters.cluster_file import ClusterFile


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """The cluster would not come up, not do what is meant, or be open to others."""
    WARNING = "warning"
    """It would work, but cost more or serve less than it could."""
    UNCHECKED = "not checked"
    """What could not be known from here."""


@dataclass(frozen=True)
class Finding:
    """Something about a cluster file that its owner should know."""

    level: Level
    place: str
    """Line and key."""
    problem: str
    """What is wrong, and what is allowed."""
    remedy: str
    """What to do."""

    def __str__(self) -> str:
        place = f" {self.place}:" if self.place else ""
        return f"{self.level}:{place} {self.problem}; {self.remedy}"


Check = Callable[[ClusterFile], Iterator[Finding]]


def error(place: str, problem: str, remedy: str) -> Finding:
    """Return what must be mended."""
    return Finding(Level.ERROR, place, problem, remedy)


def warning(place: str, problem: str, remedy: str) -> Finding:
    """Return what had better be mended."""
    return Finding(Level.WARNING, place, problem, remedy)


def unchecked(place: str, problem: str, remedy: str) -> Finding:
    """Return what could not be checked."""
    return Finding(Level.UNCHECKED, place, problem, remedy)
