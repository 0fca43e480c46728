"""Each thing that can be wrong with a cluster file is found, on its line, with what to do."""

import re
import subprocess

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cluster_files import GROUP, filled

from search.clusters.checking import CHECKS, check_cluster
from search.clusters.checks import aws as aws_checks
from search.clusters.checks import machines
from search.clusters.cluster_file import ClusterFile, read_cluster_file

ERROR, WARNING, UNCHECKED = "error", "warning", "not checked"
HEAD_START = "ulimit -n 65536; ray start --head"
NODE = "    node_config: &node\n"
WORKER_MARKET = "      InstanceMarketOptions: {MarketType: spot}\n"
TOKEN_MOUNT = "  ~/.ray/auth_token: ~/.ray/auth_token\n"  # noqa: S105
# Kept apart, so that no scanner takes this file for one with secrets in it.
TYPES = "available_node_types: {a: {resources: {}, node_config: {}}}"
AWS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"

# What is replaced in cluster.yaml, by what, and what is found: level, text on the line it names, words of it.
CLOUD = {
    "unknown key": ("max_workers: 4  #", "max_worker: 4  #", ERROR, "", "max_worker"),
    "key that is a number": ("max_workers: 4  #", "8265: 4  #", ERROR, "", "the key 8265 is no text"),
    "no type": ("  type: aws\n", "", ERROR, "provider:", "'type' is a required property"),
    "no region": ("  region: us-west-2  # CHANGE\n", "", ERROR, "provider:", "region is missing"),
    "wrong type of a value": ("idle_timeout_minutes: 5", "idle_timeout_minutes: five", ERROR, "idle_timeout", "'five'"),
    "head type that is not there": ("head_node_type: head", "head_node_type: boss", ERROR, "", "head_node_type"),
    "provider that is not there": ("  type: aws", "  type: awss", ERROR, "", "awss"),
    "placeholder": ("us-west-2  # CH", "<region>  # CH", ERROR, "region:", "<region>"),
    "key twice": ("cluster_name: ignm", "cluster_name: ignm\ncluster_name: other", ERROR, "other", "is there twice"),
    "gpu in small letters": ("{CPU: 4, GPU: 1}", "{CPU: 4, gpu: 1}", ERROR, "gpu: 1", "write GPU"),
    "Cpu": ("{CPU: 4, GPU: 1}", "{Cpu: 4, GPU: 1}", ERROR, "Cpu: 4", "write CPU"),
    "head runs trials by its type": ("{CPU: 0, GPU: 0}", "{CPU: 2}", ERROR, "CPU: 2", "trials would run on the head"),
    "head runs trials by command": ("--num-cpus=0 ", "--num-cpus=4 ", ERROR, ">-", "write --num-cpus=0"),
    "head on spot": (NODE, NODE + WORKER_MARKET, ERROR, "MarketType", "the head is a spot instance"),
    "min above max": ("min_workers: 0", "min_workers: 5", ERROR, "min_workers: 5", "5 is above max_workers 4"),
    "min above the max of all": ("max_workers: 4  #", "max_workers: 0  #", ERROR, "max_workers: 0", "no worker"),
    "more of a type than of all": ("max_workers: 4  #", "max_workers: 2  #", WARNING, "max_workers: 4", "never more"),
    "idle workers": ("min_workers: 0", "min_workers: 1", WARNING, "min_workers: 1", "paid for while nothing"),
    "stopped and kept": ("  cache_stopped_nodes: false\n", "", WARNING, "provider:", "keep their disks"),
    "mount that is not there": ("~/ignm/ignm: ignm", "~/ignm/ignm: ingm", ERROR, "ingm", "no such file or folder"),
    "mount from nobody's home": ("~/ignm/ignm: ignm", "~/ignm/ignm: ~no-such-user/x", ERROR, "~no", "no such file or"),
    "lock from nobody's home": (TOKEN_MOUNT, TOKEN_MOUNT + "  ~/l: ~no-u/requirements.lock\n", ERROR, "~no", "no such"),
    "key in nobody's home": ("_user: ubuntu", "_user: ubuntu\n  ssh_private_key: ~no-u/k", ERROR, "~no", "no such"),
    "mount for root": (TOKEN_MOUNT, TOKEN_MOUNT + "  /opt/x: docs\n", WARNING, "/opt/x", "ubuntu may not be allowed"),
    "no ssh key": ("  ssh_user: ubuntu", "  ssh_user: ubuntu\n  ssh_private_key: ~/no", ERROR, "~/no", "no such file"),
    "nightly wheel": ("make -C ~/ignm setup", "pip install x/ray-3.0.0.dev0.whl", ERROR, "pip", "last night"),
    "another Ray": ("make -C ~/ignm", "pip install 'ray[tune]==2.9.0'; make -C ~/ignm", ERROR, "2.9.0", "ray==2.9.0"),
    "any torch": ("make -C ~/ignm", "uv pip install torch && make -C ~/ignm", ERROR, "torch", "torch of any version"),
    "later torch": ("make -C ~/ignm", "pip install 'torch>=2.0'; make -C ~/ignm", ERROR, "torch", "torch>=2.0"),
    "nothing installed": ("  - make -C ~/ignm setup\n", "", ERROR, "setup_commands:", "installs the project's lock"),
    "no bytecode": ("make -C ~/ignm setup", "uv pip install -r requirements.lock", WARNING, "uv pip", "bytecode"),
    "group of Ray's own": ('      SecurityGroupIds: ["sg-0123"]  # CHANGE\n', "", ERROR, "node_config", "whole world"),
    "dashboard for all": ("host=127.0.0.1", "host=0.0.0.0", ERROR, ">-", "would listen on 0.0.0.0"),
    "dashboard on an address": ("host=127.0.0.1", "host=10.0.0.5", ERROR, ">-", "would listen on 10.0.0.5"),
    "Ray Client": ("--num-gpus=0", "--num-gpus=0 --ray-client-server-port=10001", WARNING, ">-", "Ray Client"),
    "no token on the nodes": (TOKEN_MOUNT, "", ERROR, "file_mounts:", "no token reaches the nodes"),
    "token not asked for": ("RAY_AUTH_MODE=token", "X=y", ERROR, "", "not told to ask for the token"),
    "token turned off": ("ray start --add", "RAY_AUTH_MODE=disabled ray start --add", ERROR, "disabled", "turns"),
    "AWS key": ("cluster_name: ignm", f"cluster_name: ignm  # {AWS_KEY}", ERROR, AWS_KEY, "looks like an AWS key"),
    "AWS secret": ("- ray stop", "- export AWS_SECRET_ACCESS_KEY=" + "abcd/efgh" * 4, ERROR, "abcd", "an AWS secret"),
    "private key": ("max_workers: 4  #", "max_workers: 4  # BEGIN RSA PRIVATE " + "KEY", ERROR, "BEGIN", "private key"),
    "token in a command": ("- ray stop", "- export HF=hf_" + "abcdefghij" * 3, ERROR, "hf_", "an access token"),
    "password": ("- ray stop", "- export WANDB_API_KEY=" + "0123456789abcdef" * 2, ERROR, "WANDB", "a password"),
    "no such region": ("us-west-2", "us-wset-2", ERROR, "region:", "did you mean us-west-2"),
    "no such instance": ("g6.xlarge", "g6.xlrage", ERROR, "g6.xlrage", "did you mean g6.xlarge"),
}  # fmt: skip

