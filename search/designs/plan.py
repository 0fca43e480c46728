"""`ablation.json`: what the ablate stage runs and compares, decided step by step, kept and extended by what is new."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ignm.config import Config, TrialSpec
from ignm.errors import IgnmError
from ignm.files import read_json, write_json
from search.designs.deciding import Decision, decide
from search.designs.design import Arm, Contrast, Design, Model
from search.designs.known import Known, read_known
from search.designs.registry import make_designs
from search.designs.terms import ablate_of, improved_model, terms_of
from search.study.folder import Status, StudyFolder, Trial
from search.study.question import Question
from search.study.sections import Ablate

FIRST_REPORT_SEED = 2_000
"""Beyond the search's own seed and the confirmation's: what chose the winner must not report it."""

Check = Callable[[Arm], None]
"""Raises IgnmError where an arm could not begin."""


def make_plan(
    folder: StudyFolder, question: Question, datasets: Mapping[str, Mapping[str, Any]], check: Check
) -> dict[str, Any]:
    """Decide what is run next and write it down; a plan made before is kept, and extended by what is new.

    First every arm on the first seeds; with these a path finds its next round; then, comparison by comparison, more
    seeds where it is still open. The plan is `complete` when nothing more is to be run. `datasets` says of each dataset
    what must not change. Raises IgnmError where a plan is there that asks for other runs.
    """
    asked, improved = ablate_of(question), improved_model(question, folder)
    plan = read_plan(folder) if folder.ablation.exists() else {"arms": [], "designs": [], "datasets": {}}
    _require_same(plan, folder, question, datasets)
    first = [question.seed + FIRST_REPORT_SEED + index for index in range(asked.seeds)]
    known = read_known(folder, first)
    designs = make_designs(asked.designs, terms_of(question, improved), known)
    for arm in _new_arms(plan, designs):
        check(arm)
        plan["arms"].append(_arm_json(len(plan["arms"]), arm))
    numbers = {each["config_id"]: each["number"] for each in plan["arms"]}
    for arm in (arm for design in designs for arm in design.every_arm()):
        _want(plan["arms"][numbers[arm.config.config_id]], first)
    kept = _kept(plan, designs, improved)
    plan["designs"] = [*kept, *(design.as_json(numbers) for design in designs)]
    closed = _all_ended(plan, folder)
    _decide(plan, designs, known, asked, numbers, ended=closed)
    plan["seeds"] = sorted({seed for arm in plan["arms"] for seed in arm["seeds"]})
    plan["improved"] = {"name": improved.name, "config_id": improved.config.config_id}
    plan["complete"] = closed and _all_ended(plan, folder)
    ordered = {key: plan[key] for key in (*_HEAD, *(key for key in plan if key not in _HEAD))}
    write_json(folder.ablation, ordered)
    return ordered


_HEAD = ("asked_kimg", "kimg", "seeds", "smallest_effect", "improved", "datasets", "complete", "arms", "designs")


def read_plan(folder: StudyFolder) -> dict[str, Any]:
    """Read the plan back."""
    return read_json(folder.ablation, "asked_kimg", "kimg", "seeds", "smallest_effect", "arms", "designs")


def asked_kimg(question: Question) -> float:
    """Budget of each run: what is asked for here, else for the confirm runs, else for the search."""
    return ablate_of(question).kimg or question.confirm.kimg or question.budget.kimg


def wanted_runs(plan: Mapping[str, Any]) -> list[tuple[dict[str, Any], int]]:
    """Arm and seed of every run, seed by seed, so that a study cut short has whole seeds; then dataset by dataset."""
    wanted = wanted_arms(plan)
    return [(arm, seed) for seed in plan["seeds"] for arm in wanted if seed in arm["seeds"]]


def wanted_arms(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The arms that a design still has, those of one dataset together."""
    used = {number for design in plan["designs"] for number in _numbers(design)}
    order = list(plan["datasets"])
    return sorted((arm for arm in plan["arms"] if arm["number"] in used), key=lambda arm: order.index(arm["dataset"]))


def begin_runs(folder: StudyFolder, question: Question, plan: Mapping[str, Any]) -> list[Trial]:
    """Write down a trial folder for each run of the plan and return them all, in the order of `wanted_runs`."""
    configs = {arm["number"]: Config.model_validate(arm["config"]) for arm in plan["arms"]}
    runs = []
    for arm, seed in wanted_runs(plan):
        spec = TrialSpec(
            config=configs[arm["number"]],
            seed=seed,
            kimg=plan["kimg"],
            measure_at=question.budget.measure_at(plan["kimg"]),
            evaluation=question.evaluation,
        )
        label = {
            "number": arm["number"],
            "role": "arm",
            "source": arm["name"],
            "arm": arm["number"],
            "dataset": arm["dataset"],
            "parameters": arm["parameters"],
        }
        runs.append(folder.begin_trial(run_name(arm, seed), spec, label, folder.ablation))
    return runs


def run_name(arm: Mapping[str, Any], seed: int) -> str:
    """Name of an arm's trial on a seed."""
    return f"ablate-{arm['number']:02d}-{arm['config_id'][:8]}-s{seed}"


