"""The limits of what a study may claim, each in a sentence of its own."""

import pandas as pd

from analysis.formatting import status_words
from analysis.leaderboard import short_id
from analysis.results import LOST, STATUSES, Study, dig, finite, yardstick
from ignm.words import count

USED_UP = r"budget\.\w+ was used up"
"""Reason of a trial that one of the budget's limits ended."""


def seed_caveats(seeds: int, fresh: bool) -> list[str]:
    """Say what the number of seeds behind a mean, and their use in the search, limit."""
    caveats = []
    if seeds == 1:
        caveats.append("One seed ranks nothing: the spread between seeds is unknown.")
    elif seeds < 5:
        caveats.append(f"Only {seeds} seeds: the standard deviation itself is a rough guess.")
    if not fresh:
        caveats.append("Its seeds are not all fresh: some were used in the search too, or are not recorded.")
    return caveats


def lost_caveats(name: str, lost: int) -> list[str]:
    """Say that the mean of the configuration called `name` leaves out seeds that were lost, if any were."""
    what = f"{count(lost, 'further seed')} of {name} diverged, ran out of memory or failed"
    return [f"{what}; its mean omits {'it' if lost == 1 else 'them'}."] if lost else []


def coverage_caveats(study: Study, trials: pd.DataFrame) -> list[str]:
    """Say what was planned and did not happen, is still going on, or was lost."""
    caveats = [*_shortfall(study, trials), *_later_runs(study)]
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


def _shortfall(study: Study, trials: pd.DataFrame) -> list[str]:
    budget = dig(study.asked, "question", "budget")
    planned = finite(dig(budget, "trials"))
    searched = int((trials["stage"] == "search").sum())
    if planned is None or not 0 < searched < planned:
        return []
    if not (trials["stage"] == "confirm").any():
        return [f"Unfinished: {searched} of the {int(planned)} planned trials have started."]
    # Confirmation begins when the search is over.
    return [f"The search ended after {searched} of {int(planned)} trials{_used_up(trials)}."]


def _later_runs(study: Study) -> list[str]:
    """Say where the study was gone on with by other code, or other libraries, than it had begun with."""
    runs = [study.asked, *(study.asked.get("later_runs") or ())]
    pairs = {"sources": "code", "versions of libraries": "versions"}
    changed = [what for what, key in pairs.items() if len({str(run.get(key)) for run in runs if key in run}) > 1]
    if not changed:
        return []
    return [f"Its {' and '.join(changed)} changed on the way ({count(len(runs), 'run')}); study.yaml says when."]


def _used_up(trials: pd.DataFrame) -> str:
    """Say which limit stopped trials, the last one if there were several; nothing where none did."""
    stopped = trials[(trials["stage"] == "search") & trials["reason"].str.fullmatch(USED_UP)].sort_values("number")
    if stopped.empty:
        return ""
    reason = stopped["reason"].iloc[-1]
    return f"; {reason}, which stopped {int((stopped['reason'] == reason).sum())} of them"


def yardstick_caveats(study: Study, board: pd.DataFrame) -> list[str]:
    """Say which numbers may not be compared with which."""
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
