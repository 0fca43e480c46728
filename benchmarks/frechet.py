"""Seconds of one Frechet distance against known reference statistics: ours, and that of three peers.

    python -m benchmarks.frechet --dim 2048 --counts 1000 10000 --repeats 3

All take turns, so that a busy machine slows all; the table shows medians. Peers are given both moments, so that their
time is that of the distance alone. Ours is given the rows and the reference's root, as in a trial; with more rows than
features also their moments, which a trial sums while features are made ("from rows" adds that sum).
"""

import argparse
import statistics
import time
import warnings

import numpy as np
import scipy.linalg
import torch

from ignm.metrics.frechet import Moments, covariance_root, frechet_distance, frechet_distance_of_rows, frechet_estimate


def features(count, dim, seed):
    """Rows like Inception's: positive, mean about 0.4, a spectrum that falls by a power law."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dim, dim, generator=torch.Generator().manual_seed(0)) / dim**0.5
    scales = torch.arange(1, dim + 1, dtype=torch.float32) ** -0.4 * 2
    return (torch.randn(count, dim, generator=generator) * scales @ mixing + 0.3).relu()


def with_the_removed_argument():
    """SciPy 1.18 has no `sqrtm(disp=False)`, which clean-fid and pytorch-fid call; it returned a pair."""
    real = scipy.linalg.sqrtm
    scipy.linalg.sqrtm = lambda matrix, disp=True: real(matrix) if disp else (real(matrix), 0.0)


def contenders(rows, moments, reference, root):
    few = len(rows) <= rows.shape[1]
    exact = rows.double()
    found = {
        "ours": (lambda: frechet_distance_of_rows(exact, reference.mean, root))
        if few
        else (lambda: frechet_distance(moments.mean, moments.covariance, reference.mean, root)),
        "ours, with its error": lambda: frechet_estimate(rows, reference.mean, root, moments).value,
        "ours, with its error, from rows": lambda: frechet_estimate(rows, reference.mean, root).value,
    }
    given = [part.numpy() for part in (moments.mean, moments.covariance, reference.mean, reference.covariance)]
    return found | peers(*given)


def peers(mean, covariance, reference_mean, reference_covariance):
    from cleanfid.fid import frechet_distance as clean_fid
    from pytorch_fid.fid_score import calculate_frechet_distance as pytorch_fid
    from torch_fidelity.metric_fid import fid_statistics_to_metric as torch_fidelity

    given = mean, covariance, reference_mean, reference_covariance
    pair = {"mu": mean, "sigma": covariance}, {"mu": reference_mean, "sigma": reference_covariance}
    return {
        "clean-fid": lambda: clean_fid(*given),
        "pytorch-fid": lambda: pytorch_fid(*given),
        "torch-fidelity": lambda: torch_fidelity(*pair, verbose=False)["frechet_inception_distance"],
    }


def timed(run):
    started = time.perf_counter()
    value = float(np.real(run()))
    return time.perf_counter() - started, value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--reference", type=int, default=20_000, help="rows of the reference")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="names of contenders, when not all are wanted")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with_the_removed_argument()
    reference = Moments.of(features(given.reference, given.dim, 1).split(1024), given.dim)
    root = covariance_root(reference.covariance)
    print(f"D = {given.dim}, {given.repeats} repeats, {torch.get_num_threads()} threads, SciPy {scipy.__version__}")
    for count in given.counts:
        rows = features(count, given.dim, 2) * 1.05
        running = contenders(rows, Moments.of(rows.split(1024), given.dim), reference, root)
        wanted = {name: run for name, run in running.items() if not given.only or name in given.only}
        taken = {name: [] for name in wanted}
        values = {}
        for _ in range(given.repeats):
            for name, run in wanted.items():
                seconds, values[name] = timed(run)
                taken[name].append(seconds)
        tell(count, taken, values)


def tell(count, taken, values):
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    print(f"\n| N = {count:,} | seconds | least .. most | distance | clean-fid takes |\n|---|---|---|---|---|")
    for name, median in medians.items():
        ratio = f"{medians['clean-fid'] / median:.1f} times" if "clean-fid" in medians else ""
        span = f"{min(taken[name]):.3f} .. {max(taken[name]):.3f}"
        print(f"| {name} | {median:.3f} | {span} | {values[name]:.8g} | {ratio} |")


if __name__ == "__main__":
    main()
