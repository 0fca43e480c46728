"""Does a metric rise with known harm? Measures every candidate extractor under every disturbance, on every dataset.

    python -m benchmarks.extractor_evidence --data embedded --data some-faces.zip --resolution 32 64

Prints one row per candidate, dataset and disturbance, and draws docs/images/extractor-evidence.png. The distance to
one half of the images of the other half, left alone or disturbed, is divided by its value when left alone: 1 is the
noise floor. `noise` is the deviation of that floor over random halves.
"""

import argparse
import csv
import io
import itertools
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from PIL import Image
from torch import Generator, Tensor

from benchmarks.extractor_candidates import candidates
from ignm.data.faces import draw_faces
from ignm.metrics.disturbances import DISTURBANCES, GAN_FAULTS
from ignm.metrics.extractors import Extractor
from ignm.metrics.frechet import Moments, covariance_root, frechet_distance

FIGURE = Path(__file__).parents[1] / "docs" / "images" / "extractor-evidence.png"
SUFFIXES = (".png", ".jpg", ".jpeg")
SPLITS = 5


def load(source: str, resolution: int, count: int) -> Tensor:
    """Up to `count` uint8 images (N, C, R, R) in a fixed shuffled order."""
    if source == "embedded":
        images = draw_faces(count, resolution, seed=0).images
    else:
        contents = list(_files(Path(source)))
        chosen = np.random.default_rng(0).permutation(len(contents))[:count]
        images = np.stack([_decode(contents[index], resolution) for index in chosen])
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def _files(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        yield from (file.read_bytes() for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES)
        return
    with zipfile.ZipFile(path) as archive:
        yield from (archive.read(name) for name in sorted(archive.namelist()) if name.lower().endswith(SUFFIXES))


def _decode(content: bytes, resolution: int) -> np.ndarray:
    picture = Image.open(io.BytesIO(content))
    picture = picture.convert("L" if picture.mode == "L" else "RGB")
    if picture.size != (resolution, resolution):
        picture = picture.resize((resolution, resolution), Image.Resampling.BICUBIC)
    return np.asarray(picture).reshape(resolution, resolution, -1)


def features_of(extractor: Extractor, images: Tensor) -> Tensor:
    return torch.cat([extractor(batch) for batch in images.split(250)]).double()


def distance(real: Tensor, generated: Tensor, extractor: Extractor) -> float:
    scale = extractor.scale(real.var(0))
    one, other = (Moments.of([rows / scale], rows.shape[1]) for rows in (generated, real))
    return frechet_distance(one.mean, one.covariance, other.mean, covariance_root(other.covariance))


def measure(extractor: Extractor, images: Tensor) -> Iterator[dict[str, object]]:
    half = len(images) // 2
    started = time.process_time()
    features = features_of(extractor, images)
    seconds = (time.process_time() - started) / len(images) * 1000
    shuffles = [torch.randperm(len(images), generator=Generator().manual_seed(seed)) for seed in range(SPLITS)]
    floors = [distance(features[order[:half]], features[order[half:]], extractor) for order in shuffles]
    floor = distance(features[:half], features[half:], extractor)
    for name, (disturb, levels) in (DISTURBANCES | GAN_FAULTS).items():
        rise = [1.0]
        for level in levels:
            harmed = features_of(extractor, disturb(images[half:], level, Generator().manual_seed(1)))
            rise.append(distance(features[:half], harmed, extractor) / floor)
        yield {
            "disturbance": name,
            "monotone": all(low < high for low, high in itertools.pairwise(rise)),
            **{f"level {step}": value for step, value in enumerate(rise) if step},
            "noise": float(np.std(floors, ddof=1) / floor),
            "features": extractor.dim,
            "images": half,
            "s per 1000": seconds,
        }


def draw(table: pd.DataFrame) -> None:
    mpl.use("Agg")
    sns.set_theme(style="whitegrid", context="notebook")
    steps = [column for column in table.columns if column.startswith("level ")]
    long = table.assign(**{"level 0": 1.0}).melt(
        id_vars=["extractor", "data", "disturbance"],
        value_vars=["level 0", *steps],
        var_name="level",
        value_name="rise",
    )
    long["level"] = long["level"].str.removeprefix("level ").astype(int)
    grid = sns.relplot(
        long, x="level", y="rise", hue="extractor", units="data", estimator=None, col="disturbance", col_wrap=3,
        kind="line", height=2.8, aspect=1.3, alpha=0.8, palette="colorblind", facet_kws={"sharey": True},
    )  # fmt: skip
    grid.set(yscale="log", xticks=[0, 1, 2, 3, 4])
    grid.set_titles("{col_name}")
    grid.set_axis_labels("level of harm", "distance / noise floor")
    grid.refline(y=1, color="0.4")
    sns.move_legend(grid, "lower center", bbox_to_anchor=(0.45, -0.05), ncols=5, title=None)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    grid.savefig(FIGURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", help="'embedded', or a zip or folder of images (repeatable)")
    parser.add_argument("--resolution", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--count", type=int, default=2000, help="images at most, halved into real and generated")
    parser.add_argument("--extractors", nargs="+", default=list(candidates()), choices=list(candidates()))
    parser.add_argument(
        "--csv", type=Path, help="also keep the rows here, and take those already there into the figure"
    )
    arguments = parser.parse_args()
    kept = arguments.csv is not None and arguments.csv.exists()
    rows = pd.read_csv(arguments.csv).to_dict("records") if kept else []
    for source in arguments.data or ["embedded"]:
        for resolution in arguments.resolution:
            images = load(source, resolution, arguments.count)
            data = f"{Path(source).stem} {resolution}px"
            for name in arguments.extractors:
                rows += [{"extractor": name, "data": data, **row} for row in measure(candidates()[name], images)]
    table = pd.DataFrame(rows)
    if arguments.csv:
        table.to_csv(arguments.csv, index=False, quoting=csv.QUOTE_MINIMAL)
    print(table.to_string(index=False, float_format="{:.2f}".format))
    draw(table)


if __name__ == "__main__":
    main()
