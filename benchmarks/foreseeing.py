"""What a dry run foretells, and what then happens: stage by stage, and what a study takes beside training.

    python -m benchmarks.foreseeing search/studies/quick.yaml --runs 3 --set budget.trials=4

Each run is a study of its own in a fresh folder, foreseen right before it is begun, from the start of the command on.
Starting a stage is the time from its beginning to Tune's, and from its last trial's end to its own; a process is what
lies between Tune's beginning and the first trial's in a slot.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EVENTS = "events.json"


def foreseen_of(study, changes, storage):
    from search.api import foresee_study

    found = foresee_study(study, storage, changes=changes)
    spans = {
        "search": found.search_wall,
        "confirm": found.confirm.wall,
        "ablate": found.ablate_wall,
        "in all": found.wall,
    }
    return {name: (span.expected, span.most) for name, span in spans.items() if span.expected}


def run(study, changes, storage, began):
    """Run the study in this process; writes when what began and ended, in seconds since the command."""
    import search.running.ray_cluster as ray_cluster
    from search import stages
    from search.api import run_study

    events = []

    def noted(owner, name):
        inner = getattr(owner, name)

        def timed(*arguments, **options):
            events.append([name, "began", time.time() - began])
            try:
                return inner(*arguments, **options)
            finally:
                events.append([name, "ended", time.time() - began])

        setattr(owner, name, timed)

    for stage in ("search", "confirm", "ablate", "report"):
        noted(stages.Study, stage)
    noted(stages, "run_trials")
    noted(stages, "keep_winner")
    noted(ray_cluster.ray, "init")
    folder = run_study(study, storage, changes=changes)
    for trial in folder.all_trials():
        held = json.loads((trial.path / "slot.json").read_text())["seconds"]
        trained = trial.measurements()[-1]["seconds"]
        began_at = (trial.path / "process").stat().st_mtime - began
        events.append([trial.name, f"{held - trained:.2f} s of {held:.2f} s not training", began_at])
    events.append(["all", "ended", time.time() - began])
    (Path(storage) / EVENTS).write_text(json.dumps(events))


def happened(storage):
    """Seconds of each stage and of all, and what starting took."""
    events = json.loads((Path(storage) / EVENTS).read_text())
    at = {}
    for name, what, seconds in events:
        at.setdefault((name, what), []).append(seconds)
    took = {}
    for stage in ("search", "confirm", "ablate", "report"):
        if (stage, "began") in at:
            took[stage] = at[stage, "ended"][0] - at[stage, "began"][0]
    took["in all"] = at["all", "ended"][0]
    first = [seconds for stage in took for seconds in at.get((stage, "began"), ())]
    processes = sorted(seconds for name, _, seconds in events if "-" in name)
    tune = at["run_trials", "began"]
    beside = {
        "beginning": min(first),
        "process": statistics.median(min(p for p in processes if p > each) - each for each in tune),
        "stage": statistics.median(each - max(f for f in first if f < each) for each in tune),
        "winner": at["keep_winner", "ended"][0] - at["keep_winner", "began"][0],
        "report": took.get("report", 0.0),
    }
    return took, beside


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--within", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    from ignm.config import parse_assignments

    changes = parse_assignments(given.set)
    if given.within:
        run(given.study, changes, given.within[0], float(given.within[1]))
        return
    print("| run | | about | at most | took | took over about | over at most |\n|---|---|---|---|---|---|---|")
    starting = []
    for number in range(1, given.runs + 1):
        with tempfile.TemporaryDirectory() as storage:
            foreseen = foreseen_of(given.study, changes, storage)
            words = [sys.executable, "-m", "benchmarks.foreseeing", given.study, "--within", storage, str(time.time())]
            subprocess.run([*words, *(f"--set={each}" for each in given.set)], check=True)
            took, beside = happened(storage)
        starting.append(beside)
        for name, (expected, most) in foreseen.items():
            row = f"{expected:.0f} s | {most:.0f} s | {took[name]:.0f} s"
            print(f"| {number} | {name} | {row} | {took[name] / expected:.2f} | {took[name] / most:.2f} |", flush=True)
    print()
    for name in starting[0]:
        found = sorted(beside[name] for beside in starting)
        print(f"{name}: {', '.join(f'{seconds:.1f}' for seconds in found)} s")


if __name__ == "__main__":
    main()