LOCAL = {
    "no head": ("  head_ip: 192.168.1.10  # CHANGE\n", "", ERROR, "provider:", "head_ip is missing"),
    "worker twice": ('["192.168.1.11"]', "[192.168.1.11, 192.168.1.11]", ERROR, "worker_ips", "is there 2 times"),
    "head among workers": ('["192.168.1.11"]', "[192.168.1.10]", ERROR, "worker_ips", "192.168.1.10 is the head"),
    "machines left out": ("cluster_name: ignm", "cluster_name: x\nmax_workers: 0", ERROR, "max_workers", "no worker"),
    "version 2 of the autoscaler": ("RAY_enable_autoscaler_v2=0 ", "", WARNING, "head_start", "one worker too few"),
    "no token": (TOKEN_MOUNT, "", ERROR, "file_mounts:", "no token reaches the nodes"),
    "node types": ("cluster_name: ignm", f"cluster_name: ignm\n{TYPES}", ERROR, "", "available_node_types"),
}  # fmt: skip
FAULTS = [("cluster.yaml", *fault) for fault in CLOUD.items()] + [
    ("cluster-local.yaml", *fault) for fault in LOCAL.items()
]


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, _, fault in FAULTS], ids=[f[1] for f in FAULTS])
def test_each_fault_is_found_on_its_line(name, fault, at_home, tmp_path):
    old, new, level, marked, words = fault
    text = filled(name)
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    found = [each for each in check_cluster(tmp_path / name) if each.level == level and words in str(each)]
    assert found, [str(each) for each in check_cluster(tmp_path / name)]
    if marked:
        lines = text.replace(old, new).splitlines()
        named = {int(number) for each in found for number in re.findall(r"line (\d+)", each.place)}
        assert any(marked in lines[number - 1] for number in named)
    assert all(each.remedy for each in found)


def test_everything_is_told_at_once(at_home, tmp_path):
    text = filled("cluster.yaml")
    for old, new, _, _, _ in (CLOUD["gpu in small letters"], CLOUD["mount that is not there"], CLOUD["head on spot"]):
        text = text.replace(old, new)
    (tmp_path / "c.yaml").write_text(text)
    told = "\n".join(map(str, check_cluster(tmp_path / "c.yaml")))
    assert all(words in told for words in ("write GPU", "ingm", "the head is a spot instance"))


