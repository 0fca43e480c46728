"""Models that differ in all four strategies, and an ablation that is run by hand."""

import json

from support.studies import measurement

from ignm.config import load_preset, override
from search.designs.design import Model, Terms
from search.designs.plan import begin_runs, make_plan
from search.study.folder import Status, StudyFolder
from spaces.reading import read_space

BASE = load_preset("dcgan", {"data.resolution": 32})
IMPROVED = override(
    BASE,
    {
        "data.mirror": True,
        "generator.activation": "silu",
        "generator.weights": "orthogonal",
        "loss.adversarial": "hinge",
        "optim.batch": 16,
    },
)
AXES = {axis.path: axis for axis in read_space("full-labelled").axes}


def terms_between(base, improved, sweep=(), baselines=()):
    """Terms from the model `base` to `improved`."""
    start = Model("base", base)
    return Terms(
        dataset="embedded@32",
        baselines=(start, *baselines),
        starts=(start,),
        improved=Model("better", improved),
        axes=AXES,
        domains={path: axis.domain for path, axis in AXES.items()},
        sweep=tuple(sweep),
    )


class ByHand:
    """The ablate stage with a function in the place of training."""

    def __init__(self, path):
        self.folder = StudyFolder(path / "small")
        self.facts = {"drawn@16": {"fingerprint": "f", "metric": "fd_scatter", "reference_id": "r"}}
        self.runs = []

    def plan(self, question, check=lambda arm: None):
        return make_plan(self.folder, question, self.facts, check)

    def step(self, question, quality):
        """Plan, and end all runs that wait; `quality(arm, seed)` is None for one that diverges."""
        plan = self.plan(question)
        arms = {arm["number"]: arm for arm in plan["arms"]}
        ended = []
        for trial in begin_runs(self.folder, question, plan):
            if trial.status() is Status.RUNNING:
                seed = trial.spec().seed
                value = quality(arms[trial.label()["arm"]], seed)
                if value is not None:
                    line = json.dumps(measurement(plan["kimg"], value))
                    (trial.path / "measurements.jsonl").write_text(line + "\n")
                trial.end(Status.DIVERGED if value is None else Status.COMPLETED)
                ended.append((trial.label()["arm"], seed))
        self.runs += ended
        return plan, ended

    def finish(self, question, quality):
        while True:
            plan, ended = self.step(question, quality)
            if not ended:
                return plan
