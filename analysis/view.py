"""A study as the report and the notebooks look at it: everything that is computed once, under one name."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from analysis.ablation.loading import Ablation, load_ablation
from analysis.ablation.runs import STAGE
from analysis.claims.judging import Judgement, judge_claims
from analysis.claims.reading import claims_of
from analysis.findings import Finding, find, quality_name
from analysis.importance import search_importance
from analysis.leaderboard import display_table, leaderboard
from analysis.results import Study, load_study, summarise_trials
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.importance import Importance


@dataclass(frozen=True)
class View:
    """A loaded study, and what follows from it.

    trials: one row a trial of every stage (`analysis.results.summarise_trials`).
    """

    study: Study
    trials: pd.DataFrame

    @cached_property
    def searched(self) -> pd.DataFrame:
        """The trials of search and confirm; what the ablation ran was not chosen from."""
        return self.trials[self.trials["stage"] != STAGE]

    @property
    def has_search(self) -> bool:
        """Whether search and confirm are what the study is about, or part of it."""
        return len(self.searched) > 0 or self.ablation.plan is None or bool(self.study.evidence)

    @cached_property
    def full_length(self) -> pd.DataFrame:
        """The search's trials that were measured at its full length."""
        chosen = (self.trials["stage"] == "search") & self.trials["comparable"] & self.trials["yardstick"]
        return self.trials[chosen]

    @cached_property
    def board(self) -> pd.DataFrame:
        """The leaderboard."""
        return leaderboard(self.study, self.trials)

    @cached_property
    def finding(self) -> Finding:
        """What search and confirm may claim."""
        return find(self.study, self.searched, self.board)

    @cached_property
    def ablation(self) -> Ablation:
        """The ablate stage; empty where there is none."""
        return load_ablation(self.study)

    @cached_property
    def judgements(self) -> list[Judgement]:
        """The verdict on each claim."""
        return judge_claims(self.ablation, claims_of(self.study))

    @cached_property
    def importance(self) -> Importance | NotEstimable:
        """Which searched parameters went with good results; not an ablation."""
        return search_importance(self.study, trials=self.trials)

    @cached_property
    def shown_board(self) -> pd.DataFrame:
        """The leaderboard as text."""
        return display_table(self.study, self.board)

    @cached_property
    def quality(self) -> str:
        """The metric's own name, of search and confirm."""
        return quality_name(self.study)


def open_view(folder: Path | str) -> View:
    """Load a study, finished or not; raise IgnmError where it is none, or its files cannot be read."""
    study = load_study(Path(folder))
    return View(study, summarise_trials(study))
