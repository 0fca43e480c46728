"""Sections of a study's question: what it may spend, how it suggests, confirms and ablates, what a trial takes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ignm.config import config_paths, nearest, preset_names
from ignm.config.data import Resolution, parse_dataset
from ignm.config.section import Section
from ignm.errors import IgnmError
from spaces.designs import DesignName
from spaces.strategies import DATASET_PATHS

SHORTEST = 0.01
"""kimg; below it a rung would be less than a batch."""

Kimg = Annotated[float, Field(ge=SHORTEST, le=1e6)]
Minutes = Annotated[float, Field(gt=0.0, le=1e6)]
Objective = Literal["quality", "cost", "diversity"]
"""`quality` and `cost` (seconds of training) are the better the lower, `diversity` the higher."""


class DataQuestion(Section):
    """The dataset that every trial trains on."""

    name: str
    """A dataset, as `ignm data list` names it."""
    resolution: Resolution
    """Side of the square images, in pixels."""


class Budget(Section):
    """What the search may spend."""

    trials: Annotated[int, Field(ge=1, le=100_000)]
    """Of the search, those that are stopped early counted."""
    kimg: Kimg
    """Of a trial that is not stopped early."""
    first_rung: Kimg | None = None
    """kimg at which a trial can first be stopped; null: an eighth of `kimg`."""
    reduction: Annotated[int, Field(ge=2, le=16)] = 2
    """Each rung is this many times the last one, and lets the best 1 in this many pass (Li et al. 2020)."""
    minutes: Minutes | None = None
    """Wall-clock limit of the search: then no trial is begun, and running ones stop at their next measurement."""
    gpu_hours: Annotated[float, Field(gt=0.0)] | None = None
    """As `minutes`, by the GPU-hours (without GPUs: CPU-hours) that the search's trials have held."""
    money: Annotated[float, Field(gt=0.0)] | None = None
    """As `gpu_hours`, at `resources.price`."""
    finalists: Annotated[int, Field(ge=0, le=50)] = 0
    """At the search's end the best stopped trials go on from their checkpoints until so many have come to `kimg`."""

    @model_validator(mode="after")
    def _rung_within(self) -> "Budget":
        if self.first_rung is not None and self.first_rung > self.kimg:
            raise ValueError(f"first_rung must not be above kimg ({self.kimg:g}), not {self.first_rung:g}")
        return self

    @property
    def grace(self) -> float:
        """kimg of the first rung."""
        return self.first_rung if self.first_rung is not None else max(SHORTEST, self.kimg / 8)

    def rungs(self) -> list[float]:
        """kimg of the rungs below the full budget, rising."""
        rungs, rung = [], self.grace
        while rung < self.kimg:
            rungs.append(rung)
            rung *= self.reduction
        return rungs

    def measure_at(self, kimg: float) -> tuple[float, ...]:
        """kimg at which a trial with a budget of `kimg` is measured: the rungs, and eighths of the budget."""
        points = {round(point, 6) for point in (*self.rungs(), *(kimg * part / 8 for part in range(2, 9)))}
        return (*sorted(point for point in points if point < kimg), kimg)


class Confirm(Section):
    """How the search's best configurations are judged: again, on seeds that the search has not seen."""

    top: Annotated[int, Field(ge=1, le=50)] = 2
    """How many of the search's best are run again."""
    seeds: Annotated[int, Field(ge=1, le=50)] = 2
    """Fresh ones, on which each of them is run."""
    kimg: Kimg | None = None
    """Budget of each run; null: the search's."""
    baseline: bool = True
    """Run the preset itself on the same seeds, so that there is something to compare with."""
    minutes: Minutes | None = None
    """Wall-clock time to aim at: the runs' kimg is lowered, for all alike, to what fits at the search's speeds."""


WINNER = "winner"
"""The improved model that the confirm stage has found."""


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("each may be named once")
    return values


def _dataset(text: str) -> str:
    try:
        parse_dataset(text)
    except IgnmError as error:
        raise ValueError(str(error)) from None
    return text


def _preset_or_file(name: str) -> str:
    if name not in preset_names() and not name.endswith((".yaml", ".yml")):
        raise ValueError(
            f"'{name}' is neither a preset ({', '.join(preset_names())}) nor a config's .yaml file"
            f"{nearest(name, preset_names())}"
        )
    return name


def _improved(name: str) -> str:
    return name if name == WINNER else _preset_or_file(name)


def _path_to_sweep(path: str) -> str:
    paths = [path for path in config_paths() if path not in DATASET_PATHS]
    if path not in paths:
        raise ValueError(f"'{path}': the config has no such path to vary{nearest(path, paths)}")
    return path


_Names = Annotated[tuple[Annotated[str, AfterValidator(_preset_or_file)], ...], Field(min_length=1)]


