"""How far a cluster may grow, by its file, by what is said, and by who runs its autoscaler."""

import pytest
import yaml
from support.cluster_files import filled

from ignm.errors import IgnmError
from search.clusters import capacity
from search.clusters.capacity import SAID, autoscaling_config, most_of

NOTHING = {"CPU": 0.0, "GPU": 0.0}


def test_the_cluster_on_aws_may_have_four_gpus_though_it_has_none():
    config = yaml.safe_load(filled("cluster.yaml"))
    assert most_of(config, NOTHING, NOTHING) == {"CPU": 16.0, "GPU": 4.0}


def test_the_bound_of_all_workers_holds_for_each_resource_by_itself():
    kinds = {
        "head": {"resources": {"CPU": 0}, "max_workers": 0},
        "wide": {"resources": {"CPU": 64}, "max_workers": 3},
        "gpu": {"resources": {"CPU": 4, "GPU": 2}, "max_workers": 2},
    }
    config = {"available_node_types": kinds, "head_node_type": "head", "max_workers": 4, "provider": {"type": "aws"}}
    assert most_of(config, NOTHING, NOTHING) == {"CPU": 3 * 64 + 4.0, "GPU": 4.0}


def test_machines_of_which_the_file_says_nothing_are_taken_to_be_like_the_largest():
    from ray.autoscaler._private.util import prepare_config

    config = yaml.safe_load(filled("cluster-local.yaml"))
    config["provider"]["worker_ips"] = ["192.168.1.11", "192.168.1.12"]
    head, largest = {"CPU": 7.0, "GPU": 1.0}, {"CPU": 16.0, "GPU": 2.0}
    assert most_of(prepare_config(config), head, largest) == {"CPU": 39.0, "GPU": 5.0}


def test_the_autoscaler_of_this_ray_is_found_by_its_process(tmp_path):
    for number, address in enumerate(("10.0.0.1:6379", "10.0.0.2:6379")):
        (tmp_path / str(number)).mkdir()
        file = tmp_path / f"{number}.yaml"
        file.write_text(f"max_workers: {number}")
        command = ["python", "monitor.py", f"--gcs-address={address}", f"--autoscaling-config={file}", ""]
        (tmp_path / str(number) / "cmdline").write_bytes("\0".join(command).encode())
    assert autoscaling_config("10.0.0.2:6379", tmp_path) == {"max_workers": 1}
    assert autoscaling_config("10.0.0.3:6379", tmp_path) is None
    (tmp_path / "1.yaml").unlink()
    assert autoscaling_config("10.0.0.2:6379", tmp_path) is None


def test_what_is_said_counts_where_no_autoscaler_can_be_asked(monkeypatch):
    monkeypatch.setattr(capacity.ray, "cluster_resources", lambda: {"CPU": 2.0, "memory": 1.0})
    monkeypatch.setenv(SAID, "CPU=64,GPU=8")
    assert capacity.reachable_resources() == {"CPU": 64.0, "GPU": 8.0, "memory": 1.0}
    monkeypatch.setenv(SAID, "CPU=1")
    assert capacity.reachable_resources()["CPU"] == 2.0


@pytest.mark.parametrize("said", ["8", "gpu=8", "GPU=many", "GPU=1,,", "GPU"])
def test_what_is_said_wrongly_is_refused(said, monkeypatch):
    monkeypatch.setattr(capacity.ray, "cluster_resources", dict)
    monkeypatch.setenv(SAID, said)
    with pytest.raises(IgnmError, match="expected CPU=64,GPU=8"):
        capacity.reachable_resources()
