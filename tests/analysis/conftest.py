"""Fake but plausible studies, made of closed forms and a fixed seed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

METRIC, REFERENCE = "fd_tiny", "faces-64-2048-tiny-bicubic"
BASELINE = "dc9a11"

AXES = [
    {"path": "optim.generator.lr", "strategy": "optim", "log_float": [1e-5, 1e-3]},
    {"path": "generator.activation", "strategy": "structure", "choice": ["relu", "leaky_relu", "silu"]},
    {"path": "discriminator.normalisation", "strategy": "structure", "choice": [None, "layer", "batch"]},
    {"path": "augment.policy", "strategy": "data", "choice": [None, "diffaugment", "ada"]},
    {"path": "generator.width", "strategy": "structure", "choice": [32, 64, 96]},
    {"path": "loss.gamma", "strategy": "loss", "float": [0.0, 10.0]},
]


def study_yaml(trials: int) -> dict[str, Any]:
    return {
        "name": "faces-quick",
        "question": {
            "data": {"name": "faces-grey", "resolution": 64},
            "space": "ignm",
            "preset": "dcgan",
            "budget": {"kimg": 40, "trials": trials},
            "confirm": {"top": 3, "seeds": 2, "kimg": 120},
            "seed": 0,
        },
        "axes": AXES,
        "metric": {"name": METRIC, "reference_id": REFERENCE, "images": 2048},
        "hardware": {"cpus": 16, "gpu": "one device"},
        "versions": {"ignm": "0.1.0", "torch": "2.14.0"},
        "commit": "0123abcd",
        "created": "2026-01-02T03:04:05Z",
    }


@dataclass
class StudyMaker:
    """Collects measurements and writes a study folder."""

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)

    def trial(
        self, name: str, config: str, qualities: list[float], *, stage: str = "search", status: str = "completed",
        seed: int = 0, kimg: float = 40.0, number: int | None = None, seconds: float = 300.0, **changed: Any,
    ) -> None:  # fmt: skip
        """Add a trial measured evenly up to `kimg`; an empty list is a trial that never measured."""
        fixed = {
            "trial": name, "stage": stage, "number": len(self.rows) if number is None else number, "config_id": config,
            "seed": seed, "status": status, "metric": METRIC, "reference_id": REFERENCE, "diversity": 0.8,
            "stability": 0.3, "images_per_second": 900.0,
        } | changed  # fmt: skip
        if not qualities:
            blank = {"kimg": 0.0, "seconds": 0.0, "quality": float("nan")}
            self.rows.append(fixed | blank | {"diversity": None, "stability": None, "images_per_second": None})
        for step, quality in enumerate(qualities, 1):
            share = step / len(qualities)
            self.rows.append(fixed | {"kimg": kimg * share, "seconds": seconds * share, "quality": quality})

    def write(self, evidence: dict[str, Any] | None = None, asked: dict[str, Any] | None = None) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        asked = study_yaml(20) if asked is None else asked
        (self.folder / "study.yaml").write_text(yaml.safe_dump(asked, sort_keys=False), encoding="utf-8")
        if self.rows:
            pd.DataFrame(self.rows).to_parquet(self.folder / "results.parquet")
        if evidence is not None:
            (self.folder / "best").mkdir(exist_ok=True)
            (self.folder / "best" / "evidence.json").write_text(json.dumps(evidence), encoding="utf-8")
        return self.folder


def plausible_study(folder: Path, trials: int = 20, pictures: bool = True) -> Path:
    """`trials` of a search with every status, three configurations confirmed on two fresh seeds, and a baseline."""
    noise = np.random.default_rng(7)
    maker = StudyMaker(folder)
    statuses = ["completed", "pruned", "completed", "diverged", "completed", "pruned", "completed", "pruned",
                "completed", "out_of_memory", "completed", "pruned", "completed", "failed"]  # fmt: skip
    finals: dict[int, tuple[float, dict[str, Any]]] = {}
    for number in range(trials):
        values, level = _sampled(noise)
        status = statuses[number % len(statuses)]
        config = f"{number:04x}c{number % 7}"
        length = {"pruned": 3, "diverged": 4, "out_of_memory": 0, "failed": 1}.get(status, 10)
        curve = _curve(level, 4.0 * np.arange(1, length + 1), noise)
        if status == "diverged":
            curve = [*curve[:-1], float("nan")]
        maker.trial(
            f"search-{number:04d}-{config}", config, curve, status=status, kimg=4.0 * length, number=number,
            seconds=30.0 * length, **values,
        )  # fmt: skip
        if status == "completed":
            finals[number] = (curve[-1], values | {"level": level})
    top = sorted(finals, key=lambda number: finals[number][0])[:3]
    kimgs = 10.0 * np.arange(1, 13)
    for number in top:
        values = dict(finals[number][1])
        level, config = values.pop("level"), f"{number:04x}c{number % 7}"
        for seed in (1001, 1002):
            curve = _curve(level, kimgs, noise)
            maker.trial(
                f"confirm-{number:04d}-{config}-s{seed}", config, curve, stage="confirm", seed=seed, kimg=120.0,
                number=number, seconds=900.0, **values,
            )  # fmt: skip
    plain = {"optim.generator.lr": 2e-4, "generator.activation": "relu", "discriminator.normalisation": "batch",
             "augment.policy": None, "generator.width": 64, "loss.gamma": 0.0}  # fmt: skip
    for seed in (1001, 1002):
        curve = _curve(17.5, kimgs, noise)
        maker.trial(
            f"confirm-base-s{seed}", BASELINE, curve, stage="confirm", seed=seed, kimg=120.0, seconds=800.0, **plain
        )
    best = maker.write(_evidence(maker), study_yaml(trials))
    (best / "best" / "config.yaml").write_text("optim:\n  generator:\n    lr: 0.0002\n", encoding="utf-8")
    if pictures:
        grid(best / "best" / "samples.png", noise)
        grid(best / "best" / "real.png", noise)
        for name in {row["trial"] for row in maker.rows if row["status"] == "completed"}:
            grid(best / "trials" / name / "samples.png", noise)
    return best


def grid(path: Path, noise: np.random.Generator, side: int = 4, size: int = 32) -> None:
    """Write a grid of soft ovals, the nearest thing to faces without faces."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    tiles = []
    for _ in range(side * side):
        a, b, dx = noise.uniform(0.5, 0.7), noise.uniform(0.65, 0.85), noise.uniform(-0.1, 0.1)
        face = 1 / (1 + np.exp(12 * ((x - dx) ** 2 / a**2 + y**2 / b**2 - 1)))
        eyes = sum(np.exp(-((x - dx - s) ** 2 + (y + 0.2) ** 2) / 0.01) for s in (-0.25, 0.25))
        tiles.append(np.clip(40 + 170 * face - 120 * eyes + noise.normal(0, 4, face.shape), 0, 255))
    rows = [np.concatenate(tiles[row * side : (row + 1) * side], axis=1) for row in range(side)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows).astype(np.uint8)).save(path)


