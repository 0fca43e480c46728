"""What a search costs beside training and evaluating: our trials, and the same ones on bare Ray Tune, in one run.

    python -m benchmarks.overhead --trials 100 --seconds 5 --bare-trials 30

Both train one configuration at learning rates that Optuna suggests, a thread each on `--slots` CPUs, measure it at
eighths of its budget and keep a checkpoint each time; no trial is stopped early. Bare is what one would write: a
function that builds the same trainer and reports, OptunaSearch and ASHA, a new process for each trial, as Tune does.

Idle is the share of the slots' time, from the first training step of all to the last work of all, in which neither a
training step nor an evaluation ran. A gap is the time from the end of the last work in a slot (training or its last
evaluation) to the first training step of the slot's next trial.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import optuna
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from rich.console import Console

import search.running.ray_cluster as ray_cluster
from ignm.config import Config, Evaluation, override
from ignm.data.cache import data_root
from ignm.data.store import open_dataset
from ignm.metrics.evaluator import Evaluator
from ignm.training import trial
from ignm.training.checkpoint import save_checkpoint
from ignm.training.device import default_device
from ignm.training.memory import keep_freed_memory
from ignm.training.preparation import open_training_set
from ignm.training.trainer import Trainer
from search.running.trainable import TrialTrainable
from search.stages import opened
from search.study.question import Question

RATES = ("optim.generator.lr", "optim.discriminator.lr")
SPACE = "axes:\n" + "".join(f"  - {{path: {path}, log_float: [1e-4, 4e-4]}}\n" for path in RATES)
POINTS = 8
BARE_STEPS_PER_KIMG = 1000


class Timeline:
    """Appends when each piece of work of this process began and ended, once a trial's measurement is reported."""

    def __init__(self, folder):
        self.path, self.trial, self.events = Path(folder) / f"{os.getpid()}.jsonl", "", []

    def wrap(self, owner, name, kind):
        inner = getattr(owner, name)

        def timed(*arguments, **options):
            began = time.time()
            try:
                return inner(*arguments, **options)
            finally:
                self.events.append({"trial": self.trial, "kind": kind, "began": began, "ended": time.time()})

        setattr(owner, name, timed)

    def write(self):
        with self.path.open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in self.events)
        self.events.clear()


def timeline_of(folder, owner, evaluation):
    """This process's timeline, with the trainer noting its work in it, and whatever evaluates."""
    timeline = getattr(Trainer, "timeline", None)
    if timeline is None:
        timeline = Trainer.timeline = Timeline(folder)
        timeline.wrap(Trainer, "advance", "training")
        timeline.wrap(owner, evaluation, "evaluation")
    return timeline


def timed_trainable(folder):
    class Timed(TrialTrainable):
        def setup(self, config):
            self.timeline = timeline_of(folder, trial, "measure")
            self.timeline.write()
            self.timeline.trial = config["trial"]
            super().setup(config)

        def step(self):
            result = super().step()
            self.timeline.write()
            return result

    return Timed


def question_of(given, kimg, storage):
    space = storage / "rates.yaml"
    space.write_text(SPACE)
    name, _, resolution = given.data.partition("@")
    raw = {
        "name": "overhead",
        "data": {"name": name, "resolution": int(resolution)},
        "preset": "dcgan",
        "set": {"optim.batch": 64, "generator.width": given.width, "discriminator.width": given.width},
        "space": str(space),
        "budget": {"trials": given.trials, "kimg": kimg, "first_rung": kimg},
        "evaluation": {"images": given.images},
        "suggesting": {"presets": False},
    }
    return Question.model_validate(raw)


def kimg_for(given, storage):
    """The budget that trains for so many seconds here on one thread, with all slots at work."""
    config = question_of(given, 1.0, storage).base()
    dataset = open_dataset(config.data.name, config.data.resolution)
    torch.set_num_threads(1)
    keep_freed_memory()
    trainer = Trainer(config, open_training_set(config, dataset), 0, default_device())
    trainer.advance(0.5)
    trainer.advance(100.0, for_seconds=2.0)
    before = trainer.seconds, trainer.kimg
    trainer.advance(100.0, for_seconds=3.0)
    return round(given.seconds * (trainer.kimg - before[1]) / (trainer.seconds - before[0]), 2)


def run_ours(given, question, storage, events):
    ray_cluster.TrialTrainable = timed_trainable(str(events))
    with opened(question, storage, Console(quiet=True)) as study:
        study.search()
        return len(study.folder.all_trials("search"))


