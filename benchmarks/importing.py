"""Images per second of an import against a plain PIL loop in one thread, and what images and processes cost in memory.

    python -m benchmarks.importing faces.zip --resolutions 64 32 --repeats 5

Both take turns, so that a busy machine slows both; the table shows medians and their ratio, wall time and CPU time.
Where others keep all CPUs busy, a process gets its share of CPU time whatever it does, and only the CPU times tell.
Without a zip, faces are drawn.
"""

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from ignm.data.faces import draw_faces
from ignm.data.importing import import_dataset
from ignm.data.workers import cpus

OPENS = """
import sys
from ignm.data.store import open_dataset
def private():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private"))
def step(value):
    print(value, flush=True)
    sys.stdin.readline()
step("")
before = private()
dataset = open_dataset("a", int(sys.argv[2]), sys.argv[1])
step(int(dataset.images.sum()) + int(dataset.classes.sum()))
step((private() - before) / 1024)
"""
IMPORTS = """
import resource, sys
from ignm.data.importing import import_dataset
import_dataset(sys.argv[1], "a", int(sys.argv[2]), root=sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def draw(path, count, resolution=64):
    with zipfile.ZipFile(path, "w") as archive:
        for start in range(0, count, 500):
            for index, image in enumerate(draw_faces(500, resolution, seed=1, start=start).images, start=start):
                buffer = io.BytesIO()
                Image.fromarray(image).save(buffer, "PNG")
                archive.writestr(f"{index:06}.png", buffer.getvalue())


def plain(source, resolution):
    """The loop that one would write."""
    count = 0
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if not name.lower().endswith((".png", ".jpg", ".jpeg", ".webp")):
                continue
            image = Image.open(io.BytesIO(archive.read(name)))
            image = image.convert("L" if image.mode == "L" else "RGB")
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.crop((left, top, left + side, top + side))
            np.asarray(square.resize((resolution, resolution), Image.Resampling.LANCZOS))
            count += 1
    return count


def ours(source, resolution, workers):
    with tempfile.TemporaryDirectory() as root:
        return import_dataset(source, "a", resolution, root=Path(root), workers=workers).count


def cpu_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measured(run, *arguments):
    wall, cpu = time.perf_counter(), cpu_seconds()
    count = run(*arguments)
    return count / (time.perf_counter() - wall), (cpu_seconds() - cpu) / count * 1e6


def speed(source, resolution, repeats, workers):
    runs = {"plain PIL loop": (plain, source, resolution)}
    runs |= {f"import, {number} workers": (ours, source, resolution, number) for number in workers}
    found = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            found[name].append(measured(*run))
    base = statistics.median(rate for rate, _ in found["plain PIL loop"])
    print(f"\n{resolution}x{resolution}, median of {repeats}, load {os.getloadavg()[0]:.1f} on {cpus()} CPUs")
    for name, runs_of in found.items():
        rate, cpu = (statistics.median(values) for values in zip(*runs_of, strict=True))
        print(f"  {name:20} {rate:8,.0f} images/s  x{rate / base:.2f}   CPU {cpu:5.0f} us an image")


def memory(source, resolution, folder):
    """Peak memory for a quarter of the images and for all."""
    with zipfile.ZipFile(source) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".png", ".jpg"))]
        with zipfile.ZipFile(folder / "quarter.zip", "w") as quarter:
            for name in names[: len(names) // 4]:
                quarter.writestr(name, archive.read(name))
    for path, count in ((folder / "quarter.zip", len(names) // 4), (source, len(names))):
        command = [sys.executable, "-c", IMPORTS, str(path), str(resolution), str(folder / f"root{count}")]
        peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"  {count:7,} images: peak {peak:.0f} MiB")


def sharing(root, resolution, processes):
    command = [sys.executable, "-c", OPENS, str(root), str(resolution)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for _ in range(3):
        answers = [child.stdout.readline() for child in children]
        for child in children:
            child.stdin.write("\n")
            child.stdin.flush()
    for child in children:
        child.communicate()
    print(f"  {processes} processes that touched every image: at most {max(map(float, answers)):.1f} MiB of their own")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", help="a zip of images")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[64, 32])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=sorted({1, cpus()}))
    parser.add_argument("--count", type=int, default=10_000, help="how many faces to draw without a zip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = arguments.source or folder / "drawn.zip"
        if arguments.source is None:
            draw(source, arguments.count)
        for resolution in arguments.resolutions:
            speed(source, resolution, arguments.repeats, arguments.workers)
        resolution = arguments.resolutions[0]
        print("\nmemory")
        memory(source, resolution, folder)
        import_dataset(source, "a", resolution, root=folder / "shared")
        sharing(folder / "shared", resolution, 10)


if __name__ == "__main__":
    main()