def _sampled(noise: np.random.Generator) -> tuple[dict[str, Any], float]:
    rate = float(10 ** noise.uniform(-5, -3))
    values = {
        "optim.generator.lr": rate,
        "generator.activation": str(noise.choice(["relu", "leaky_relu", "silu"])),
        "discriminator.normalisation": [None, "layer", "batch"][noise.integers(3)],
        "augment.policy": [None, "diffaugment", "ada"][noise.integers(3)],
        "generator.width": [32, 64, 96][noise.integers(3)],
        "loss.gamma": float(noise.uniform(0, 10)),
    }
    level = 11 + 9 * (np.log10(rate) + 3.7) ** 2 + 3 * (values["discriminator.normalisation"] is None)
    return values, float(level + 2 * (values["augment.policy"] is None) + noise.uniform(0, 2))


def _curve(level: float, kimg: np.ndarray, noise: np.random.Generator) -> list[float]:
    return [float(value) for value in level + 120 * np.exp(-kimg / 12) + noise.normal(0, 0.5, len(kimg))]


def _evidence(maker: StudyMaker) -> dict[str, Any]:
    rows = pd.DataFrame(maker.rows)
    final = rows[(rows["stage"] == "confirm") & (rows["kimg"] == 120)]
    means = final[final["config_id"] != BASELINE].groupby("config_id")["quality"].mean()
    best = final[final["config_id"] == means.idxmin()]
    base = final[final["config_id"] == BASELINE]["quality"]
    return {
        "trial": best.iloc[0]["trial"], "config_id": means.idxmin(), "stage": "confirm", "metric": METRIC,
        "quality": float(best.iloc[0]["quality"]), "mean": float(best["quality"].mean()),
        "sd": float(best["quality"].std()), "seeds": [1001, 1002], "qualities": list(best["quality"]), "kimg": 120,
        "parameters": {
            axis["path"]: None if pd.isna(best.iloc[0][axis["path"]]) else _native(best.iloc[0][axis["path"]])
            for axis in AXES
        },
        "baseline": {"config_id": BASELINE, "name": "dcgan", "qualities": list(base), "mean": float(base.mean())},
    }  # fmt: skip


def _native(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


@pytest.fixture
def maker(tmp_path: Path) -> StudyMaker:
    return StudyMaker(tmp_path / "study")


@pytest.fixture(scope="session")
def make_plausible() -> Callable[..., Path]:
    return plausible_study


@pytest.fixture(scope="session")
def plausible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of 20 trials; read-only by agreement, its report built once."""
    return plausible_study(tmp_path_factory.mktemp("studies") / "faces-quick")
