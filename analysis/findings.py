"""What a study may claim: the headline, the evidence behind it and its honest limits, each only if measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.formatting import amount, count, mean_sd, number, status_words
from analysis.leaderboard import short_id
from analysis.results import LOST, STATUSES, Study, dig, finite, same_length, yardstick

CONFIDENCE = 0.95


@dataclass
class Finding:
    """The first thing a reader sees: `support` is "confirmed", "searched", "recorded" or "nothing"."""

    headline: str
    support: str
    details: list[str] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    config_id: str | None = None


@dataclass(frozen=True)
class Baseline:
    """The configuration the winner is compared with; `problem` says why the two may not be compared."""

    name: str
    config_id: str | None
    qualities: tuple[float, ...]
    problem: str | None = None

    @property
    def mean(self) -> float:
        """Mean quality over its seeds."""
        return float(np.mean(self.qualities))


def find(study: Study, trials: pd.DataFrame, board: pd.DataFrame) -> Finding:
    """State the strongest claim that the measurements support, and everything that limits it."""
    confirmed, searched = (board[board["section"] == section] for section in ("confirmed", "searched"))
    if len(confirmed):
        finding = _confirmed(study, trials, confirmed)
    elif len(searched):
        finding = _searched(study, trials, searched.iloc[0])
    elif finite(study.evidence.get("mean")) is not None or finite(study.evidence.get("quality")) is not None:
        finding = _recorded(study)
    else:
        finding = _nothing(trials)
    finding.caveats += [*_coverage(study, trials), *_yardsticks(study, board), *study.notes]
    return finding


def quality_name(study: Study) -> str:
    """Return the metric's own name, e.g. "fd_inception"; "quality" if nothing names it."""
    return yardstick(study)[0] or str(study.evidence.get("metric") or "quality")