def test_a_secret_is_not_repeated(at_home, tmp_path):
    (tmp_path / "c.yaml").write_text(filled("cluster.yaml").replace("cluster_name: ignm", f"cluster_name: {AWS_KEY}"))
    assert AWS_KEY not in "".join(map(str, check_cluster(tmp_path / "c.yaml")))


def test_what_the_template_of_ray_does_is_refused(at_home, tmp_path):
    """A file that says next to nothing gets Ray's defaults: a nightly wheel, a dashboard for all, no token."""
    (tmp_path / "c.yaml").write_text("cluster_name: x\nprovider: {type: aws, region: us-west-2}\n")
    told = "\n".join(str(each) for each in check_cluster(tmp_path / "c.yaml") if each.level == "error")
    for words in ("last night", "would listen on 0.0.0.0", "no token reaches", "not told to ask"):
        assert words in told
    assert "Ray's default" in told


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "128.0.0.0/1", "8.0.0.0/8"])
def test_wide_networks_are_open_to_the_world(network, at_home, tmp_path):
    rule = f"{{IpProtocol: tcp, FromPort: 22, ToPort: 22, Ipv6Ranges: [{{CidrIpv6: '{network}'}}]}}"
    if "::" not in network:
        rule = rule.replace("Ipv6Ranges", "IpRanges").replace("CidrIpv6", "CidrIp")
    text = filled("cluster.yaml").replace(
        "  type: aws\n", f"  type: aws\n  security_group: {{IpPermissions: [{rule}]}}\n"
    )
    (tmp_path / "c.yaml").write_text(text)
    assert any(f"lets {network} in" in str(each) for each in check_cluster(tmp_path / "c.yaml"))


@pytest.mark.parametrize("network", ["203.0.113.7/32", "198.51.0.0/16", "10.0.0.0/8", "2001:db8::/48", "nonsense"])
def test_an_office_is_not_the_world(network):
    from search.clusters.checks.openness import is_wide

    assert not is_wide(network)


@pytest.mark.parametrize("text", ["", "[]", "just words", "{: :", "\x00", "a: &a [*b]", "? {}\n: 1"])
def test_what_is_no_mapping_is_refused(text, tmp_path, ignm):
    (tmp_path / "c.yaml").write_text(text)
    code, told = ignm("cluster", "check", tmp_path / "c.yaml")
    assert code in (1, 2)
    assert "c.yaml" in told


