"""`study.yaml`: what was asked, resolved, and with what it was answered."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ignm.config import read_yaml, to_yaml, validated
from ignm.config.files import leaves
from ignm.data.cache import Dataset
from ignm.errors import IgnmError
from ignm.files import write_text
from ignm.metrics.evaluator import resolve_extractor
from search.clusters.version import PACKAGES, code_version
from search.study.folder import StudyFolder
from search.study.question import Question

# What a study may be asked anew with: more of the same, or another way to get it. All else would mix two questions.
MAY_CHANGE = (
    "budget.trials",
    "budget.minutes",
    "budget.gpu_hours",
    "budget.money",
    "budget.finalists",
    "confirm",
    "ablate",
    "resources",
    "space",
    "tracking",
)
# A space is compared by its axes, wherever its file lies.
_DERIVED = {
    "metric": "the metric, or the real images' statistics that it compares with",
    "axes": "the axes of the space",
    "base": "what the preset and its changes come to",
}
_LIBRARIES = ("ignm", "torch", "torchvision", "ray", "optuna", "numpy", "pandas")


def record_question(folder: StudyFolder, question: Question, metric: dict[str, Any], data: dict[str, Any]) -> list[str]:
    """Write `study.yaml`, or check that an earlier one asks the same; raise IgnmError where it does not.

    Returns what it is gone on with that is not as it was when the study, or its last run, began: `commit`, `code`,
    `versions`, `hardware`. That is written down and does not keep it from going on.
    """
    before = read_yaml(folder.question) if folder.question.exists() else {}
    derived = _derived(question)
    if before:
        _check_same(folder, before, question, {"data": data, "metric": metric, **derived})
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made_with = {
        "commit": _commit(),
        "code": code_version().digest,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "hardware": hardware(),
    }
    record: dict[str, Any] = {
        "name": question.name,
        "question": question.model_dump(mode="json"),
        "base_config_id": question.base().config_id,
        **derived,
        "data": data,
        "metric": metric,
        "created": before.get("created", now),
        **{key: before.get(key, value) for key, value in made_with.items()},
        "later_runs": before.get("later_runs", []),
    }
    last = (record["later_runs"] or [record])[-1]
    # What an older version did not write down is not known to have changed.
    changed = [key for key, value in made_with.items() if last.get(key, value) != value]
    if changed:
        record["later_runs"] = [*record["later_runs"], {"time": now, **made_with}]
    write_text(folder.question, to_yaml(record))
    return changed


def read_question(folder: StudyFolder) -> Question:
    """Read back what a study asked."""
    return validated(Question, read_yaml(folder.question).get("question"), str(folder.question))


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """What a study's record says of its dataset."""
    return {
        "name": dataset.name,
        "resolution": dataset.resolution,
        "channels": dataset.channels,
        "images": len(dataset.images),
        "fingerprint": dataset.fingerprint,
    }


def check_same(folder: StudyFolder, question: Question, dataset: Dataset) -> None:
    """Raise IgnmError where the folder holds another study of this name, as far as that is seen without measuring."""
    if folder.question.exists():
        before = read_yaml(folder.question)
        facts = {"data": facts_of(dataset), "metric": before.get("metric"), **_derived(question)}
        _check_same(folder, before, question, facts)


def _derived(question: Question) -> dict[str, Any]:
    axes = [axis.model_dump(mode="json") for axis in question.load_space().axes]
    return {"axes": axes, "base": question.base().model_dump(mode="json")}


def with_extractor(question: Question, folder: StudyFolder) -> Question:
    """Settle `auto` once for the whole study: machines that hold different weights would choose different metrics."""
    if question.evaluation.extractor != "auto":
        return question
    known = read_question(folder).evaluation.extractor if folder.question.exists() else resolve_extractor("auto")
    return question.model_copy(update={"evaluation": question.evaluation.model_copy(update={"extractor": known})})


def hardware() -> dict[str, Any]:
    """The driver's machine."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"cpus": os.cpu_count(), "processor": _processor(), "memory_gib": _memory_gib(), "gpus": gpus}


def _check_same(folder: StudyFolder, before: dict[str, Any], question: Question, facts: dict[str, Any]) -> None:
    asked = validated(Question, before.get("question"), str(folder.question))
    old = dict(leaves(asked.model_dump(mode="json")))
    new = dict(leaves(question.model_dump(mode="json")))
    changed = sorted(
        path
        for path in old.keys() | new.keys()
        if old.get(path) != new.get(path)
        and not any(path == free or path.startswith(f"{free}.") for free in MAY_CHANGE)
    )
    lines = [f"{path}: {old.get(path)} -> {new.get(path)}" for path in changed]
    if before.get("data") != facts["data"]:
        old_print = before.get("data", {}).get("fingerprint")
        lines.append(f"the dataset's fingerprint: {old_print} -> {facts['data']['fingerprint']}")
    lines += [f"{what} ({name})" for name, what in _DERIVED.items() if before.get(name) != facts[name]]
    if lines:
        raise IgnmError(
            "\n  ".join([f"{folder.path}: holds another study of this name; what differs:", *lines])
            + f"\n  give the study another name (`name:` in its file, or --set name=...), or move {folder.path} away"
        )


def _commit() -> str | None:
    """The commit of the sources, `changed` after it where they are not as it has them; None where git does not tell."""
    try:
        head, changes = (
            subprocess.run(
                ["git", *words], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=10, check=True
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "--", *PACKAGES])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}, changed" if changes else head


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