def difference_interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float] | None:
    """Return Welch's 95% interval of mean(one) - mean(other); None below two values a side or without any spread."""
    if min(len(one), len(other)) < 2 or np.var(one) + np.var(other) == 0:
        return None
    interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(CONFIDENCE)
    low, high = float(interval.low), float(interval.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def find_baseline(study: Study, trials: pd.DataFrame, kimg: float) -> Baseline | None:
    """Return the baseline named in best/evidence.json, by its own measurements where results.parquet has them."""
    told = study.evidence.get("baseline")
    if not isinstance(told, dict):
        return None
    config = str(told["config_id"]) if told.get("config_id") else None
    name = str(told.get("name") or config or "baseline")
    mine = trials[(trials["config_id"] == config) & trials["comparable"] & trials["yardstick"]]
    mine = mine[mine["stage"] == "confirm"] if (mine["stage"] == "confirm").any() else mine
    if len(mine):
        qualities = tuple(mine["quality"].astype(float))
        reached = float(mine["measured_kimg"].min())
        problem = None if same_length(reached, kimg) else f"it was measured at {amount(reached)} kimg"
        return Baseline(name, config, qualities, problem)
    listed = told.get("qualities") if isinstance(told.get("qualities"), list) else [told.get("mean")]
    recorded = tuple(value for value in map(finite, listed or []) if value is not None)
    if not recorded:
        return Baseline(name, config, (), "it has no finite measurement")
    return Baseline(name, config, recorded, _recorded_problem(study, told, kimg))


def _recorded_problem(study: Study, told: dict[str, Any], kimg: float) -> str | None:
    metric, reference = yardstick(study)
    reached = finite(told.get("kimg"))
    if told.get("metric") not in (None, metric) or told.get("reference_id") not in (None, reference):
        return "it was measured with another metric or against another reference"
    if reached is not None and not same_length(reached, kimg):
        return f"it was measured at {amount(reached)} kimg"
    return None


def _confirmed(study: Study, trials: pd.DataFrame, confirmed: pd.DataFrame) -> Finding:
    best = confirmed.iloc[0]
    mine = _members(trials, best)
    qualities, kimg = mine["quality"].astype(float).tolist(), float(mine["measured_kimg"].min())
    used = set(trials.loc[trials["stage"] == "search", "seed"].dropna())
    seeds = mine["seed"].dropna()
    fresh = len(seeds) == len(mine) and seeds.is_unique and not used & set(seeds)
    seeds_text = count(len(qualities), "fresh seed" if fresh else "seed")
    finding = Finding(
        f"Best configuration: {short_id(best['config_id'])} — {quality_name(study)} "
        f"{mean_sd(best['quality'], best['sd'])} ({seeds_text}, {amount(kimg)} kimg)",
        "confirmed",
        config_id=best["config_id"],
    )
    _compare_with_baseline(finding, find_baseline(study, trials, kimg), qualities, kimg)
    _compare_with_next(finding, trials, confirmed, qualities)
    finding.caveats += _seed_caveats(qualities, fresh, int(best["seeds_lost"]))
    finding.caveats.append(
        f"Measured at one training length, {amount(kimg)} kimg; longer training can change the order."
    )
    if (trials["stage"] == "search").any():
        finding.caveats.append(
            "The search's own numbers look better than they are, because the smallest of many noisy numbers was picked "
            "(winner's curse). They only chose what to confirm; the confirmed numbers are the result."
        )
    return finding


def _searched(study: Study, trials: pd.DataFrame, best: "pd.Series[Any]") -> Finding:
    qualities = _members(trials, best)["quality"].astype(float).tolist()
    tried = int((trials["comparable"] & trials["yardstick"]).sum())
    finding = Finding(
        f"Not confirmed yet. Best of the search so far: {short_id(best['config_id'])} — {quality_name(study)} "
        f"{mean_sd(best['quality'], best['sd'])} ({count(len(qualities), 'seed')}, {amount(best['kimg'])} kimg)",
        "searched",
        config_id=best["config_id"],
    )
    finding.details.append(
        f"This is the smallest of {count(tried, 'noisy number')}, so it looks better than the configuration is "
        "(winner's curse). Confirm it on fresh seeds before it is called a result: run the study's command again."
        if tried > 1
        else "It is the only trial that was measured to the end, so there is nothing to compare it with."
    )
    finding.caveats += _seed_caveats(qualities, True, int(best["seeds_lost"]))
    return finding


def _recorded(study: Study) -> Finding:
    told = study.evidence
    mean = finite(told.get("mean"))
    quality = finite(told.get("quality")) if mean is None else mean
    config = str(told.get("config_id") or told.get("trial") or "unnamed")
    seeds = told.get("seeds")
    parts = [count(len(seeds), "seed")] if isinstance(seeds, list) and seeds else []
    parts += [f"{amount(told['kimg'])} kimg"] if finite(told.get("kimg")) is not None else []
    return Finding(
        f"Recorded as best: {short_id(config)} — {quality_name(study)} {mean_sd(quality, finite(told.get('sd')))}"
        + (f" ({', '.join(parts)})" if parts else ""),
        "recorded",
        ["This is what best/evidence.json says; results.parquet holds no measurement that could back it."],
        config_id=config,
    )


def _nothing(trials: pd.DataFrame) -> Finding:
    if trials.empty:
        return Finding("No result: no trial has reported a measurement yet", "nothing")
    lost = trials["status"].isin(LOST)
    if lost.all():
        words = [
            f"{int((trials['status'] == status).sum())} {status_words(status)}"
            for status in LOST
            if (trials["status"] == status).any()
        ]
        details = ["Look at the last log of a trial; lower learning rates or a smaller batch are the usual remedies."]
        return Finding(f"No result: {_all_of(len(trials))} was lost ({', '.join(words)})", "nothing", details)
    return Finding("No result yet: no trial has been measured to the end", "nothing")


def _all_of(size: int) -> str:
    return "the only trial" if size == 1 else f"every one of the {size:,} trials"


def _members(trials: pd.DataFrame, row: "pd.Series[Any]") -> pd.DataFrame:
    same = (trials["config_id"] == row["config_id"]) & (trials["stage"] == row["stage"])
    return trials[same & trials["comparable"] & trials["yardstick"]]


def _compare_with_baseline(finding: Finding, baseline: Baseline | None, qualities: list[float], kimg: float) -> None:
    if baseline is None:
        finding.caveats.append("No baseline was measured, so nothing is said about an improvement.")
        return
    if baseline.config_id is not None and baseline.config_id == finding.config_id:
        finding.headline += f": the {baseline.name} baseline itself"
        finding.details.append("No configuration of the search was confirmed to be better than the baseline.")
        return
    if baseline.problem:
        finding.caveats.append(
            f"Not compared with the {baseline.name} baseline: {baseline.problem}, the best at {amount(kimg)} kimg."
            if "kimg" in baseline.problem
            else f"Not compared with the {baseline.name} baseline: {baseline.problem}."
        )
        return
    mean = float(np.mean(qualities))
    if baseline.mean > 0:
        change = (mean - baseline.mean) / baseline.mean
        words = f"{abs(change):.0%} {'below' if change < 0 else 'above'}" if round(abs(change), 2) else "equal to"
        finding.headline += f", {words} the {baseline.name} baseline ({number(baseline.mean)})"
    interval = difference_interval(qualities, baseline.qualities)
    if interval and interval[0] <= 0 <= interval[1]:
        finding.headline += ", within seed noise"
    counts = f"{count(len(qualities), 'seed')} against {len(baseline.qualities)}"
    finding.details.append(_interval_words(f"the {baseline.name} baseline", interval, counts))


def _compare_with_next(finding: Finding, trials: pd.DataFrame, confirmed: pd.DataFrame, best: list[float]) -> None:
    if len(confirmed) < 2:
        return
    following = confirmed.iloc[1]
    others = _members(trials, following)["quality"].astype(float).tolist()
    finding.caveats.append(
        f"It is the first of {len(confirmed)} confirmed configurations: the smallest of {len(confirmed)} numbers, so a "
        "little of the same optimism remains."
    )
    name = (
        f"the next configuration, {short_id(following['config_id'])} ({mean_sd(following['quality'], following['sd'])})"
    )
    finding.details.append(
        _interval_words(name, difference_interval(best, others), f"{count(len(best), 'seed')} against {len(others)}")
    )


def _interval_words(other: str, interval: tuple[float, float] | None, counts: str) -> str:
    if interval is None:
        return f"Against {other}: {counts}, too few to say how much of the difference is chance."
    low, high = interval
    verdict = "seeds alone do not explain it" if high < 0 or low > 0 else "not distinguishable from seed noise"
    return (
        f"Against {other}: the 95% interval of the difference is {number(low)} to {number(high)} "
        f"(Welch, {counts}): {verdict}."
    )


def _seed_caveats(qualities: list[float], fresh: bool, lost: int) -> list[str]:
    caveats = []
    if len(qualities) == 1:
        caveats.append("One seed ranks nothing: the spread between seeds is unknown.")
    elif len(qualities) < 5:
        caveats.append(f"Only {len(qualities)} seeds: the standard deviation itself is a rough guess.")
    if not fresh:
        caveats.append("Its seeds are not all fresh: some were used in the search too, or are not recorded.")
    if lost:
        caveats.append(f"{count(lost, 'further seed')} of it diverged, ran out of memory or failed; the mean omits it.")
    return caveats


def _coverage(study: Study, trials: pd.DataFrame) -> list[str]:
    caveats = []
    planned = finite(dig(study.asked, "question", "budget", "trials"))
    searched = int((trials["stage"] == "search").sum())
    if planned is not None and 0 < searched < planned:
        caveats.append(f"Unfinished: {searched} of the {int(planned)} planned trials have started.")
    running = int((trials["status"] == "running").sum())
    if running:
        caveats.append(f"{count(running, 'trial')} still running; the report shows what was measured so far.")
    lost = [f"{int((trials['status'] == s).sum())} {status_words(s)}" for s in LOST if (trials["status"] == s).any()]
    if lost and not trials["status"].isin(LOST).all():
        caveats.append(f"Of {count(len(trials), 'trial')}: {', '.join(lost)}. They are listed, not hidden.")
    unknown = sorted(set(trials["status"]) - set(STATUSES))
    if unknown:
        caveats.append(f"Status not known to this report: {', '.join(unknown)}; such trials are not ranked.")
    return caveats


def _yardsticks(study: Study, board: pd.DataFrame) -> list[str]:
    caveats = []
    metric, reference = yardstick(study)
    other = board[board["section"] == "elsewhere"]
    if len(other):
        caveats.append(
            f"{count(int(other['n'].sum()), 'trial')} measured with another metric or against another reference than "
            f"{metric} on {reference or 'an unnamed reference'}: listed apart, left out of ranks and figures."
        )
    asked = str(dig(study.asked, "metric", "reference_id") or "")
    if asked and len(board) and study.rows["quality"].notna().any() and asked != reference:
        caveats.append(f"study.yaml names the reference {asked}, but no measurement with its metric used it.")
    images = finite(dig(study.asked, "metric", "images"))
    if images and len(board):
        caveats.append(
            f"Frechet distances depend on the number of images ({int(images):,} here): compare them only with numbers "
            "of the same metric, reference and number of images."
        )
    named, recomputed = study.evidence.get("config_id"), board[board["section"] == "confirmed"]
    if named and len(recomputed) and recomputed.iloc[0]["config_id"] != named:
        caveats.append(
            f"best/ holds configuration {short_id(str(named))}, but by the measurements "
            f"{short_id(str(recomputed.iloc[0]['config_id']))} ranks first."
        )
    return caveats
