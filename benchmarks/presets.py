"""The presets at equal kimg on one dataset: a table with intervals over seeds, and their samples."""

import statistics

import numpy as np
from PIL import Image

from benchmarks.trials import dataset_paths, interval, parser, run_all, specification
from ignm.config import load_preset, parse_assignments, preset_names

SHOWN = 32


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--presets", default=",".join(preset_names()))
    given = arguments.parse_args()
    changes = {**dataset_paths(given.data), **parse_assignments(given.set)}
    presets, seeds = given.presets.split(","), range(given.seeds)
    jobs = [
        (given.out / f"{preset}-{seed}", specification(load_preset(preset, changes), seed, given))
        for seed in seeds
        for preset in presets
    ]
    measured = run_all(jobs, given.processes)
    by_preset = {
        preset: [runs for (path, _), runs in zip(jobs, measured, strict=True) if path.name.rpartition("-")[0] == preset]
        for preset in presets
    }
    table = markdown(by_preset, given)
    (given.out / "presets.md").write_text(table, encoding="utf-8")
    print(table)
    for preset in presets:
        crop(given.out / f"{preset}-0" / "samples.png", given.out / f"{preset}.png")


def markdown(by_preset, given):
    metric = next(runs[-1].metric for trials in by_preset.values() for runs in trials if runs)
    lines = [
        f"| preset | {metric} at {given.kimg:g} kimg, mean of {given.seeds} seeds | 95% t interval | each seed "
        "| diversity | images/s |",
        "|---|---|---|---|---|---|",
    ]
    for preset, trials in by_preset.items():
        done = [runs for runs in trials if runs and runs[-1].point == given.kimg]
        if not done:
            lines.append(f"| {preset} | all {len(trials)} diverged | | | | |")
            continue
        values = [runs[-1].quality for runs in done]
        mean, half = interval(values)
        lost = f" ({len(trials) - len(done)} diverged)" if len(done) < len(trials) else ""
        lines.append(
            f"| {preset}{lost} | {mean:.2f} | {mean - half:.2f} to {mean + half:.2f} "
            f"| {', '.join(f'{value:.2f}' for value in values)} | "
            f"{statistics.fmean(runs[-1].diversity for runs in done):.2f} | "
            f"{statistics.median(runs[-1].images_per_second for runs in done):.0f} |"
        )
    return "\n".join(lines) + "\n"


def crop(source, target):
    """The first rows of a grid of samples, enlarged to be looked at."""
    with Image.open(source) as picture:
        rows = np.asarray(picture)[: picture.height // 2 + 1]
    Image.fromarray(rows).resize((rows.shape[1] * 2, rows.shape[0] * 2), Image.Resampling.NEAREST).save(target)


if __name__ == "__main__":
    main()
