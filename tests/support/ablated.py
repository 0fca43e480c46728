"""Studies on disk whose ablation has planted effects, made of closed forms and a fixed seed; nothing is trained."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import yaml

STRATEGIES = ("data", "structure", "init", "loss")
PATHS = {
    "data": ("data.mirror", False, True),
    "structure": ("generator.activation", "relu", "silu"),
    "init": ("init.reconstruction", 0.0, 4.0),
    "loss": ("loss.adversarial", "non_saturating", "hinge"),
}
POINTS = 8
KIMG = 80.0
METRIC = "fd_tiny"


class Ablated:
    """Plans an ablation and writes it as if it had been run.

    effects: what each strategy takes off the quality (100 without any), pairs as ("data", "loss"); variety: what it
    adds to the diversity (0.5); faster: how many times sooner a run with `init` comes down; levels: of other models, by
    name.
    """

    def __init__(
        self, folder, effects=None, variety=None, faster=1.0, levels=None, seeds=range(2000, 2005), most_seeds=None,
        noise=1.0, shared=2.0, datasets=("faces@32",), smallest_effect=0.02, defects=None, strategies=STRATEGIES,
    ):  # fmt: skip
        self.folder, self.seeds, self.datasets = folder, list(seeds), datasets
        self.effects, self.variety, self.faster = effects or {}, variety or {}, faster
        self.levels, self.defects = levels or {}, defects or {}
        self.noise, self.shared, self.smallest, self.most = noise, shared, smallest_effect, most_seeds
        self.strategies = tuple(strategies)
        self.arms, self.designs, self.about, self.numbers = [], [], [], {}
        self.lost, self.unmade, self.extra, self.scale = {}, set(), [], 1.0

    def everything(self):
        """Ask for every design."""
        return (
            self.factorial()
            .leave_one_out()
            .add_one_in()
            .baselines(*self.levels)
            .sweep("generator.activation", {"relu": -6.0, "silu": None, "mish": 1.0})
            .sweep("augment.policy", {None: None, "diffaugment": -2.0})
            .path()
        )

    def factorial(self, half=False):
        for dataset in self.datasets:
            size = len(self.strategies)
            subsets = [on for count in range(size + 1) for on in combinations(self.strategies, count)]
            kept = [on for on in subsets if not half or (size - len(on)) % 2 == 0]
            places = [{"on": list(on), "arm": self._arm(dataset, on)} for on in kept]
            name = "half_factorial" if half else "factorial"
            self._design(name, dataset, levels=list(self.strategies), arms=places)
        return self

    def leave_one_out(self):
        for dataset in self.datasets:
            less = [
                {"without": name, "arm": self._arm(dataset, [other for other in self.strategies if other != name])}
                for name in self.strategies
            ]
            whole = {"without": None, "arm": self._arm(dataset, self.strategies)}
            self._design("leave_one_out", dataset, arms=[*less, whole])
        return self

    def add_one_in(self):
        for dataset in self.datasets:
            more = [{"with": name, "arm": self._arm(dataset, [name])} for name in self.strategies]
            self._design("add_one_in", dataset, arms=[{"with": None, "arm": self._arm(dataset, [])}, *more])
        return self

    def baselines(self, *others):
        for dataset in self.datasets:
            named = [{"preset": name, "arm": self._other(dataset, name, self.levels[name])} for name in others]
            places = [{"preset": "dcgan", "arm": self._arm(dataset, [])}, *named]
            places.append({"preset": "improved", "arm": self._arm(dataset, self.strategies)})
            self._design("baselines", dataset, arms=places)
        return self

    def sweep(self, path, gains):
        """gains: value -> what it takes off the improved model's quality; None is the improved model's own."""
        for dataset in self.datasets:
            own = next(value for value, gain in gains.items() if gain is None)
            places = [{"value": own, "own": True, "arm": self._arm(dataset, self.strategies)}]
            for value, gain in gains.items():
                if gain is not None:
                    level = self._level(self.strategies) - gain
                    number = self._other(dataset, f"ignm, {path} {value}", level, {path: value})
                    places.append({"value": value, "own": False, "arm": number})
            refused = [{"value": "sigmoid", "reason": "it cannot work"}]
            self._design("sweeps", dataset, baseline=None, path=path, arms=places, refused=refused)
        return self

    def axes(self, kind="leave_axis_out"):
        key = {"leave_axis_out": "without", "add_axis_in": "with"}[kind]
        for dataset in self.datasets:
            whole = self.strategies if key == "without" else []
            places = [
                {
                    key: PATHS[name][0],
                    "arm": self._arm(dataset, [s for s in self.strategies if (s == name) == (key == "with")]),
                }
                for name in self.strategies
            ]
            self._design(kind, dataset, arms=[*places, {key: None, "arm": self._arm(dataset, whole)}])
        return self

    def path(self, rounds=None):
        for dataset in self.datasets:
            taken, told = [], []
            left = sorted(self.strategies, key=lambda name: -self.effects.get(name, 0.0))
            for name in left[: rounds or len(left)]:
                tried = {other: self._arm(dataset, [*taken, other]) for other in left if other not in taken}
                told.append({"round": len(told) + 1, "tried": tried, "taken": name})
                taken.append(name)
            self._design("path", dataset, start=self._arm(dataset, []), rounds=told)
        return self

    def lose(self, number, seed, status="diverged", after=0.5):
        """Let a run end as `status` after a share of its budget; 0 is before its first measurement."""
        self.lost[number, seed] = (status, after)
        return self

    def leave_out(self, number, seed=None):
        """Let a run, or all of an arm, not have begun."""
        self.unmade |= {(number, each) for each in ([seed] if seed is not None else self.seeds)}
        return self

    def number(self, on, dataset=None):
        """Number of the arm with these strategies on, or of the model of that name."""
        key = on if isinstance(on, str) else frozenset(on)
        return self.numbers[dataset or self.datasets[0], key]

    def write(self, keep=lambda row: True):
        """Write study.yaml, ablation.json and results.parquet; `keep` says which measurements there are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        asked = {"seeds": len(self.seeds), "most_seeds": self.most or len(self.seeds)}
        record = {
            "name": "planted",
            "created": "2026-01-02T03:04:05Z",
            "commit": "0123abcd4567",
            "question": {"preset": "dcgan", "ablate": asked, "data": {"name": "faces", "resolution": 32}},
            "metric": {"name": METRIC, "reference_id": f"ref-{self.datasets[0]}", "images": 1000},
        }
        (self.folder / "study.yaml").write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
        (self.folder / "ablation.json").write_text(json.dumps(self.plan()), encoding="utf-8")
        rows = [row for row in [*self.rows(), *self.extra] if keep(row)]
        if rows:
            pd.DataFrame(rows).to_parquet(self.folder / "results.parquet")
        return self.folder

    def plan(self):
        return {
            "asked_kimg": KIMG,
            "kimg": KIMG,
            "seeds": self.seeds,
            "smallest_effect": self.smallest,
            "improved": {"name": "ignm", "config_id": "c"},
            "datasets": {name: {"metric": METRIC, "reference_id": f"ref-{name}"} for name in self.datasets},
            "complete": True,
            "arms": self.arms,
            "designs": self.designs,
        }

    def rows(self):
        """One row a measurement. Noise depends on arm and seed alone, so that leaving runs out changes no other."""
        return [row for arm in self.arms for seed in self.seeds for row in self._run(arm, seed)]

    def _run(self, arm, seed):
        number = arm["number"]
        if (number, seed) in self.unmade:
            return []
        status, until = self.lost.get((number, seed), ("completed", 1.0))
        made = {
            "trial": f"ablate-{number:02d}-{arm['config_id'][:8]}-s{seed}",
            "stage": "ablate", "number": number, "config_id": arm["config_id"], "arm": number,
            "dataset": arm["dataset"], "seed": seed, "status": status, "reason": "", "metric": METRIC,
            "reference_id": f"ref-{arm['dataset']}", "images_per_second": 800.0, "stability": 0.2,
        }  # fmt: skip
        count = round(until * POINTS)
        if count == 0:
            return [made | {"kimg": 0.0, "point": None, "quality": None, "diversity": None, "seconds": 0.0}]
        level, variety, faster = self.about[number]
        own, common = np.random.default_rng([number, seed]), np.random.default_rng([seed, 77])
        shift = self.shared * common.normal() + self.noise * own.normal()
        spread = 0.01 * common.normal() + 0.01 * own.normal()
        rows = []
        for at in range(1, count + 1):
            point = KIMG * at / POINTS
            # Whatever the speed, it ends where it is to end.
            left = 3 * (np.exp(-point * faster / 20) - np.exp(-KIMG * faster / 20))
            quality = self.scale * (level + shift) * (1 + left)
            shown = self.defects.get((number, seed), "") if at == count else ""
            rows.append(
                made
                | {
                    "kimg": point + 0.064, "point": point, "quality": quality, "diversity": variety + spread,
                    "seconds": 10.0 * at, "defects": shown,
                }
            )  # fmt: skip
        if status == "diverged":
            rows[-1]["quality"] = None
        return rows

    def _level(self, on):
        on = set(on)
        single = sum(gain for name, gain in self.effects.items() if isinstance(name, str) and name in on)
        return (
            100.0 - single - sum(g for pair, g in self.effects.items() if isinstance(pair, tuple) and on >= set(pair))
        )

    def _arm(self, dataset, on):
        on = [name for name in STRATEGIES if name in on]
        config = {PATHS[name][0]: PATHS[name][2 if name in on else 1] for name in STRATEGIES}
        changed = {PATHS[name][0]: PATHS[name][2] for name in on}
        name = "ignm" if set(on) == set(self.strategies) else "+".join(["dcgan", *on])
        about = (
            self._level(on),
            0.5 + sum(self.variety.get(each, 0.0) for each in on),
            self.faster if "init" in on else 1.0,
        )
        return self._add(dataset, frozenset(on), name, config, changed, about)

    def _other(self, dataset, name, level, changed=None):
        faster = self.faster if name.startswith("ignm") else 1.0
        return self._add(dataset, name, name, changed or {}, changed or {}, (level, 0.5, faster))

    def _add(self, dataset, key, name, config, changed, about):
        if (dataset, key) not in self.numbers:
            number = self.numbers[dataset, key] = len(self.arms)
            tree = {}
            for path, value in config.items():
                section, field = path.split(".", 1)
                tree.setdefault(section, {})[field] = value
            self.arms.append(
                {
                    "number": number, "name": name, "dataset": dataset, "config_id": f"{number:04x}c{number:04x}",
                    "config": tree, "bridges": [], "parameters": changed, "seeds": self.seeds,
                }
            )  # fmt: skip
            self.about.append(about)
        return self.numbers[dataset, key]

    def _design(self, name, dataset, **facts):
        known = {"design": name, "dataset": dataset, "baseline": "dcgan", "improved": "ignm"}
        told = {key: value for key, value in (known | facts).items() if value is not None}
        if self.strategies != STRATEGIES:
            told["same"] = [each for each in STRATEGIES if each not in self.strategies]
        self.designs.append(told)
