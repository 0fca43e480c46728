"""What many processes and many images cost: pages are shared, and memory does not grow with the number of images."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.pictures import encoded, noise, zip_of

from ignm.data.labels import Labels
from ignm.data.writing import write_dataset

ROLLUP = Path("/proc/self/smaps_rollup")
pytestmark = pytest.mark.slow

OPENS = """
import json, sys
import numpy as np
import ignm.data.store as store

def kept():
    with open("/proc/self/smaps_rollup") as file:
        lines = [line.split() for line in file if line.startswith(("Private", "Pss:"))]
    found = {line[0].rstrip(":"): int(line[1]) for line in lines}
    return found["Private_Clean"] + found["Private_Dirty"], found["Pss"]

def tell(value):
    print(json.dumps(value), flush=True)
    sys.stdin.readline()

tell("ready")
before = kept()
dataset = store.open_dataset("many", 32, sys.argv[1])
seen = sum(int(part.sum()) for part in (dataset.images, dataset.test_images, dataset.classes, dataset.test_classes))
tell(seen)
after = kept()
tell([(after[0] - before[0]) / 1024, (after[1] - before[1]) / 1024])
"""
COUNT, ATTRIBUTES = 20_000, 40


@pytest.mark.skipif(not ROLLUP.exists(), reason="this system does not tell which pages are shared")
def test_ten_processes_share_one_dataset(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)
    classes = np.ones((COUNT, ATTRIBUTES), np.int64)
    names = {f"a{number}": ("no", "yes") for number in range(ATTRIBUTES)}
    with write_dataset(tmp_path, "many", 32, 3) as writer:
        writer.append(images)
        writer.finish(Labels(classes, names, np.zeros((COUNT, 0), np.float32), ()), (), "noise", test=2_000)
    command = [sys.executable, "-c", OPENS, str(tmp_path)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(10)]

    def heard():
        # All have answered before any goes on: a page that one process alone has mapped counts as its own.
        answers = [json.loads(child.stdout.readline()) for child in children]
        for child in children:
            child.stdin.write("\n")
            child.stdin.flush()
        return answers

    try:
        assert heard() == ["ready"] * 10
        assert heard() == [int(images.sum()) + int(classes.sum())] * 10
        grown = np.array(heard())
    finally:
        for child in children:
            child.communicate()
    megabytes = (images.nbytes + classes.nbytes) / 2**20
    assert megabytes > 60
    assert grown[:, 0].max() < 5  # MiB private to each
    assert grown[:, 1].max() < megabytes / 10 + 5


IMPORTS = """
import resource, sys
from ignm.data.importing import import_dataset
report = import_dataset(sys.argv[1], "a", 64, root=sys.argv[2], workers=2)
print(report.count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_the_memory_of_an_import_does_not_grow_with_its_images(tmp_path):
    pictures = [encoded(noise(70, 70, seed=index)) for index in range(50)]
    peaks = {}
    for count in (3_000, 12_000):
        source = zip_of(tmp_path / f"{count}.zip", {f"{index}.png": pictures[index % 50] for index in range(count)})
        command = [sys.executable, "-c", IMPORTS, str(source), str(tmp_path / str(count))]
        imported, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert int(imported) == count
        peaks[count] = float(peak)
    # 9,000 more images are 105 MiB of pixels; their names and places in the zip take about 1 kB each.
    assert peaks[12_000] - peaks[3_000] < 20
