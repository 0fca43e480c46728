"""Searches replayed on a recorded table: compute until random search's best is found, over many seeds.

    python -m benchmarks.replaying --table docs/results/recorded-faces-grey-32.csv --seeds 100

The table (`benchmarks.recording`) holds every configuration of a grid, measured at each rung. Random search trains as
many of them as --random says, in a random order, to the full budget. The search is the product's own, its searcher and
its early stopping, with two trials side by side; its compute is counted, in kimg, until a trial that was trained to the
full budget is as good as random search's best.
"""

import argparse
import csv
import heapq
import json
import random
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.recording import FIXED, GRID, points
from ignm.config import value_at
from search.searcher.study_search import StudySearch
from search.study.folder import Status, StudyFolder
from search.study.question import Question

SLOTS = 2


@dataclass(frozen=True)
class Table:
    """Quality at each point of each configuration; infinite where it diverged."""

    qualities: dict
    points: tuple

    @classmethod
    def read(cls, path):
        qualities, points = {}, set()
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                found = qualities.setdefault(tuple(row[axis] for axis in GRID), {})
                points.add(float(row["point"]))
                found[float(row["point"])] = float(row["quality"] or "inf")
        points = tuple(sorted(points))
        for found in qualities.values():
            for point in points:
                found.setdefault(point, float("inf"))
        return cls(qualities, points)

    @property
    def kimg(self):
        return self.points[-1]

    def final(self, key):
        return self.qualities[key][self.kimg]


def key_of(config):
    values = (value_at(config, axis) for axis in GRID)
    return tuple("" if value is None else str(value) for value in values)


def random_search(table, trials, seed):
    """The best of the first `trials` configurations of a random order, and the kimg until it was found."""
    order = random.Random(seed).sample(sorted(table.qualities), trials)
    best = min(order, key=table.final)
    return table.final(best), (order.index(best) + 1) * table.kimg, trials * table.kimg


def question_of(table, arguments, directory, seed):
    space = directory / "grid.yaml"
    axes = [{"path": path, "choice": values} for path, values in GRID.items()]
    space.write_text(yaml.safe_dump({"axes": axes}))
    return Question(
        name="replay",
        data={"name": "embedded", "resolution": 32},
        # The study's own configuration is tried first: one drawn anew for each seed, as random search's first is.
        set={**FIXED, **random.Random(f"base {seed}").choice(points())},
        space=str(space),
        budget={
            "trials": len(table.qualities),
            "kimg": table.kimg,
            "first_rung": arguments.first_rung,
            "reduction": arguments.reduction,
        },
        suggesting={"sampler": arguments.sampler, "presets": False},
        seed=seed,
    )


def search(table, arguments, target, seed):
    """kimg trained until a trial at the full budget is as good as `target`; None: never."""
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        directory = Path(scratch)
        question = question_of(table, arguments, directory, seed)
        folder = StudyFolder(directory / question.name)
        searcher = StudySearch(folder, question, question.load_space(), {"study": str(folder.path)})
        now, spent, running, begun = 0.0, 0.0, [], 0
        while True:
            while len(running) < SLOTS:
                config = searcher.suggest(str(begun))
                if not isinstance(config, dict):
                    break
                key = key_of(folder.trial(config["trial"]).spec().config)
                heapq.heappush(running, (now + table.points[0], begun, 0, config["trial"], key))
                begun += 1
            if not running:
                return None
            now, number, reached, name, key = heapq.heappop(running)
            point = table.points[reached]
            spent += point - (table.points[reached - 1] if reached else 0.0)
            quality = table.qualities[key][point]
            trial = folder.trial(name)
            if quality == float("inf"):
                trial.end(Status.DIVERGED)
                searcher.on_trial_complete(str(number), {})
                continue
            with (trial.path / "measurements.jsonl").open("a") as file:
                file.write(json.dumps({"kimg": point, "point": point, "quality": quality, "seconds": point}) + "\n")
            if point == table.kimg:
                trial.end(Status.COMPLETED)
                searcher.on_trial_complete(str(number), {})
                if quality <= target:
                    return spent
            elif searcher.should_prune(str(number), {"kimg": point, "point": point, "quality": quality}):
                searcher.on_trial_complete(str(number), {})
            else:
                later = now + table.points[reached + 1] - point
                heapq.heappush(running, (later, number, reached + 1, name, key))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--random", type=int, default=32, help="trials of random search")
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--first-rung", type=float)
    parser.add_argument("--reduction", type=int, default=2)
    parser.add_argument("--scratch", type=Path, help="a fast folder for the studies")
    arguments = parser.parse_args()
    table = Table.read(arguments.table)
    whole, found = [], []
    for seed in range(arguments.seeds):
        target, until_found, total = random_search(table, arguments.random, seed)
        spent = search(table, arguments, target, seed)
        whole.append(total / spent if spent else 0.0)
        found.append(until_found / spent if spent else 0.0)
    for what, ratios in (("all of its compute", whole), ("what it took to find its best", found)):
        quarters = statistics.quantiles(ratios, n=4)
        print(
            f"random search, {what}, over ours: median {statistics.median(ratios):.2f}, "
            f"quarters {quarters[0]:.2f} to {quarters[2]:.2f}, mean {statistics.fmean(ratios):.2f} "
            f"({arguments.seeds} seeds, never found: {sum(ratio == 0 for ratio in ratios)})"
        )


if __name__ == "__main__":
    main()
