"""How many trials fit, on machines of all kinds."""

import pytest
import yaml

from ignm.errors import IgnmError
from search.running import capacity
from search.running.capacity import cluster_totals, gpus_per_trial, grown, slots
from search.study.sections import Resources

CLUSTER = {
    "max_workers": 4,
    "head_node_type": "head",
    "available_node_types": {
        "head": {"resources": {"CPU": 0}, "max_workers": 0},
        "gpu": {"resources": {"CPU": 8, "GPU": 2}, "max_workers": 3},
        "small": {"resources": {"CPU": 2}, "max_workers": 9},
    },
}


@pytest.mark.parametrize(
    ("asked", "totals", "count"),
    [
        ({}, {"CPU": 8}, 8),
        ({"cpus": 3}, {"CPU": 8}, 2),
        ({}, {"CPU": 8, "GPU": 2}, 2),
        ({"gpus": 0.25}, {"CPU": 8, "GPU": 2}, 8),
        ({"gpus": 0.25, "cpus": 2}, {"CPU": 8, "GPU": 2}, 4),
        ({"gpus": 0}, {"CPU": 8, "GPU": 2}, 8),
    ],
)
def test_as_many_as_fit(asked, totals, count):
    assert slots(Resources(**asked), totals) == count


@pytest.mark.parametrize(
    ("asked", "totals"), [({"cpus": 9}, {"CPU": 8}), ({"gpus": 1}, {"CPU": 8}), ({}, {"CPU": 0}), ({}, {})]
)
def test_where_none_fits_the_numbers_are_told(asked, totals):
    with pytest.raises(IgnmError, match=r"a trial takes \d CPU\(s\) and \d GPU\(s\), and Ray has \d and \d"):
        slots(Resources(**asked), totals)


def test_a_gpu_is_taken_where_there_is_one():
    assert gpus_per_trial(Resources(), {"GPU": 1}) == 1.0
    assert gpus_per_trial(Resources(), {"CPU": 4}) == 0.0
    assert gpus_per_trial(Resources(gpus=0.5), {"CPU": 4}) == 0.5


def test_a_cluster_may_grow_to_all_its_workers():
    assert grown(CLUSTER) == {"CPU": 3 * 8 + 4 * 2, "GPU": 6}


@pytest.mark.parametrize(
    ("on_head", "text", "totals"),
    [
        (True, yaml.safe_dump(CLUSTER), {"CPU": 32, "GPU": 6}),
        (False, yaml.safe_dump(CLUSTER), {"CPU": 4, "GPU": 0}),
        (True, "nonsense: [", {"CPU": 4, "GPU": 0}),
        (True, "cluster_name: x", {"CPU": 4, "GPU": 0}),
        (True, None, {"CPU": 4, "GPU": 0}),
    ],
)
def test_what_the_head_knows_of_growth_counts_there_alone(monkeypatch, tmp_path, on_head, text, totals):
    if text is not None:
        (tmp_path / "bootstrap.yaml").write_text(text)
    monkeypatch.setattr(capacity, "GROWTH", tmp_path / "bootstrap.yaml")
    monkeypatch.setattr(capacity, "_on_head", lambda: on_head)
    monkeypatch.setattr(capacity.ray, "cluster_resources", lambda: {"CPU": 4.0})
    assert cluster_totals("auto") == totals
    assert cluster_totals(None) == {"CPU": 4, "GPU": 0}