def test_the_command_ends_by_what_is_found(ignm, at_home, tmp_path):
    (tmp_path / "good.yaml").write_text(filled("cluster.yaml"))
    (tmp_path / "warned.yaml").write_text(filled("cluster.yaml").replace("min_workers: 0", "min_workers: 1"))
    (tmp_path / "bad.yaml").write_text(filled("cluster.yaml").replace("GPU: 1", "gpu: 1"))
    codes = {name: ignm("cluster", "check", tmp_path / f"{name}.yaml") for name in ("good", "warned", "bad")}
    assert {name: code for name, (code, _) in codes.items()} == {"good": 0, "warned": 0, "bad": 1}
    assert "1 to mend, 0 warnings" in codes["bad"][1]
    assert "no AWS credentials" in codes["good"][1]
    assert ignm("cluster", "check", tmp_path / "none.yaml")[0] == 2


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", ["cluster.yaml", "cluster-local.yaml"])
def test_whatever_stands_in_it_checks_end_with_findings(name, data, at_home, tmp_path):
    """Any value replaced by anything: no check fails."""
    values = yaml.safe_load(filled(name))
    place, key = values, data.draw(st.sampled_from(sorted(values)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place, key = place[key], data.draw(st.sampled_from(sorted(place[key])))
    place[key] = data.draw(ANYTHING)
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(values))
    file = read_cluster_file(path)
    for check in CHECKS:
        if check is not aws_checks.granted_by_aws:
            list(check(file))


def local(text: str, tmp_path) -> ClusterFile:
    path = tmp_path / "local.yaml"
    path.write_text(text)
    return read_cluster_file(path)


@pytest.mark.parametrize(
    ("returncode", "stdout", "words"),
    [
        (255, "", "ssh as me does not get in"),
        (0, "no make\nno Python 3.11 with venv\n", "lacks make"),
        (0, "no 15 GB free in the home folder\n", "lacks 15 GB"),
        (0, "Welcome!\n", None),
    ],
)
def test_machines_are_tried_by_ssh(returncode, stdout, words, tmp_path, monkeypatch):
    asked = []

    def run(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, returncode, stdout, "")

    monkeypatch.setattr(machines.subprocess, "run", run)
    found = list(machines.reachable(local(filled("cluster-local.yaml"), tmp_path)))
    assert sorted(command[-2] for command in asked) == ["me@192.168.1.10", "me@192.168.1.11"]
    assert len([each for each in found if words and words in each.problem]) == (2 if words else 0)
    assert bool(found) == bool(words)


def test_a_key_in_nobodys_home_is_a_finding_of_each_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(machines.subprocess, "run", lambda command, **_: pytest.fail("logged in without a key"))
    text = filled("cluster-local.yaml")
    before = yaml.safe_load(text)["auth"]["ssh_private_key"]
    found = list(machines.reachable(local(text.replace(before, "~no-such-user/key"), tmp_path)))
    assert ["auth.ssh_private_key: ~no-such-user/key" in each.problem for each in found] == [True, True]


def test_a_machine_that_does_not_answer(tmp_path, monkeypatch):
    def run(command, **options):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(machines.subprocess, "run", run)
    found = list(machines.reachable(local(filled("cluster-local.yaml"), tmp_path)))
    assert len(found) == 2
    assert all("ssh did not answer" in each.problem for each in found)


class Quotas:
    """Service Quotas, which the mock does not have for EC2."""

    def __init__(self, session, granted):
        self.session, self.granted = session, granted
        self.region_name = session.region_name

    def get_credentials(self):
        return self.session.get_credentials()

    def client(self, name):
        return self if name == "service-quotas" else self.session.client(name)

    def get_paginator(self, operation):
        assert operation == "list_service_quotas"
        return self

    def paginate(self, ServiceCode):  # noqa: N803
        assert ServiceCode == "ec2"
        yield {"Quotas": [{"QuotaName": name, "Value": value} for name, value in self.granted.items()]}


SPOT_G = "All G and VT Spot Instance Requests"
STANDARD = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"


@pytest.fixture
def account(aws, monkeypatch, tmp_path):
    """Check a change of cluster.yaml against the mocked account; returns what is found."""
    import boto3

    session, group = aws

    def asked(*changes, granted=None):
        text = filled("cluster.yaml").replace(GROUP, group)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "c.yaml"
        path.write_text(text)
        quotas = {SPOT_G: 16.0, STANDARD: 8.0} if granted is None else granted
        monkeypatch.setattr(boto3, "Session", lambda region_name: Quotas(session, quotas))
        return [str(each) for each in aws_checks.granted_by_aws(read_cluster_file(path))]

    asked.group = group
    return asked


def test_an_account_that_has_all_is_told_nothing(account):
    assert account() == []


def test_what_an_account_lacks(account):
    """Quota, group, role, type; all in one account, as the mock takes seconds to begin."""
    (told,) = account(granted={SPOT_G: 8.0, STANDARD: 8.0})
    assert "up to 16 virtual CPUs, of which us-west-2 grants you 8" in told
    assert SPOT_G in told
    (told,) = account(granted={STANDARD: 8.0})
    assert told.startswith("not checked: quota")
    (told,) = account((account.group, "sg-0000"))
    assert "sg-0000: no such group in us-west-2" in told
    (told,) = account(("{Name: ignm-worker}", "{Name: ignm-wroker}"))
    assert "ignm-wroker: no such instance profile" in told
    told = account(("g6.xlarge", "g99.xlarge"))
    assert any("g99.xlarge is not to be had in us-west-2" in each for each in told)
    (told,) = account(("{CPU: 4, GPU: 1}", "{CPU: 4, GPU: 2}"))
    assert "2 GPUs, of which g6.xlarge has 1" in told


@pytest.mark.parametrize("said", ["many", "null", "[4]"])
def test_without_a_number_of_its_own_a_type_is_bounded_by_that_for_all(account, said):
    (told,) = account(("    max_workers: 4\n", f"    max_workers: {said}\n"), granted={SPOT_G: 8.0, STANDARD: 8.0})
    assert "up to 16 virtual CPUs, of which us-west-2 grants you 8" in told


def test_a_group_that_is_open(account, aws):
    session, group = aws
    client = session.client("ec2")
    everybody = {"IpProtocol": "tcp", "FromPort": 8265, "ToPort": 8265, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=[everybody])
    members = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    client.revoke_security_group_ingress(GroupId=group, IpPermissions=[members])
    told = "\n".join(account())
    assert f"{group} lets 0.0.0.0/0 in" in told
    assert f"{group} does not let its own members reach each other" in told


def test_what_aws_refuses_to_tell_is_said(account, monkeypatch):
    from botocore.exceptions import ClientError

    def refuse(file, session):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "ListInstanceProfiles")
        yield

    monkeypatch.setitem(aws_checks.ASKED, "instance profiles", refuse)
    (told,) = account()
    assert told.startswith("not checked: instance profiles")
    assert "not you" in told
