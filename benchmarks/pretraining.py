"""Does pretraining save kimg? The same config with and without init.checkpoint, seed by seed.

For each seed a source model is trained on another dataset; then the config is trained on the dataset in question from
fresh weights, and again from the source model. The saving is kimg of the fresh run over kimg at which the pretrained
one first reaches the fresh one's final quality, read off between measurements on a straight line of log quality.
"""

import math

from benchmarks.trials import dataset_paths, interval, parser, run_all, specification
from ignm.config import load_preset, parse_assignments


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


def kimg_to_reach(runs, quality):
    """kimg at which a run first is as good as `quality`; None if it never is."""
    before = None
    for each in runs:
        if each.quality <= quality:
            if before is None:
                return each.kimg
            share = math.log(before.quality / quality) / math.log(before.quality / each.quality)
            return before.kimg + share * (each.kimg - before.kimg)
        before = each
    return None


def markdown(pairs, given):
    metric = pairs[0][0][-1].metric
    lines = [
        f"| seed | fresh: {metric} at {given.kimg:g} kimg | pretrained: {metric} at {given.kimg:g} kimg "
        "| kimg to the fresh one's end | times as fast |",
        "|---|---|---|---|---|",
    ]
    ratios = []
    for seed, (fresh, pretrained) in enumerate(pairs):
        goal = fresh[-1].quality
        reached = kimg_to_reach(pretrained, goal)
        if reached is not None:
            ratios.append(fresh[-1].kimg / reached)
        cells = ("not reached", "") if reached is None else (f"{reached:.1f}", f"{ratios[-1]:.2f}")
        lines.append(f"| {seed} | {goal:.2f} | {pretrained[-1].quality:.2f} | {cells[0]} | {cells[1]} |")
    if len(ratios) == len(pairs) > 1:
        mean, half = interval([math.log(ratio) for ratio in ratios])
        lines.append(
            f"\n{math.exp(mean):.2f} times as fast (geometric mean of {len(ratios)} seeds; 95% t interval of the log: "
            f"{math.exp(mean - half):.2f} to {math.exp(mean + half):.2f})"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
