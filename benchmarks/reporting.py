"""How long `ignm report` takes, and its memory: `python -m benchmarks.reporting`.

The study is made directly, as its driver would have left it: a search of `--trials` trials, each measured 20 times,
three confirmed configurations, and an ablation of one lattice with baselines and a sweep on three seeds; every trial
has its folder. Each report is the command itself, in a process of its own; the peak memory is that of the largest
process so far, the report's or the notebooks' kernel.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from ignm.config import load_preset

MEASURED = 20
METRIC, REFERENCE = "fd_made", "made-32px"
LEVELS = ("data", "structure", "init", "loss")
GAINS = {"data": 1.0, "structure": 4.0, "init": 0.0, "loss": 2.0}
PRESETS = {"dcgan": 20.0, "wgan-gp": 18.0, "sagan": 16.0}
MEASURES = ("point", "kimg", "seconds", "quality", "diversity", "stability", "images_per_second")
WORDS = {"metric": METRIC, "reference_id": REFERENCE, "precision": "bf16", "metrics": {}, "defects": []}
EXTRA = (
    "discriminator_loss", "generator_loss", "real_sign", "generator_gradient", "augment_strength", "quality_error",
    "generator_updates", "discriminator_gradient", "logit_gap", "oscillation", "separation", "slope", "signal",
)  # fmt: skip
CONFIG = load_preset("dcgan", {"data.resolution": 32}).model_dump(mode="json")
AXES = (
    {"path": "optim.generator.lr", "strategy": "optim", "log_float": [1e-5, 1e-3]},
    {"path": "optim.discriminator.lr", "strategy": "optim", "log_float": [1e-5, 1e-3]},
    {"path": "generator.width", "strategy": "structure", "choice": [32, 64, 96]},
    {"path": "generator.activation", "strategy": "structure", "choice": ["relu", "leaky_relu", "silu"]},
    {"path": "discriminator.normalisation", "strategy": "structure", "choice": ["batch", "layer", None]},
    {"path": "loss.adversarial", "strategy": "loss", "choice": ["hinge", "non_saturating"]},
    {"path": "loss.gamma", "strategy": "loss", "log_float": [0.01, 10]},
    {"path": "augment.strength", "strategy": "data", "float": [0.0, 1.0]},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--place", type=Path, help="folder for the study; without it one is made and removed")
    asked = parser.parse_args()
    place = asked.place or Path(tempfile.mkdtemp(prefix="reporting-"))
    try:
        folder = make_study(place / f"made-{asked.trials}", asked.trials)
        for options in (["--no-notebooks"], []):
            report(folder, options)
    finally:
        if asked.place is None:
            shutil.rmtree(place, ignore_errors=True)


def report(folder: Path, options: list[str]) -> None:
    """Time `ignm report` of this folder."""
    begun = time.perf_counter()
    before = _children()
    subprocess.run([str(Path(sys.executable).with_name("ignm")), "report", str(folder), *options], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"report {' '.join(options) or 'with notebooks'}: {time.perf_counter() - begun:.1f} s, "
        f"{_children() - before:.1f} s of CPU, peak {peak:,.0f} MB",
        flush=True,
    )


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make_study(folder: Path, trials: int) -> Path:
    """Write study.yaml, ablation.json and the trials' folders."""
    noise = np.random.default_rng(3)
    folder.mkdir(parents=True, exist_ok=True)
    axes = [axis["path"] for axis in AXES]
    searched = _search(trials, noise)
    best = searched.loc[searched["status"] == "completed"].nsmallest(3, "final")
    confirmed = _runs(best.loc[best.index.repeat(3)].assign(stage="confirm", seed=[1000, 1001, 1002] * 3), noise)
    plan, arms = _ablation()
    ablated = _runs(arms, noise)
    rows = pd.concat([_runs(searched, noise), confirmed, ablated], ignore_index=True)
    rows["trial"] = rows["stage"] + "-" + rows["number"].astype(str).str.zfill(5) + "-s" + rows["seed"].astype(str)
    _write_trials(folder, rows, axes)
    (folder / "ablation.json").write_text(json.dumps(plan))
    question = {
        "name": folder.name, "data": {"name": "made", "resolution": 32}, "preset": "dcgan", "space": "first",
        "budget": {"trials": trials, "kimg": 100}, "seed": 0, "ablate": {"seeds": 3, "most_seeds": 3},
    }  # fmt: skip
    asked = {
        "name": folder.name, "question": question, "axes": list(AXES), "created": "2026-01-02T03:04:05+00:00",
        "metric": {"name": METRIC, "reference_id": REFERENCE, "images": 5000}, "commit": "0123abcd",
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))
    return folder


