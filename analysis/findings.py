"""What a study may claim: the headline, the evidence behind it and its honest limits, each only if measured."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.baseline import Baseline, baseline_id, baseline_name, by_seed, find_baseline
from analysis.caveats import coverage_caveats, lost_caveats, seed_caveats, yardstick_caveats
from analysis.comparison import change_words, doubt_words, interval_words
from analysis.formatting import amount, mean_sd, number, status_words
from analysis.leaderboard import short_id
from analysis.parameters import configuration_words
from analysis.results import LOST, Study, finite, yardstick
from analysis.statistics.paired import difference
from ignm.words import count


@dataclass
class Finding:
    """The first thing a reader sees: `support` is "confirmed", "searched", "recorded" or "nothing".

    what: the best configuration in words; kept: which run's weights lie in best/. Both empty where nothing tells.
    """

    headline: str
    support: str
    details: list[str] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    config_id: str | None = None
    what: str = ""
    kept: str = ""


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
    finding.what = configuration_words(study, trials, finding.config_id)
    finding.kept = _kept(study, finding)
    finding.caveats += [*coverage_caveats(study, trials), *yardstick_caveats(study, board), *study.notes]
    return finding


def _kept(study: Study, finding: Finding) -> str:
    """Say whose weights are kept where they are of one of several seeds: their number is not that of the headline."""
    told, seeds = study.evidence, study.evidence.get("seeds")
    quality = finite(told.get("quality"))
    if finding.support != "confirmed" or told.get("config_id") != finding.config_id or quality is None:
        return ""
    if not isinstance(seeds, list) or len(seeds) < 2:
        return ""
    values = [value for value in map(finite, told.get("qualities") or ()) if value is not None]
    which = "its best seed" if values and quality <= min(values) else "one of its seeds"
    return (
        f"The weights in best/ are those of {which} ({told.get('trial')}: {number(quality)}); the number above is the "
        f"mean over its {len(seeds)} seeds, and what to expect of another run."
    )


def quality_name(study: Study) -> str:
    """Return the metric's own name, e.g. "fd_inception"; "quality" if nothing names it."""
    return yardstick(study)[0] or str(study.evidence.get("metric") or "quality")


def _confirmed(study: Study, trials: pd.DataFrame, confirmed: pd.DataFrame) -> Finding:
    best = confirmed.iloc[0]
    mine = _members(trials, best)
    qualities, kimg = by_seed(mine), float(mine["measured_kimg"].min())
    used = set(trials.loc[trials["stage"] == "search", "seed"].dropna())
    seeds = mine["seed"].dropna()
    fresh = len(seeds) == len(mine) and seeds.is_unique and not used & set(seeds)
    seeds_text = _seeds_words(len(qualities), "fresh seed" if fresh else "seed")
    finding = Finding(
        f"Best configuration: {short_id(best['config_id'])} — {quality_name(study)} "
        f"{mean_sd(best['quality'], best['sd'])} ({seeds_text}, {amount(kimg)} kimg)",
        "confirmed",
        config_id=best["config_id"],
    )
    if best["config_id"] == baseline_id(study):
        _say_preset_won(finding, study, trials, confirmed)
    else:
        _compare_with_baseline(finding, baseline_name(study), find_baseline(study, trials, kimg), qualities)
    _compare_with_next(finding, baseline_id(study), trials, confirmed)
    finding.caveats += seed_caveats(len(qualities), fresh)
    finding.caveats += lost_caveats("it", int(best["seeds_lost"]))
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
    seeds = len(_members(trials, best))
    tried = int((trials["comparable"] & trials["yardstick"]).sum())
    finding = Finding(
        f"Not confirmed yet. Best of the search so far: {short_id(best['config_id'])} — {quality_name(study)} "
        f"{mean_sd(best['quality'], best['sd'])} ({_seeds_words(seeds, 'seed')}, {amount(best['kimg'])} kimg)",
        "searched",
        config_id=best["config_id"],
    )
    finding.details.append(
        f"This is the smallest of {count(tried, 'noisy number')}, so it looks better than the configuration is "
        "(winner's curse). Confirm it on fresh seeds before it is called a result: run the study's command again."
        if tried > 1
        else "It is the only trial that was measured to the end, so there is nothing to compare it with."
    )
    finding.caveats += [*seed_caveats(seeds, True), *lost_caveats("it", int(best["seeds_lost"]))]
    return finding


