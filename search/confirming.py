"""The confirm stage's plan: the search's best, again, on seeds that it has not seen, beside the baseline."""

import math
from dataclasses import dataclass
from typing import Any

from ignm.config import Config, TrialSpec, value_at
from ignm.errors import IgnmError
from ignm.files import read_json, write_json
from search.study.folder import Status, StudyFolder, Trial
from search.study.question import Question
from spaces.axis import Value

# Far from the search's own seed, so that no run of it shares a seed with the confirmation.
FIRST_FRESH_SEED = 1_000

TRAINING_SHARE = 0.85
"""Of a confirm run's time that goes into training; the rest is starting, measuring and keeping checkpoints."""


@dataclass(frozen=True)
class Candidate:
    """A configuration to be confirmed."""

    role: str
    """`candidate` or `baseline`."""
    source: str
    """The search's trial that it comes from, or the preset's name."""
    parameters: dict[str, Value]
    config: Config


def ranked(folder: StudyFolder) -> list[Trial]:
    """The search's measured trials, best first: by the point of the schedule that they came to, then by quality."""
    ended = [
        t for t in folder.all_trials("search") if t.measurements() and t.status() in (Status.COMPLETED, Status.PRUNED)
    ]

    def order(trial: Trial) -> tuple[float, float]:
        last = trial.measurements()[-1]
        return -last["point"], last["quality"]

    return sorted(ended, key=order)


def make_plan(folder: StudyFolder, question: Question, slots: int) -> dict[str, Any]:
    """Decide what is confirmed and write it down; raises IgnmError as `planned` does."""
    plan = planned(folder, question, slots)
    write_json(folder.plan, plan)
    return plan


def planned(folder: StudyFolder, question: Question, slots: int) -> dict[str, Any]:
    """Return what is to be confirmed; a plan made before is kept, and extended by what is new. Nothing is written.

    Raises IgnmError where there is nothing to confirm, or where runs of another length are there already.
    """
    candidates = _candidates(folder, question)
    seeds = [question.seed + FIRST_FRESH_SEED + index for index in range(question.confirm.seeds)]
    asked = question.confirm.kimg or question.budget.kimg
    plan = read_plan(folder) if folder.plan.exists() else {"seeds": [], "candidates": []}
    if plan.setdefault("asked_kimg", asked) != asked:
        raise IgnmError(
            f"confirm.kimg: this study's confirm runs were asked for with {plan['asked_kimg']:g} kimg, now {asked:g}; "
            "runs of different length cannot be compared. Ask for the same, or name the study anew (--set name=...)"
        )
    if "kimg" not in plan:
        plan["kimg"] = _affordable_kimg(folder, question, asked, [c.source for c in candidates], len(seeds), slots)
    known = [Config.model_validate(each["config"]).config_id for each in plan["candidates"]]
    plan["candidates"] += [
        {"role": c.role, "source": c.source, "parameters": c.parameters, "config": c.config.model_dump(mode="json")}
        for c in candidates
        if c.config.config_id not in known
    ]
    plan["seeds"] += [seed for seed in seeds if seed not in plan["seeds"]]
    return plan


def read_plan(folder: StudyFolder) -> dict[str, Any]:
    """Read the plan back."""
    return read_json(folder.plan, "asked_kimg", "kimg", "seeds", "candidates")


def begin_runs(folder: StudyFolder, question: Question, plan: dict[str, Any]) -> list[Trial]:
    """Write down a trial folder for each run of the plan and return them all, seed by seed."""
    runs = []
    for seed in plan["seeds"]:
        for number, each in enumerate(plan["candidates"]):
            config = Config.model_validate(each["config"])
            spec = TrialSpec(
                config=config,
                seed=seed,
                kimg=plan["kimg"],
                measure_at=question.budget.measure_at(plan["kimg"]),
                evaluation=question.evaluation,
            )
            label = {"number": number, **{key: each[key] for key in ("role", "source", "parameters")}}
            runs.append(
                folder.begin_trial(f"confirm-{number:02d}-{config.config_id[:8]}-s{seed}", spec, label, folder.plan)
            )
    return runs


def _candidates(folder: StudyFolder, question: Question) -> list[Candidate]:
    chosen: dict[str, Candidate] = {}
    for trial in ranked(folder):
        config = trial.spec().config
        if len(chosen) < question.confirm.top and config.config_id not in chosen:
            chosen[config.config_id] = Candidate("candidate", trial.name, trial.label()["parameters"], config)
    if not chosen:
        ends = [
            f"{t.name}: {t.status()}{f' ({t.reason()})' if t.reason() else ''}" for t in folder.all_trials("search")
        ]
        raise IgnmError("\n  ".join([f"{folder.path}: nothing to confirm, no trial of the search was measured", *ends]))
    base = question.base()
    if question.confirm.baseline and base.config_id not in chosen:
        parameters = question.load_space().sample(base, lambda axis: value_at(base, axis.path))
        chosen[base.config_id] = Candidate("baseline", question.preset, parameters, base)
    return list(chosen.values())


def _affordable_kimg(
    folder: StudyFolder, question: Question, asked: float, sources: list[str], seeds: int, slots: int
) -> float:
    """kimg of each run: what was asked, or less, for all alike, where the measured speeds are too low for it."""
    if question.confirm.minutes is None:
        return asked
    speeds = {
        t.name: t.measurements()[-1]["images_per_second"] for t in folder.all_trials("search") if t.measurements()
    }
    typical = sum(speeds.values()) / len(speeds)
    slowest = min(speeds.get(source, typical) for source in sources)
    waves = math.ceil(len(sources) * seeds / slots)
    fits = question.confirm.minutes * 60 * TRAINING_SHARE / waves * slowest / 1000
    return min(asked, max(float(math.floor(fits)), question.budget.grace))
