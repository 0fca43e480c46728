"""What a reader calls strategies and arms: in words, not by what is left of a sum."""

from collections.abc import Iterable, Mapping

from analysis.ablation.plan import Plan

STRATEGY_WORDS: Mapping[str, str] = {
    "data": "images and augmentation",
    "structure": "the networks",
    "init": "where training begins",
    "loss": "losses and optimisation",
}
"""What an ablation switches under each name; `loss` carries learning rates, betas, batch and critic steps too."""

_CHANGES: Mapping[str, str] = {"loss": "loss and optimisation", "init": "initialisation"}


def left_out_words(improved: str, strategy: str) -> str:
    """Return "the winner against itself without its data changes", of a model and a strategy that it has."""
    model = "the winner" if improved == "winner" else improved
    return f"{model} against itself without its {_CHANGES.get(strategy, strategy)} changes"


def strategies_words(names: Iterable[str]) -> str:
    """Say what the strategies' names stand for, in a sentence; empty for none."""
    told = [f"{name} ({STRATEGY_WORDS[name]})" for name in dict.fromkeys(names) if name in STRATEGY_WORDS]
    return f"Strategies: {', '.join(told)}." if told else ""


def arm_names(plan: Plan) -> dict[int, str]:
    """Return what each arm is called: "winner without data" where that is its only place, else the plan's name.

    In a lattice the strategies that are on say more.
    """
    names = {arm.number: arm.name for arm in plan.arms}
    placed = {number for design in plan.designs if design.design != "leave_one_out" for number in design.numbers}
    left_out = [design for design in plan.designs if design.design == "leave_one_out"]
    several = len({design.baseline for design in left_out}) > 1
    for design in left_out:
        back = f" (as {design.baseline})" if several else ""
        for strategy, number in design.places("without"):
            if strategy is not None and number not in placed:
                names[number] = f"{design.improved} without {strategy}{back}"
    return names
