"""What an ablation will cost, design by design, before it starts."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from scipy.optimize import nnls

from ignm.config import Config
from ignm.data.cache import Dataset
from ignm.losses.penalties import PENALTIES
from ignm.models.description import describe_config
from ignm.models.shape import DataShape, shape_of
from search.designs.beforehand import foreseen_designs
from search.designs.design import Arm, Design, Terms
from search.designs.known import read_known
from search.designs.plan import FIRST_REPORT_SEED, asked_kimg
from search.designs.terms import ablate_of
from search.fixed_costs import CROWDED
from search.study.folder import Status, StudyFolder
from search.study.question import Question
from search.study.spending import read_held
from search.timing import tried_speed


@dataclass(frozen=True)
class DesignCost:
    """A design; what it shares with those before it costs nothing again."""

    title: str
    arms: int
    shared: int
    """Arms that a design before it has too."""
    runs: int
    """Of its own arms, on the first seeds, those left that have not ended."""
    runs_most: int
    """With every seed that may be added."""
    seconds: float
    """Slots' time for `runs`."""
    seconds_most: float


@dataclass(frozen=True)
class AblationCost:
    """An ablation before it is run."""

    kimg: float
    seeds: int
    most_seeds: int
    datasets: int
    certain: bool
    """Whether the arms are known; else the winner that is to come was stood in for."""
    ended: int
    """Runs that have ended already."""
    designs: tuple[DesignCost, ...]

    @property
    def arms(self) -> int:
        """Different configurations, each dataset's counted."""
        return sum(each.arms - each.shared for each in self.designs)

    @property
    def runs(self) -> int:
        """Still to be run, without seeds that may be added."""
        return sum(each.runs for each in self.designs)

    @property
    def runs_most(self) -> int:
        """Still to be run, at most."""
        return sum(each.runs_most for each in self.designs)

    @property
    def seconds(self) -> float:
        """Slots' time for `runs`."""
        return sum(each.seconds for each in self.designs)

    @property
    def seconds_most(self) -> float:
        """Slots' time for `runs_most`."""
        return sum(each.seconds_most for each in self.designs)


def cost_of_ablation(
    question: Question, folder: StudyFolder, datasets: Mapping[str, Dataset], console: Console
) -> AblationCost:
    """Count an ablation's runs and their time: by its runs so far, and by short tries of baselines and improved model.

    Other arms' times follow from what they compute and how many steps they take. Raises IgnmError where an arm cannot
    be trained.
    """
    asked, kimg = ablate_of(question), asked_kimg(question)
    terms, designs, certain = foreseen_designs(question, folder)
    speeds = _Speeds.of(question, folder, terms, datasets, kimg, console)
    ended = read_known(folder, ()).qualities
    first = question.seed + FIRST_REPORT_SEED
    compared = {arm.config.config_id for design in designs for each in design.contrasts for arm in each.arms}
    seen: set[str] = set()
    costs = []
    for design in designs:
        arms = {arm.config.config_id: arm for arm in design.every_arm()}
        cost = DesignCost(title_of(design), len(arms), len(arms.keys() & seen), 0, 0, 0.0, 0.0)
        for config_id, arm in arms.items():
            if config_id not in seen:
                most = asked.most_seeds if config_id in compared else asked.seeds
                done = ended.get(config_id, {})
                runs = [sum(first + seed not in done for seed in range(count)) for count in (asked.seeds, most)]
                cost = _with(cost, runs[0], runs[1], kimg * speeds.seconds_per_kimg(arm))
        seen |= arms.keys()
        costs.append(cost)
    return AblationCost(
        kimg, asked.seeds, asked.most_seeds, len(terms), certain, sum(map(len, ended.values())), tuple(costs)
    )


def title_of(design: Design) -> str:
    """What a design is called in a line."""
    facts = design.facts
    what = f"sweep of {facts['path']}" if "path" in facts else str(facts["design"]).replace("_", " ")
    start = f" from {facts['baseline']}" if "baseline" in facts else ""
    return f"{what}{start} on {facts['dataset']}"


def _with(cost: DesignCost, runs: int, runs_most: int, seconds: float) -> DesignCost:
    return replace(
        cost,
        runs=cost.runs + runs,
        runs_most=cost.runs_most + runs_most,
        seconds=cost.seconds + runs * seconds,
        seconds_most=cost.seconds_most + runs_most * seconds,
    )


@dataclass(frozen=True)
class _Speeds:
    """Seconds per kimg of arms: measured, or a sum of what multiply-adds and what steps cost."""

    measured: Mapping[str, float]
    """By config_id."""
    shapes: Mapping[str, DataShape]
    """By dataset."""
    costs: tuple[float, float]
    """Seconds for a unit of each of `work`."""

    @classmethod
    def of(
        cls,
        question: Question,
        folder: StudyFolder,
        terms: Sequence[Terms],
        datasets: Mapping[str, Dataset],
        kimg: float,
        console: Console,
    ) -> "_Speeds":
        measured = _measured(folder)
        shapes = {name: shape_of(question.base(), dataset) for name, dataset in datasets.items()}
        here = terms[0]
        points = []
        for model in (*here.baselines, here.improved):
            known = measured.get(model.config.config_id)
            if known is None:
                with console.status(f"timing {model.name}"):
                    speed = tried_speed(model.config, question, datasets[here.dataset])
                known = CROWDED * speed.trial(kimg, len(question.budget.measure_at(kimg))) / kimg
            points.append((work(model.config, shapes[here.dataset]), known))
        rows = np.array([computed for computed, _ in points])
        # In units of the first, so that neither kind of work is lost to the other by its size.
        scale = rows[0]
        solved, _ = nnls(rows / scale, np.array([seconds for _, seconds in points]))
        return cls(measured, shapes, (float(solved[0] / scale[0]), float(solved[1] / scale[1])))

    def seconds_per_kimg(self, arm: Arm) -> float:
        known = self.measured.get(arm.config.config_id)
        if known is not None:
            return known
        return sum(
            cost * amount for cost, amount in zip(self.costs, work(arm.config, self.shapes[arm.dataset]), strict=True)
        )


def work(config: Config, shape: DataShape) -> tuple[float, float]:
    """Return multiply-adds for an image shown, roughly, and network updates for a kimg."""
    nets = describe_config(config, shape)
    generator, discriminator = (nets[name].multiply_adds for name in ("generator", "discriminator"))
    every = 1 / config.optim.n_critic
    # A backward pass costs about two forward ones; a penalty's is differentiated once more.
    adds = generator + 6 * discriminator + 3 * every * (generator + discriminator)
    penalty = PENALTIES.get(str(config.loss.penalty))
    if penalty is not None:
        adds += 6 * penalty.batches * discriminator / config.loss.interval
    return adds, (1 + every) * 1000 / config.optim.batch


def _measured(folder: StudyFolder) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for trial in folder.all_trials("ablate"):
        if trial.status() is Status.COMPLETED:
            last = trial.measurements()[-1]
            held = read_held(trial.path).seconds or float(last["seconds"])
            found.setdefault(trial.label()["config_id"], []).append(held / float(last["kimg"]))
    return {config_id: statistics.median(values) for config_id, values in found.items()}
