"""How sure it is that the winner is the best: its interval, the probability of being best, and whom it beats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.statistics.estimates import ALPHA, Estimate, NotEstimable, mean_estimate
from analysis.statistics.paired import improvement
from analysis.statistics.selection import candidates
from search.designs.reporting import Reported
from search.study.folder import StudyFolder


@dataclass(frozen=True)
class Rival:
    """Another model on the winner's seeds; `better_by` is above 0 where the winner is better.

    low, high: its interval, corrected for the number of rivals; None, with the reason, where there is none.
    """

    name: str
    better_by: float | None
    low: float | None
    high: float | None
    seeds: int
    reason: str

    @property
    def beaten(self) -> bool:
        """Whether seeds alone do not explain it."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class Judged:
    """The winner among others, on one set of seeds.

    chosen_here: whether these seeds chose it, which flatters its mean; low, high: of its mean, 95%; probability: of
    being the best of them, None where `note` says why.
    """

    dataset: str | None
    chosen_here: bool
    seeds: int
    mean: float | None
    low: float | None
    high: float | None
    probability: float | None
    note: str
    rivals: tuple[Rival, ...]


def judge_best(evidence: Mapping[str, Any], reported: Sequence[Reported]) -> list[Judged]:
    """Judge the winner on the confirm runs, which chose it, then on the ablation's seeds, which chose nothing."""
    confirmed = {
        str(each["config_id"]): (str(each["name"]), dict(zip(each["seeds"], each["qualities"], strict=True)))
        for each in evidence.get("candidates") or ()
    }
    found = []
    if evidence["config_id"] in confirmed:
        winner = confirmed.pop(evidence["config_id"])
        found.append(_judge(None, True, winner[1], list(confirmed.values())))
    for each in reported:
        own, *others = ((arm.name, dict(zip(arm.seeds, arm.qualities, strict=True))) for arm in each.arms)
        found.append(_judge(each.dataset, False, own[1], others))
    return found


def cost_of(folder: StudyFolder, evidence: Mapping[str, Any]) -> dict[str, float] | None:
    """Return what the winner's kept run took: seconds of training, kimg, images a second; None where it is gone."""
    name = evidence.get("trial")
    measured = folder.trial(name).measurements() if isinstance(name, str) else []
    return {key: measured[-1][key] for key in ("seconds", "kimg", "images_per_second")} if measured else None


def _judge(
    dataset: str | None, chosen_here: bool, own: dict[int, float], others: list[tuple[str, dict[int, float]]]
) -> Judged:
    values = pd.Series(own, dtype=float)
    series = [(name, pd.Series(qualities, dtype=float)) for name, qualities in others]
    mean = mean_estimate(values)
    table = pd.DataFrame({"": values, **{str(at): other for at, (_, other) in enumerate(series)}})
    ranked = candidates(table, ALPHA)
    chances = {} if isinstance(ranked, NotEstimable) else {each.config: each.probability for each in ranked.candidates}
    note = ranked.reason if isinstance(ranked, NotEstimable) else ranked.note
    return Judged(
        dataset, chosen_here, len(values), mean.value, *_limits(mean), chances.get(""), note,
        tuple(_rival(name, other, values, len(series)) for name, other in series),
    )  # fmt: skip


def _rival(name: str, other: "pd.Series[float]", own: "pd.Series[float]", rivals: int) -> Rival:
    found = improvement(other, own, 1 - ALPHA / rivals)
    reason = found.reason if isinstance(found, NotEstimable) else found.method
    return Rival(name, found.value, *_limits(found), found.n, reason)


def _limits(found: Estimate | NotEstimable) -> tuple[float | None, float | None]:
    return (found.low, found.high) if isinstance(found, Estimate) else (None, None)
