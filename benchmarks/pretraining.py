"""Does pretraining save kimg? The same config with and without init.checkpoint, seed by seed.

For each seed a source model is trained on another dataset; then the config is trained on the dataset in question from
fresh weights, and again from the source model. The saving is kimg of the fresh run over kimg at which the pretrained
one first is as good as the fresh one becomes, on its way there and at its end.
"""

import math

from benchmarks.trials import dataset_paths, interval, parser, run_all, specification
from ignm.config import load_preset, parse_assignments
from ignm.diagnostics.convergence import kimg_to_quality

MULTIPLES = (8, 4, 2, 1.25, 1)
"""Of the quality that a fresh run ends with: goals on its way there."""


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--source", default="embedded@32", help="NAME@RESOLUTION that the source models learn")
    arguments.add_argument("--source-kimg", type=float, default=200.0)
    arguments.add_argument("--preset", default="ignm")
    arguments.add_argument("--init", action="append", default=[], metavar="PATH=VALUE", help="for the pretrained runs")
    given = arguments.parse_args()
    shared = parse_assignments(given.set)
    source = load_preset(given.preset, {**shared, **dataset_paths(given.source)})
    seeds = range(given.seeds)
    sources = [
        (given.out / f"source-{seed}", specification(source, seed, given, given.source_kimg, 4)) for seed in seeds
    ]
    run_all(sources, given.processes)
    jobs = []
    for seed, (path, _) in zip(seeds, sources, strict=True):
        changes = {**shared, **dataset_paths(given.data)}
        fresh = load_preset(given.preset, changes)
        pretrained = load_preset(
            given.preset, {**changes, "init.checkpoint": str(path), **parse_assignments(given.init)}
        )
        jobs.append((given.out / f"fresh-{seed}", specification(fresh, seed, given)))
        jobs.append((given.out / f"pretrained-{seed}", specification(pretrained, seed, given)))
    measured = run_all(jobs, given.processes)
    table = markdown(list(zip(measured[::2], measured[1::2], strict=True)), given)
    (given.out / "pretraining.md").write_text(table, encoding="utf-8")
    print(table)


def kimg_to_reach(runs, goal):
    """kimg at which a run first is as good as `goal`; None if it never is."""
    reached = kimg_to_quality([each.kimg for each in runs], [each.quality for each in runs], goal)
    return None if reached.censored else reached.kimg


def markdown(pairs, given):
    """How much sooner the pretrained runs are as good as the fresh ones become, on the way there and at their end."""
    metric = pairs[0][0][-1].metric
    end = f"{metric} at {given.kimg:g} kimg"
    lines = [f"| seed | fresh: {end} | pretrained: {end} |", "|---|---|---|"]
    for seed, (fresh, pretrained) in enumerate(pairs):
        lines.append(f"| {seed} | {fresh[-1].quality:.2f} | {pretrained[-1].quality:.2f} |")
    for name, runs in (("fresh", [pair[0] for pair in pairs]), ("pretrained", [pair[1] for pair in pairs])):
        mean, half = interval([each[-1].quality for each in runs])
        lines.append(f"\n{name}: {mean:.2f} (95% t interval {mean - half:.2f} to {mean + half:.2f})")
    mean, half = interval([pretrained[-1].quality - fresh[-1].quality for fresh, pretrained in pairs])
    lines.append(f"\npretrained minus fresh, by seed: {mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})\n")
    lines += [
        "| as good as | kimg, fresh | kimg, pretrained | times as fast, geometric mean and 95% t interval of the log |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_row(multiple, pairs) for multiple in MULTIPLES)]) + "\n"


def _row(multiple, pairs):
    goals = [multiple * fresh[-1].quality for fresh, _ in pairs]
    reached = [[kimg_to_reach(runs, goal) for runs in pair] for pair, goal in zip(pairs, goals, strict=True)]
    columns = [
        ", ".join("not reached" if kimg is None else f"{kimg:.0f}" for kimg in column)
        for column in zip(*reached, strict=True)
    ]
    name = "the fresh run's end" if multiple == 1 else f"{multiple:g} times the fresh run's end"
    if any(kimg is None for pair in reached for kimg in pair):
        return f"| {name} | {columns[0]} | {columns[1]} | below 1 where it is not reached |"
    mean, half = interval([math.log(fresh / pretrained) for fresh, pretrained in reached])
    return (
        f"| {name} | {columns[0]} | {columns[1]} "
        f"| {math.exp(mean):.2f} ({math.exp(mean - half):.2f} to {math.exp(mean + half):.2f}) |"
    )


if __name__ == "__main__":
    main()
