"""Homes, a mocked AWS, and a laboratory's cluster, brought up from `cluster-local.yaml` as its user would."""

import re
import shutil
import time
from pathlib import Path

import pytest
import yaml
from lab.hosts import REPOSITORY, Lab
from support.cluster_files import REGION, filled

HOSTS = {"head": "10.77.0.10", "w1": "10.77.0.11", "w2": "10.77.0.12", "stranger": "10.77.0.99"}
MEMBERS = ("head", "w1", "w2")
SMALL = "--object-store-memory=100000000 --memory=1000000000"
# A lost node is noticed, and workers whose head is gone give up, in seconds instead of a minute.
IMPATIENT = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}


def local_file(lab: Lab) -> dict:
    """`cluster-local.yaml` for the laboratory: its addresses, small nodes, and nothing installed, as it is there."""
    text = filled("cluster-local.yaml").replace("IGNM_HOME=/srv/ignm", f"IGNM_HOME={lab.shared / 'home'}")
    cluster = yaml.safe_load(text)
    cluster["provider"] |= {"head_ip": HOSTS["head"], "worker_ips": [HOSTS["w1"], HOSTS["w2"]]}
    cluster["auth"] = {"ssh_user": "root", "ssh_private_key": str(lab.key)}
    installing = [command for command in cluster["setup_commands"] if command.startswith("make ")]
    assert len(installing) == 1
    cluster["setup_commands"].remove(installing[0])
    cluster["head_start_ray_commands"][-1] += f" {SMALL} --num-cpus=1"
    cluster["worker_start_ray_commands"][-1] += f" {SMALL} --num-cpus=1"
    return cluster


class Cluster:
    """A laboratory in which `ray up` was run."""

    def __init__(self, lab: Lab, file: Path) -> None:
        self.lab, self.file = lab, file
        self.storage = lab.shared / "studies"

    def ray(self, command: str, *arguments: str, timeout: float = 120):
        """Run a command of Ray's launcher on the cluster file, beside the hosts, in the project's folder."""
        line = f'cd "{REPOSITORY}" && exec ray {command} "$0" "$@"'
        return self.lab.run("bash", "-c", line, str(self.file), *arguments, timeout=timeout)

    def nodes(self) -> int:
        """Nodes alive, as a process on the head is told."""
        connect = "import ray; ray.init('auto', logging_level='ERROR', log_to_driver=False)"
        told = self.lab.on("head", f"python -c \"{connect}; print('alive', sum(n['Alive'] for n in ray.nodes()))\"")
        found = re.search(r"^alive (\d+)$", told.stdout, re.MULTILINE)
        return int(found[1]) if found else 0

    def wait_for_nodes(self, count: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (found := self.nodes()) != count:
            if time.monotonic() > deadline:
                log = self.lab.on("head", "tail -40 /tmp/ray/session_latest/logs/monitor.log").stdout
                pytest.fail(f"{found} nodes, not {count}; monitor.log ends:\n{log}")

    def ignm(self, arguments: str, timeout: float = 120):
        return self.lab.on("head", f"cd {self.lab.shared} && {self.environment} ignm {arguments}", timeout=timeout)

    @property
    def environment(self) -> str:
        return "NO_COLOR=1 COLUMNS=200"


@pytest.fixture(scope="package")
def drawn(home):
    """A function that puts the dataset `drawn` into another home."""
    return lambda other: shutil.copytree(home / "data", other / "data")


@pytest.fixture(scope="package")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), HOSTS, IMPATIENT) as lab:
        yield lab


@pytest.fixture(scope="package")
def cluster(lab, drawn):
    """Three hosts, one of them the head, joined by `ray up`."""
    drawn(lab.shared / "home")
    token = lab.folder / "home" / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123456789abcdef" * 4)
    file = lab.folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(local_file(lab), sort_keys=False))
    cluster = Cluster(lab, file)
    up = cluster.ray("up", "-y", "--no-config-cache")
    assert up.returncode == 0, up.stdout[-3000:] + up.stderr[-3000:]
    cluster.wait_for_nodes(len(MEMBERS), 60)
    return cluster


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """The project's folder, and a home with a token and a key."""
    home = tmp_path / "home"
    for path in (".ray/auth_token", ".ssh/id_ed25519"):
        (home / path).parent.mkdir(parents=True)
        (home / path).write_text("x")
    monkeypatch.setenv("HOME", str(home))
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(REPOSITORY)


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """A mocked AWS with a closed security group and the two profiles; yields (session, group)."""
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("HOME", str(tmp_path))  # where Ray puts the key pair that it makes
    with moto.mock_aws():
        ec2, iam = boto3.client("ec2"), boto3.client("iam")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = ec2.create_security_group(GroupName="ignm", Description="ignm", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.7/32"}]},
                {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]},
            ],
        )
        for name in ("ignm-head", "ignm-worker"):
            iam.create_instance_profile(InstanceProfileName=name)
        yield boto3.Session(region_name=REGION), group