def _recorded(study: Study) -> Finding:
    told = study.evidence
    mean = finite(told.get("mean"))
    quality = finite(told.get("quality")) if mean is None else mean
    config = str(told.get("config_id") or told.get("trial") or "unnamed")
    seeds = told.get("seeds")
    parts = [_seeds_words(len(seeds), "seed")] if isinstance(seeds, list) and seeds else []
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


def _seeds_words(seeds: int, noun: str) -> str:
    """Write "1 seed", "mean ± SD of 2 seeds": what stands behind a ± is said where it stands."""
    return f"{'mean ± SD of ' if seeds > 1 else ''}{count(seeds, noun)}"


def _all_of(size: int) -> str:
    return "the only trial" if size == 1 else f"every one of the {size:,} trials"


def _members(trials: pd.DataFrame, row: "pd.Series[Any]") -> pd.DataFrame:
    same = (trials["config_id"] == row["config_id"]) & (trials["stage"] == row["stage"])
    return trials[same & trials["comparable"] & trials["yardstick"]]


def _say_preset_won(finding: Finding, study: Study, trials: pd.DataFrame, confirmed: pd.DataFrame) -> None:
    waiting = ((trials["stage"] == "confirm") & (trials["status"] == "running")).any()
    beaten = "has beaten it so far" if waiting else "beat it"
    finding.headline += f": the {baseline_name(study)} preset itself; nothing searched {beaten}"
    finding.details.append(
        "Of the configurations that were run again on fresh seeds, the preset was the best."
        if len(confirmed) > 1
        else "No other configuration was measured to the end on fresh seeds."
    )


def _compare_with_baseline(
    finding: Finding, name: str, baseline: Baseline | None, qualities: "pd.Series[float]"
) -> None:
    if baseline is None:
        finding.caveats.append("No baseline was run on fresh seeds, so nothing is said about an improvement.")
        return
    if baseline.problem:
        finding.caveats.append(f"Not compared with the {name} baseline: {baseline.problem}.")
        return
    if baseline.mean > 0:
        finding.headline += (
            f", {change_words(float(qualities.mean()), baseline.mean)} the {name} baseline ({number(baseline.mean)})"
            f"{doubt_words(difference(qualities, baseline.qualities))}"
        )
    finding.details.append(interval_words(f"the {name} baseline", qualities, baseline.qualities))
    finding.caveats += lost_caveats(f"the {name} baseline", baseline.seeds_lost)


def _compare_with_next(finding: Finding, base: str | None, trials: pd.DataFrame, confirmed: pd.DataFrame) -> None:
    """Compare with the runner-up; the baseline is one only where it won, and has its own comparison else."""
    best = confirmed.iloc[0]
    rivals = confirmed[(confirmed["config_id"] != base) | (confirmed["config_id"] == best["config_id"])]
    if len(rivals) < 2:
        return
    following = rivals.iloc[1]
    finding.caveats.append(
        f"It is the first of {len(rivals)} confirmed configurations: the smallest of {len(rivals)} numbers, so a "
        "little of the same optimism remains."
    )
    name = (
        f"the next configuration, {short_id(following['config_id'])} ({mean_sd(following['quality'], following['sd'])})"
    )
    finding.details.append(interval_words(name, by_seed(_members(trials, best)), by_seed(_members(trials, following))))
    finding.caveats += [
        f"{short_id(row['config_id'])} has a lower mean ({mean_sd(row['quality'], row['sd'])}), but lost seeds or "
        "has not finished all, so it ranks after."
        for row in rivals.iloc[1:].to_dict("records")
        if row["quality"] < best["quality"]
    ]