def _require_same(
    plan: dict[str, Any], folder: StudyFolder, question: Question, datasets: Mapping[str, Mapping[str, Any]]
) -> None:
    """Take the terms of the plan's runs from the question, or raise where they were others before."""
    asked = ablate_of(question)
    lowered = read_json(folder.plan).get("kimg") if asked.kimg is None and folder.plan.exists() else None
    for field, value in {
        "asked_kimg": asked_kimg(question),
        "smallest_effect": asked.smallest_effect,
    }.items():
        if plan.setdefault(field, value) != value:
            raise IgnmError(
                f"ablate.{field.removeprefix('asked_')}: this study's ablation was asked for with {plan[field]:g}, now "
                f"{value:g}; {_WHY[field]}. Ask for the same, or name the study anew (--set name=...)"
            )
    plan.setdefault("kimg", min(lowered or plan["asked_kimg"], plan["asked_kimg"]))
    for name, facts in datasets.items():
        before = plan["datasets"].setdefault(name, dict(facts))
        if before != dict(facts):
            raise IgnmError(
                f"{folder.path}: {name} or its reference is not what this study's ablation was begun with ({before}, "
                f"now {dict(facts)}); put it back, or name the study anew (--set name=...)"
            )


_WHY = {
    "asked_kimg": "runs of different length cannot be compared",
    "smallest_effect": "what is worth having is said before anything is measured",
}


def _new_arms(plan: Mapping[str, Any], designs: Sequence[Design]) -> list[Arm]:
    known = {each["config_id"] for each in plan["arms"]}
    new: dict[str, Arm] = {}
    for design in designs:
        for arm in design.every_arm():
            if arm.config.config_id not in known:
                new.setdefault(arm.config.config_id, arm)
    return list(new.values())


def _arm_json(number: int, arm: Arm) -> dict[str, Any]:
    return {
        "number": number,
        "name": arm.name,
        "dataset": arm.dataset,
        "config_id": arm.config.config_id,
        "baseline": arm.baseline.name,
        "parameters": arm.parameters,
        "bridges": [{"path": each.path, "value": each.value, "reason": each.reason} for each in arm.bridges],
        "seeds": [],
        "config": arm.config.model_dump(mode="json"),
    }


def _want(arm: dict[str, Any], seeds: Sequence[int]) -> None:
    arm["seeds"] = sorted({*arm["seeds"], *seeds})


def _kept(plan: Mapping[str, Any], designs: Sequence[Design], improved: Model) -> list[dict[str, Any]]:
    """Designs that were asked for before and are not now; those of another improved model have lost their point."""
    if plan.get("improved", {}).get("config_id") != improved.config.config_id:
        return []
    now = {_key(design.facts) for design in designs}
    return [each for each in plan["designs"] if _key(each) not in now]


def _key(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(facts.get(name) for name in ("design", "dataset", "baseline", "path"))


def _numbers(design: Mapping[str, Any]) -> set[int]:
    found = {each["arm"] for each in design.get("arms", ())}
    found |= {number for each in design.get("rounds", ()) for number in each["tried"].values()}
    return found | ({design["start"]} if "start" in design else set())


def _all_ended(plan: Mapping[str, Any], folder: StudyFolder) -> bool:
    arms = wanted_arms(plan)
    runs = [folder.trial(run_name(arm, seed)) for arm in arms for seed in arm["seeds"]]
    return all(run.status() is not Status.RUNNING for run in runs)


def _decide(
    plan: dict[str, Any],
    designs: Sequence[Design],
    known: Known,
    asked: Ablate,
    numbers: Mapping[str, int],
    ended: bool,
) -> None:
    """Say of each comparison how it stands and, where all runs have ended, give the arms of open ones another seed."""
    arms = {config_id: plan["arms"][number] for config_id, number in numbers.items()}
    entries = {_key(each): each for each in plan["designs"]}
    looks = asked.seeds, asked.most_seeds
    for design in designs:
        family = len(design.contrasts) if design.stated else 1
        stands = []
        for contrast in design.contrasts:
            seeds = _common_seeds(contrast, arms)
            if not ended:
                stands.append(
                    {"name": contrast.name, "open": True, "decided": False, "reason": "its runs have not all ended"}
                )
                continue
            decision = decide(contrast, known, seeds, plan["smallest_effect"], looks, family)
            stands.append({"name": contrast.name, "open": decision.undecided, **_told(decision)})
            if decision.undecided:
                for arm in contrast.arms:
                    _want(arms[arm.config.config_id], [*seeds, seeds[-1] + 1])
        entries[_key(design.facts)]["contrasts"] = stands


def _told(decision: Decision) -> dict[str, Any]:
    return {
        "decided": decision.decided,
        "seeds": decision.seeds,
        "lost": decision.lost,
        "level": round(decision.level, 6),
        "reason": decision.reason,
    }


def _common_seeds(contrast: Contrast, arms: Mapping[str, dict[str, Any]]) -> list[int]:
    shared = set.intersection(*(set(arms[arm.config.config_id]["seeds"]) for arm in contrast.arms))
    return sorted(shared)
