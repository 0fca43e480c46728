"""The next point to try: known ones, then what the sampler suggests; nothing twice, nothing that cannot be trained."""

import random
from collections import deque
from collections.abc import Callable
from functools import partial

import optuna
from optuna.samplers import RandomSampler

from ignm.config import Config, override
from ignm.errors import IgnmError
from search.searcher.distributions import suggest_value, within
from search.searcher.known_points import Values, known_points
from search.searcher.outcome import REFUSED, Judge
from search.searcher.records import Records
from search.searcher.remaining import is_listable, possible_points
from search.study.folder import StudyFolder
from search.study.question import Question
from spaces.space import Space

DUPLICATE = "duplicate"
"""User attribute of a suggestion that was made before: the name of its trial."""
OF_THE_SAMPLER = 5
"""Suggestions that the sampler may waste in a row, refused or made before, until others are taken."""
MOST_WASTED = 200

Check = Callable[[Config], None]


class Proposer:
    """Proposes new points of a space, each as a trial of Optuna that has been asked for but not begun."""

    def __init__(
        self, records: Records, folder: StudyFolder, question: Question, space: Space, judge: Judge, check: Check
    ) -> None:
        """Set up the known points that have no trial yet; `check` raises IgnmError for what cannot be trained."""
        self._records, self._folder, self._space = records, folder, space
        self._judge, self._check = judge, check
        self._base = question.base()
        self._by_id: dict[str, list[str]] = {}
        for name in records.named:
            self._note(name)
        seed = question.seed + len(records)
        self._random, self._draw = RandomSampler(seed), random.Random(seed)
        self._left: list[Values] | None = None
        points = known_points(question, space, self._base)
        self._known = deque(values for values in points if self._twin(override(self._base, values)) is None)

    def propose(self) -> tuple[int, Values, Config] | None:
        """Return the number, the values and the config of a new trial; None when the space has no more.

        Raises IgnmError where the config refuses one suggestion after another.
        """
        wasted: list[str] = []
        while True:
            trial = self._ask(wasted)
            if trial is None and not self._records.named:
                raise self._nothing_works(wasted)
            if trial is None:
                return None
            values = self._space.sample(self._base, partial(suggest_value, trial))
            config = self._accepted(trial, values, wasted)
            if config is not None:
                return trial.number, values, config

    def begun(self, name: str) -> None:
        """Note that a proposal has become the trial of this name."""
        self._note(name)

    def count_left(self, wanted: int) -> int:
        """How many of `wanted` new points the space still has."""
        if wanted <= 0 or not is_listable(self._space, self._base, wanted + len(self._records.named)):
            return max(0, wanted)
        return min(wanted, len(self._list()))

    def _ask(self, wasted: list[str]) -> optuna.Trial | None:
        if self._known:
            return self._records.ask(within(self._space, self._known.popleft()))
        if len(wasted) < OF_THE_SAMPLER:
            return self._records.ask()
        if is_listable(self._space, self._base):
            left = self._list()
            return self._records.ask(self._draw.choice(left)) if left else None
        if len(wasted) < MOST_WASTED:
            return self._records.ask(sampler=self._random)
        if DUPLICATE in wasted:
            return None
        raise self._nothing_works(wasted)

    def _nothing_works(self, wasted: list[str]) -> IgnmError:
        return IgnmError(
            f"space {self._space.name}: the config refused {len(wasted)} suggestions running, the last one so:\n"
            f"  {wasted[-1]}\n  give the axes concerned a condition (`when:`)"
        )

    def _accepted(self, trial: optuna.Trial, values: Values, wasted: list[str]) -> Config | None:
        """The config of a suggestion that is to be run; else None, and it is told so and noted as wasted."""
        try:
            config = override(self._base, values)
        except IgnmError as error:
            self._records.refuse(trial.number, REFUSED, str(error), self._judge.refused())
            wasted.append(str(error))
            return None
        twin = self._twin(config)
        if twin is not None:
            self._records.refuse(trial.number, DUPLICATE, twin)
            wasted.append(DUPLICATE)
            return None
        refusal = self._judge.refusal(config, self._check)
        if refusal is not None:
            self._records.refuse(trial.number, REFUSED, refusal, self._judge.refused(config))
            wasted.append(refusal)
            return None
        return config

    def _list(self) -> list[Values]:
        """The points that are left, listed once and then struck off."""
        if self._left is None:
            self._left = possible_points(self._space, self._base, self._may_be_run)
        self._left = [values for values in self._left if self._twin(override(self._base, values)) is None]
        return self._left

    def _may_be_run(self, config: Config) -> None:
        refusal = self._judge.refusal(config, self._check)
        if refusal is not None:
            raise IgnmError(refusal)

    def _twin(self, config: Config) -> str | None:
        """The name of the trial that this config has already."""
        return next((name for name in self._by_id.get(_short(config), []) if self._is_same(name, config)), None)

    def _is_same(self, name: str, config: Config) -> bool:
        trial = self._folder.trial(name)
        # One without a folder was killed before it was written down; its name says enough.
        return not (trial.path / "label.json").exists() or trial.label()["config_id"] == config.config_id

    def _note(self, name: str) -> None:
        self._by_id.setdefault(name.rpartition("-")[2], []).append(name)


def _short(config: Config) -> str:
    """As it stands in the names of trials."""
    return config.config_id[:8]