def bare_trial(given):
    """What one would write for Tune: everything is built in each trial's own process."""
    torch.set_num_threads(1)
    timeline = timeline_of(given["events"], Evaluator, "score")
    timeline.trial = str(os.getpid())
    evaluation, base = Evaluation.model_validate(given["evaluation"]), Config.model_validate(given["config"])
    config = override(base, {path: given[path] for path in RATES})
    dataset = open_dataset(config.data.name, config.data.resolution, Path(given["data"]))
    evaluator = Evaluator(evaluation, dataset, default_device(), Path(given["data"]).parent / "references")
    keep_freed_memory()
    trainer = Trainer(config, open_training_set(config, dataset), 0, default_device())
    for point in given["points"]:
        trainer.advance(point)
        score = evaluator.score(trainer.average)
        with tempfile.TemporaryDirectory() as folder:
            save_checkpoint(trainer, [], "bare", Path(folder))
            timeline.write()
            step = round(point * BARE_STEPS_PER_KIMG)
            tune.report({"quality": score.quality, "step": step}, checkpoint=tune.Checkpoint.from_directory(folder))


def run_bare(given, question, storage, events):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    budget = question.budget
    constants = {
        "events": str(events),
        "data": str(data_root().resolve()),
        "config": question.base().model_dump(mode="json"),
        "evaluation": question.evaluation.model_dump(mode="json"),
        "points": budget.measure_at(budget.kimg),
    }
    space = {path: tune.loguniform(1e-4, 4e-4) for path in RATES}
    last = round(budget.kimg * BARE_STEPS_PER_KIMG)
    tuner = tune.Tuner(
        tune.with_resources(lambda own: bare_trial(constants | own), {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="quality",
            mode="min",
            num_samples=given.bare_trials,
            max_concurrent_trials=given.slots,
            search_alg=OptunaSearch(seed=0),
            scheduler=ASHAScheduler(time_attr="step", max_t=last, grace_period=last),
        ),
        run_config=tune.RunConfig(name="bare", storage_path=str(storage), verbose=0),
    )
    with ray_cluster.connected(None):
        tuner.fit()
    return given.bare_trials


def summary(events, slots):
    """Trials, idle share, and the gaps between the trials of a slot, in seconds."""
    work = [json.loads(line) for path in events.glob("*.jsonl") for line in path.read_text().splitlines()]
    trials = {}
    for each in work:
        first, last = trials.get(each["trial"], (float("inf"), 0.0))
        began = each["began"] if each["kind"] == "training" else float("inf")
        trials[each["trial"]] = (min(first, began), max(last, each["ended"]))
    busy = sum(each["ended"] - each["began"] for each in work)
    span = max(last for _, last in trials.values()) - min(first for first, _ in trials.values())
    gaps, free = [], []
    for first, last in sorted(trials.values()):
        before = [end for end in free if end <= first]
        if len(free) >= slots and before:
            # Of the slots that are free, the one that has waited longest began this trial.
            gaps.append(first - min(before))
            free.remove(min(before))
        free.append(last)
    trained = sum(each["ended"] - each["began"] for each in work if each["kind"] == "training")
    return {
        "trials": len(trials),
        "training a trial": trained / len(trials),
        "evaluating a trial": (busy - trained) / len(trials),
        "idle": 1 - busy / (span * slots),
        "gaps": gaps,
        "wall": span,
    }


def row(name, found):
    gaps = sorted(found["gaps"]) or [float("nan")]
    tail = gaps[min(len(gaps) - 1, round(0.9 * len(gaps)))]
    return (
        f"| {name} | {found['trials']} | {found['training a trial']:.2f} s | {found['evaluating a trial']:.2f} s "
        f"| {found['idle']:.1%} | {statistics.median(gaps):.2f} s | {tail:.2f} s | {found['wall']:.0f} s |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--bare-trials", type=int, default=30, help="0 leaves them out")
    parser.add_argument("--seconds", type=float, default=5.0, help="of training, a trial")
    parser.add_argument("--slots", type=int, default=os.cpu_count(), help="CPUs of this machine")
    parser.add_argument("--data", default="embedded@32")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--images", type=int, default=500, help="generated images in each measurement")
    given = parser.parse_args()
    print(
        "| | trials | training, each | evaluating, each | idle | gap, median | gap, 90 % | all |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name:
        storage = Path(name)
        question = question_of(given, kimg_for(given, storage), storage)
        for label, run in (("IGNM", run_ours), ("bare Ray Tune", run_bare)):
            if label == "IGNM" or given.bare_trials:
                events = storage / label.split()[0]
                events.mkdir()
                run(given, question, storage, events)
                print(row(label, summary(events, given.slots)), flush=True)


if __name__ == "__main__":
    main()