class Ablate(Section):
    """What is run to tell which of the changes from a baseline to the improved model mattered."""

    designs: Annotated[tuple[DesignName, ...], Field(min_length=1), AfterValidator(_each_once)] = (
        "baselines",
        "factorial",
        "leave_one_out",
    )
    """What is compared with what (docs/ablation.md)."""
    improved: Annotated[str, AfterValidator(_improved)] = WINNER
    """`winner`: what `best/` holds after the confirm stage; or a preset, or a config's .yaml file."""
    baselines: Annotated[_Names, AfterValidator(_each_once)] | None = None
    """Presets and config files that the improved model is compared with; null: the study's own preset."""
    starts: Annotated[_Names, AfterValidator(_each_once)] | None = None
    """Those of the baselines that designs by strategy and by axis start from; null: the first."""
    datasets: (
        Annotated[
            tuple[Annotated[str, AfterValidator(_dataset)], ...],
            Field(min_length=1),
            AfterValidator(_each_once),
        ]
        | None
    ) = None
    """NAME@RESOLUTION; every arm is run on each. null: the study's own dataset."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """Every arm is run on so many fresh seeds, the same for all arms."""
    most_seeds: Annotated[int, Field(ge=1, le=100)] = 10
    """Seeds are added, up to so many, where a comparison is still open."""
    kimg: Kimg | None = None
    """Budget of each run; null: that of the confirm runs."""
    smallest_effect: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    """The smallest improvement worth having, as a share of the quality without it; said before anything is run."""
    sweep: Annotated[tuple[Annotated[str, AfterValidator(_path_to_sweep)], ...], AfterValidator(_each_once)] | None = (
        None
    )
    """Paths of the config that `sweeps` goes through; null: activation, loss, augmentation strength, weights."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Ablate":
        if self.most_seeds < self.seeds:
            raise ValueError(f"most_seeds must not be below seeds ({self.seeds}), not {self.most_seeds}")
        strangers = [name for name in self.starts or () if self.baselines is not None and name not in self.baselines]
        if strangers or (self.starts is not None and self.baselines is None):
            raise ValueError(f"starts: {', '.join(strangers or self.starts or ())} must be among baselines too")
        return self


class Resources(Section):
    """What one trial takes of the cluster."""

    cpus: Annotated[int, Field(ge=1, le=1024)] = 1
    """Of a trial, which is also its number of threads."""
    gpus: Annotated[float, Field(ge=0.0, le=64.0)] | None = None
    """null: one if the cluster has any, else none."""
    max_failures: Annotated[int, Field(ge=0, le=100)] = 2
    """How often in a row, with no new checkpoint between, a trial whose process dies is taken up again."""
    checkpoint_kimg: Kimg | None = None
    """A checkpoint between measurements every so many kimg; null: at measurements alone, and by the clock."""
    checkpoint_minutes: Minutes | None = 10.0
    """A checkpoint between measurements after so much training since the last; null: none by the clock."""
    price: Annotated[float, Field(ge=0.0)] | None = None
    """Money for an hour of a GPU (without GPUs: of a CPU); null: unknown, and no money is counted."""


class Limits(Section):
    """What a trial must keep to be of use; one that does not is infeasible to the sampler."""

    memory_gib: Annotated[float, Field(gt=0.0)] | None = None
    """Peak memory of training, as estimated before and measured on GPUs."""
    seconds_per_kimg: Annotated[float, Field(gt=0.0)] | None = None
    """As measured while it trains."""


class Suggesting(Section):
    """How the next trial is chosen."""

    sampler: Literal["tpe", "gp", "cmaes", "random", "qmc"] = "tpe"
    """Who suggests the next trial (docs/searching.md)."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)] = ("quality",)
    """What is looked for; several are looked for together. Trials are stopped early where it is `quality` alone."""
    limits: Limits = Limits()
    presets: bool = True
    """Try the four presets first, as far as they lie in the space."""
    warm_start: tuple[str, ...] = ()
    """Folders of earlier studies, whose trials the sampler learns from."""
    storage: Literal["sqlite", "journal"] = "sqlite"
    """How Optuna's study lies on disk."""

    @model_validator(mode="after")
    def _objectives_differ(self) -> "Suggesting":
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError("objectives: each may be named once")
        return self

    @property
    def stops_early(self) -> bool:
        """Whether trials can be stopped at rungs: they are compared there by quality, and only where it is all."""
        return self.objectives == ("quality",)


class Tracking(Section):
    """Where trials are shown beside the study's own folder."""

    tensorboard: bool = False
    """Scalars and samples of each trial, under `tensorboard/` of the study."""
    mlflow: str | None = None
    """Address of an MLflow tracking server, or `sqlite:///FILE`."""
    wandb: str | None = None
    """A project of Weights & Biases."""