def _write_trials(folder: Path, rows: pd.DataFrame, axes: list[str]) -> None:
    """Write each trial's folder, as far as a report reads it; measurements hold every field of a real one."""
    fields = json.dumps(dict.fromkeys(EXTRA, 0.123456789))[1:-1]
    for name, mine in rows.groupby("trial", sort=False):
        first = mine.iloc[0]
        path = folder / "trials" / str(name)
        path.mkdir(parents=True)
        spec = {"config": CONFIG, "seed": int(first["seed"]), "kimg": 100.0, "measure_at": [100.0], "evaluation": {}}
        label = {"number": int(first["number"]), "config_id": first["config_id"], "parameters": {}}
        if first["stage"] == "ablate":
            label |= {"arm": int(first["arm"]), "dataset": first["dataset"]}
        else:
            label["parameters"] = {axis: None if pd.isna(first[axis]) else first[axis] for axis in axes}
        (path / "trial.json").write_text(json.dumps(spec))
        (path / "label.json").write_text(json.dumps(label))
        (path / "status.json").write_text(json.dumps({"status": first["status"], "reason": ""}))
        measured = mine[list(MEASURES)].to_dict("records")
        texts = (json.dumps({**each, **WORDS}).replace("NaN", "null") for each in measured)
        (path / "measurements.jsonl").write_text("".join(f"{text[:-1]}, {fields}}}\n" for text in texts))


def _search(trials: int, noise: np.random.Generator) -> pd.DataFrame:
    table = pd.DataFrame({"number": range(trials), "stage": "search", "seed": 0})
    table["config_id"] = [f"{number:012x}" for number in range(trials)]
    table["status"] = noise.choice(
        ["completed", "pruned", "diverged", "out_of_memory"], trials, p=[0.3, 0.6, 0.07, 0.03]
    )
    for axis in AXES:
        path = axis["path"]
        if "choice" in axis:
            values = np.array([str(value) for value in axis["choice"]], dtype=object)
            drawn = noise.choice(values, trials)
            table[path] = np.where(drawn == "None", None, drawn)
        else:
            low, high = axis.get("log_float") or axis["float"]
            uniform = noise.uniform(0, 1, trials)
            table[path] = low * (high / low) ** uniform if "log_float" in axis else low + (high - low) * uniform
    distance = np.log10(table["optim.generator.lr"].astype(float)) + 3.7
    table["final"] = 12 + 9 * distance**2 + 3 * table["discriminator.normalisation"].isna() + noise.normal(0, 1, trials)
    return table


def _runs(table: pd.DataFrame, noise: np.random.Generator) -> pd.DataFrame:
    """One row a measurement: falling towards each row's `final`; a quarter of the way where it did not complete."""
    table = table.reset_index(drop=True)
    rows = table.loc[table.index.repeat(MEASURED)].reset_index(drop=True)
    step = np.tile(np.arange(1, MEASURED + 1), len(table))
    length = np.where(rows["status"] == "completed", 100.0, 25.0)
    rows["point"] = rows["kimg"] = length * step / MEASURED
    rows["seconds"] = 12.0 * step * (1 + 0.2 * rows["final"] / 20)
    rows["quality"] = rows["final"] + 100 * np.exp(-rows["kimg"] / 20) + noise.normal(0, 0.2, len(rows))
    rows.loc[rows["status"].isin(["diverged", "out_of_memory"]) & (step == MEASURED), "quality"] = np.nan
    facts = {
        "diversity": 0.8,
        "stability": 0.3,
        "images_per_second": 900.0,
        "metric": METRIC,
        "reference_id": REFERENCE,
    }
    return rows.assign(defects="", reason="", **facts)


def _ablation() -> tuple[dict, pd.DataFrame]:
    dataset = "made@32"
    arms, places, rows = [], [], []

    def arm(name: str, level: float) -> int:
        number = len(arms)
        identity = f"a{number:011x}"
        parameters = {"generator.width": number}
        arms.append(
            {"number": number, "name": name, "dataset": dataset, "config_id": identity, "parameters": parameters,
             "baseline": "dcgan", "bridges": [], "seeds": [2000, 2001, 2002], "config": {"generator": {"latent": 64}}}
        )  # fmt: skip
        for seed in (2000, 2001, 2002):
            rows.append(
                {"number": number, "arm": number, "dataset": dataset, "config_id": identity, "stage": "ablate",
                 "seed": seed, "status": "completed", "final": level + 0.3 * (seed - 2001)}
            )  # fmt: skip
        return number

    for size in range(len(LEVELS) + 1):
        for on in combinations(LEVELS, size):
            places.append({"on": list(on), "arm": arm("+".join(("dcgan", *on)), 20 - sum(GAINS[name] for name in on))})
    own = places[-1]["arm"]
    presets = {name: places[0]["arm"] if name == "dcgan" else arm(name, level) for name, level in PRESETS.items()}
    common = {"dataset": dataset, "baseline": "dcgan", "improved": "better"}
    swept = [{"value": value, "own": False, "arm": arm(f"better, {value}", 14.0)} for value in ("relu", "leaky_relu")]
    designs = [
        {"design": "baselines", **common, "arms": [
            *({"preset": name, "arm": number} for name, number in presets.items()),
            {"preset": "improved", "arm": own}]},
        {"design": "factorial", **common, "levels": list(LEVELS), "arms": places},
        {"design": "sweeps", "dataset": dataset, "improved": "better", "path": "generator.activation",
         "arms": [{"value": "silu", "own": True, "arm": own}, *swept]},
    ]  # fmt: skip
    plan = {
        "asked_kimg": 100.0, "kimg": 100.0, "seeds": [2000, 2001, 2002], "smallest_effect": 0.05, "complete": True,
        "datasets": {dataset: {"metric": METRIC, "reference_id": REFERENCE}}, "arms": arms, "designs": designs,
    }  # fmt: skip
    return plan, pd.DataFrame(rows)


if __name__ == "__main__":
    main()
