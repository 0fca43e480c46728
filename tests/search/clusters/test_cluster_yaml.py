"""The cluster files that come along: what must be filled in, and what Ray and a mocked AWS make of them."""

import copy
import re

import pytest
import yaml
from lab.hosts import REPOSITORY
from support.cluster_files import GROUP, filled

from search.clusters.checking import check_cluster

FILES = ("cluster.yaml", "cluster-local.yaml")


@pytest.mark.parametrize("name", FILES)
def test_a_line_is_marked_where_it_must_be_changed_and_nowhere_else(name):
    lines = (REPOSITORY / name).read_text().splitlines()
    marked = [line for line in lines if line.endswith("# CHANGE")]
    assert marked
    assert marked == [line for line in lines if re.search(r"<[a-z][^<>]*>", line)]


@pytest.mark.parametrize("name", FILES)
def test_once_filled_in_there_is_nothing_to_mend(name, at_home, tmp_path):
    (tmp_path / name).write_text(filled(name))
    found = check_cluster(tmp_path / name)
    assert [str(finding) for finding in found if finding.level != "not checked"] == []


@pytest.mark.parametrize("name", FILES)
def test_as_it_comes_each_placeholder_is_an_error_on_its_line(name, at_home):
    found = [str(finding) for finding in check_cluster(REPOSITORY / name) if finding.level == "error"]
    lines = (REPOSITORY / name).read_text().splitlines()
    marked = [number for number, line in enumerate(lines, 1) if line.endswith("# CHANGE")]
    assert [int(re.search(r"line (\d+)", text)[1]) for text in found] == marked


@pytest.mark.parametrize("name", FILES)
def test_all_that_is_copied_is_what_an_installation_needs(name):
    """The packages of pyproject, what its build reads, the lock and the Makefile: no more, no less."""
    mounts = yaml.safe_load((REPOSITORY / name).read_text())["file_mounts"]
    copied = {source for target, source in mounts.items() if target.startswith("~/ignm/")}
    assert copied == {
        "Makefile", "README.md", "pyproject.toml", "requirements.lock", "analysis", "ignm", "search", "spaces",
    }  # fmt: skip
    assert all((REPOSITORY / source).exists() for source in copied)


def bootstrapped(cluster: dict) -> dict:
    from ray.autoscaler._private import commands
    from ray.autoscaler._private.util import prepare_config

    return commands._bootstrap_config(prepare_config(cluster), no_config_cache=True)


def world(session) -> list[str]:
    """Security groups that let everybody in."""
    return [
        group["GroupName"]
        for group in session.client("ec2").describe_security_groups()["SecurityGroups"]
        for rule in group["IpPermissions"]
        for network in rule["IpRanges"]
        if network["CidrIp"] == "0.0.0.0/0"
    ]


def test_aws_gets_a_closed_head_on_demand_and_gpus_on_the_spot_market(aws):
    from ray.autoscaler._private.providers import _get_node_provider
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

    session, group = aws
    cluster = bootstrapped(yaml.safe_load(filled("cluster.yaml").replace(GROUP, group)))
    kinds = cluster["available_node_types"]
    assert kinds["head"]["resources"] | {"memory": 0} == {"CPU": 0, "GPU": 0, "memory": 0}
    assert (kinds["gpu"]["resources"]["CPU"], kinds["gpu"]["resources"]["GPU"]) == (4, 1)
    assert (kinds["gpu"]["min_workers"], kinds["head"]["max_workers"]) == (0, 0)
    assert world(session) == []
    image = session.client("ec2").describe_images()["Images"][0]["ImageId"]
    provider = _get_node_provider(cluster["provider"], cluster["cluster_name"], use_cache=False)
    for name in ("head", "gpu", "gpu"):
        # The mock does not resolve names of images, and starts the fewest instances that a request allows.
        config = copy.deepcopy(kinds[name]["node_config"]) | {"ImageId": image}
        tags = {TAG_RAY_NODE_KIND: "head" if name == "head" else "worker", TAG_RAY_USER_NODE_TYPE: name}
        provider.create_node(config, tags, 1)
    found = session.client("ec2").describe_instances()["Reservations"]
    instances = [instance for reservation in found for instance in reservation["Instances"]]
    assert sorted((each["InstanceType"], each.get("InstanceLifecycle", "on demand")) for each in instances) == [
        ("g6.xlarge", "spot"),
        ("g6.xlarge", "spot"),
        ("m6i.xlarge", "on demand"),
    ]
    assert {each["GroupId"] for instance in instances for each in instance["SecurityGroups"]} == {group}
    profiles = {each["InstanceType"]: each["IamInstanceProfile"]["Arn"].rpartition("/")[2] for each in instances}
    assert profiles == {"m6i.xlarge": "ignm-head", "g6.xlarge": "ignm-worker"}
    provider.terminate_nodes(provider.non_terminated_nodes({}))
    assert provider.non_terminated_nodes({}) == []


def test_without_a_group_of_ones_own_ray_opens_ssh_to_the_world(aws):
    """Why the check asks for SecurityGroupIds: what the file says of a group's rules is only added to this one."""
    session, _ = aws
    cluster = yaml.safe_load(filled("cluster.yaml"))
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.7/32"}]}
    cluster["provider"]["security_group"] = {"GroupName": "made-by-ray", "IpPermissions": [rule]}
    for kind in cluster["available_node_types"].values():
        del kind["node_config"]["SecurityGroupIds"]
    bootstrapped(cluster)
    assert world(session) == ["made-by-ray"]
