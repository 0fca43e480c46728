"""One path of the Config over several values, all else equal, over several seeds: a table and a figure."""

import re
import statistics

import matplotlib.pyplot as plt
import yaml

from benchmarks.trials import dataset_paths, interval, parser, run_all, specification
from ignm.config import load_preset, parse_assignments


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--preset", default="dcgan")
    arguments.add_argument("--path", required=True, help="the path that is turned")
    arguments.add_argument("--values", required=True, help="its values, with commas between them")
    given = arguments.parse_args()
    shared = {**dataset_paths(given.data), **parse_assignments(given.set)}
    values = [yaml.safe_load(value) for value in given.values.split(",")]
    configs = [load_preset(given.preset, {**shared, given.path: value}) for value in values]
    # By the config's id, so that sweeps into one folder share the runs that they have in common.
    jobs = [
        (given.out / f"{config.config_id}-{seed}", specification(config, seed, given))
        for seed in range(given.seeds)
        for config in configs
    ]
    measured = run_all(jobs, given.processes)
    by_value = {value: measured[index :: len(values)] for index, value in enumerate(values)}
    finals = {
        value: [runs[-1].quality for runs in trials if runs and runs[-1].point == given.kimg]
        for value, trials in by_value.items()
    }
    metric = next(runs[-1].metric for runs in measured if runs)
    name = re.sub(r"[^a-z0-9]+", "-", given.path)
    table = markdown(finals, given, metric)
    (given.out / f"{name}.md").write_text(table, encoding="utf-8")
    print(table)
    draw(finals, given, metric, given.out / f"{name}.svg")


def markdown(finals, given, metric):
    """A row for each value; differences are paired by seed with those of the first value."""
    first = next(iter(finals.values()))
    lines = [
        f"| {given.path} | {metric} at {given.kimg:g} kimg, mean of {given.seeds} seeds | 95% t interval | each seed "
        "| minus the first row, by seed | 95% t interval |",
        "|---|---|---|---|---|---|",
    ]
    for value, qualities in finals.items():
        if not qualities:
            lines.append(f"| {value} | all {given.seeds} diverged | | | | |")
            continue
        lost = f" ({given.seeds - len(qualities)} diverged)" if len(qualities) < given.seeds else ""
        mean, half = interval(qualities)
        each = ", ".join(f"{quality:.2f}" for quality in qualities)
        cells = f"| {value}{lost} | {mean:.2f} | {mean - half:.2f} to {mean + half:.2f} | {each} |"
        if qualities is first or len(qualities) != len(first):
            lines.append(f"{cells} | |")
            continue
        difference, spread = interval([own - other for own, other in zip(qualities, first, strict=True)])
        lines.append(f"{cells} {difference:+.2f} | {difference - spread:+.2f} to {difference + spread:+.2f} |")
    return "\n".join(lines) + "\n"


def draw(finals, given, metric, path):
    known = {str(value): qualities for value, qualities in finals.items() if qualities}
    places = range(len(known))
    figure, axes = plt.subplots(figsize=(4.2, 3.0), layout="constrained")
    means, halves = zip(*(interval(qualities) for qualities in known.values()), strict=True)
    axes.errorbar(places, means, yerr=halves, marker="o", capsize=3, color="#1f5f8b")
    for place, qualities in zip(places, known.values(), strict=True):
        axes.scatter([place] * len(qualities), qualities, s=12, color="#1f5f8b", alpha=0.4)
    axes.set_xticks(places, known)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(given.path)
    axes.set_ylabel(f"{metric} at {given.kimg:g} kimg")
    spread = statistics.median(len(qualities) for qualities in known.values())
    axes.set_title(f"{given.preset}, {given.data}, {spread:g} seeds, 95% t intervals", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    figure.savefig(path.with_suffix(".png"), dpi=150)


if __name__ == "__main__":
    main()
