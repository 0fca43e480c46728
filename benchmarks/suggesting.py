"""How long the driver takes for each event of a simulated trial, and its memory: `python -m benchmarks.suggesting`.

Nothing is trained and Ray is not started: a trial is suggested, measured at each rung, stopped or ended, and told. Each
study is first let grow to the size asked for (with random suggestions, which are quick), is opened as after a restart,
and then goes on for `--count` trials; times are of those. With `--place`, studies are kept there and grow on from
run to run; each 1,000 trials take some 40 seconds.
"""

import argparse
import itertools
import json
import math
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from ignm.config import flat
from ignm.files import write_json
from search.searcher.study_search import StudySearch
from search.study.folder import Status, StudyFolder
from search.study.question import Question

SLOTS = 8
COLUMNS = (
    *("sampler", "storage", "trials before", "event", "n"),
    *("p50 ms", "p99 ms", "CPU p50 ms", "CPU p99 ms", "driver MB", "opened in s"),
)
EVENTS = ("suggest", "report", "complete", "all of a trial")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--samplers", nargs="+", default=["tpe"])
    parser.add_argument("--storages", nargs="+", default=["sqlite"])
    parser.add_argument("--space", default="first")
    parser.add_argument("--count", type=int, default=200, help="trials timed, once the study has its size")
    parser.add_argument("--place", type=Path, help="folder for the studies; without it they are made anew and removed")
    asked = parser.parse_args()
    place = asked.place or Path(tempfile.mkdtemp(prefix="suggesting-"))
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    try:
        for sampler, storage in itertools.product(asked.samplers, asked.storages):
            for size in sorted(asked.sizes):
                _measure_in_own_process(
                    place / f"{asked.space}-{storage}", sampler, storage, size, asked.space, asked.count
                )
    finally:
        if asked.place is None:
            shutil.rmtree(place, ignore_errors=True)


def _measure_in_own_process(*arguments: object) -> None:
    # So that each one's memory is its own.
    child = os.fork()
    if child == 0:
        code = 1
        try:
            measure(*arguments)  # type: ignore[arg-type]
            code = 0
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise SystemExit(f"failed: {arguments}")


def measure(place: Path, sampler: str, storage: str, size: int, space: str, count: int) -> None:
    folder = StudyFolder(place / "simulated")
    _grow(folder, question_of("random", storage, space, size), size)
    before = len(folder.all_trials())
    begun = time.perf_counter()
    search = _open(folder, question_of(sampler, storage, space, before + count))
    opened = time.perf_counter() - begun
    times = Simulation(search, folder, random.Random(1)).run(count)
    memory = _rss_mb()
    for event in EVENTS:
        own = np.asarray(times[event]) * 1e3
        (wall50, cpu50), (wall99, cpu99) = np.percentile(own, [50, 99], axis=0)
        row = [sampler, storage, f"{before:,}", event, str(len(own))]
        row += [f"{each:.1f}" for each in (wall50, wall99, cpu50, cpu99)]
        print("|", " | ".join([*row, f"{memory:.0f}", f"{opened:.1f}"]), "|", flush=True)


def question_of(sampler: str, storage: str, space: str, trials: int) -> Question:
    return Question.model_validate(
        {
            "name": "simulated",
            "data": {"name": "none", "resolution": 32},
            "space": space,
            "budget": {"trials": trials, "kimg": 100, "reduction": 2},
            "suggesting": {"sampler": sampler, "storage": storage},
        }
    )


def _grow(folder: StudyFolder, question: Question, size: int) -> None:
    """Let a study grow to so many trials, if it has less."""
    lacking = size - len(folder.all_trials())
    if lacking > 0:
        Simulation(_open(folder, question), folder, random.Random(size)).run(lacking)


def _open(folder: StudyFolder, question: Question) -> StudySearch:
    return StudySearch(folder, question, question.load_space(), {"study": str(folder.path)})


class Simulation:
    """A driver's life without Ray: so many slots, each trial measured until it is stopped or done."""

    def __init__(self, search: StudySearch, folder: StudyFolder, draws: random.Random) -> None:
        self._search, self._folder, self._draws = search, folder, draws
        self._times: dict[str, list[np.ndarray]] = {event: [] for event in EVENTS}

    def run(self, count: int) -> dict[str, list[np.ndarray]]:
        """Run so many trials to their ends, as many at a time as there are slots; returns seconds by event."""
        running: dict[str, dict] = {}
        begun = ended = 0
        while ended < count:
            while len(running) < SLOTS and begun < count:
                key = f"tune-{begun}"
                spent, config = self._timed("suggest", lambda key=key: self._search.suggest(key))
                running[key] = {"at": 0, "spent": spent}
                self._begin(config["trial"], running[key])
                begun += 1
            key = self._draws.choice(list(running))
            if self._step(key, running[key]):
                del running[key]
                ended += 1
        return self._times

    def _begin(self, name: str, state: dict) -> None:
        trial = self._folder.trial(name)
        spec = trial.spec()
        state |= {"name": name, "points": spec.measure_at, "quality": _quality(flat(spec.config)), "lines": []}
        (trial.path / "process").write_text("simulated 0\n")

    def _step(self, key: str, state: dict) -> bool:
        point = state["points"][state["at"]]
        state["at"] += 1
        quality = state["quality"] * (1 + 20 / point) * math.exp(self._draws.gauss(0, 0.05))
        line = {"point": point, "kimg": point, "seconds": point, "quality": quality, "diversity": 0.5}
        trial = self._folder.trial(state["name"])
        state["lines"].append(line)
        _write(trial.path / "measurements.jsonl", state["lines"])
        last = point == state["points"][-1]
        stopped = False
        if last:
            _end(trial.path, Status.COMPLETED)
        else:
            spent, stopped = self._timed("report", lambda: self._search.should_prune(key, line))
            state["spent"] = state["spent"] + spent
        if last or stopped:
            spent, _ = self._timed("complete", lambda: self._search.on_trial_complete(key, line))
            self._times["all of a trial"].append(state["spent"] + spent)
        return last or stopped

    def _timed(self, event: str, action):
        # The driver's own time too: a machine that others use as well takes longer by the clock.
        begun = np.asarray([time.perf_counter(), time.process_time()])
        result = action()
        spent = np.asarray([time.perf_counter(), time.process_time()]) - begun
        self._times[event].append(spent)
        return spent, result


def _quality(at: dict) -> float:
    """A made-up landscape: a valley in the learning rates, steps between choices."""
    rate = abs(math.log10(at["optim.generator.lr"]) + 3.7) + abs(math.log10(at["optim.discriminator.lr"]) + 3.4)
    steps = sum(len(str(value)) % 3 for path, value in at.items() if path.startswith(("loss.", "generator.")))
    return 20 + 30 * rate + steps


def _write(path: Path, lines: list[dict]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _end(path: Path, status: Status) -> None:
    write_json(path / "status.json", {"status": str(status), "reason": ""})


def _rss_mb() -> float:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
