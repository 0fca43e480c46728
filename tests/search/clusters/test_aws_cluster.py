"""`cluster.yaml` against a mocked EC2, whose instances are the laboratory's hosts: up for a search, down after it."""

import json
import time

import pytest
import yaml
from lab.hosts import REPOSITORY, VENV, Lab, needs_lab
from support.cluster_files import REGION, filled

pytestmark = [pytest.mark.cluster, needs_lab, pytest.mark.timeout(420)]
NETWORK = "10.77.0.0/24"
# In the order in which the mock gives addresses away.
HOSTS = {"head": "10.77.0.4", "worker1": "10.77.0.5", "worker2": "10.77.0.6"}
CLOUD = {
    "AWS_ENDPOINT_URL": "http://10.77.0.1:5555",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": REGION,
}
SMALL = "--object-store-memory=100000000 --memory=1000000000"
# Makes what an account has before its first cluster; prints image, subnet and group.
ACCOUNT = f"""
import boto3, pathlib, sys
ec2, iam = boto3.client("ec2"), boto3.client("iam")
vpc = ec2.create_vpc(CidrBlock="{NETWORK}")["Vpc"]["VpcId"]
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="{NETWORK}", AvailabilityZone="{REGION}a")["Subnet"]["SubnetId"]
group = ec2.create_security_group(GroupName="ignm", Description="ignm", VpcId=vpc)["GroupId"]
ec2.import_key_pair(KeyName="lab", PublicKeyMaterial=pathlib.Path(sys.argv[1]).read_bytes())
for name in ("ignm-head", "ignm-worker"):
    iam.create_instance_profile(InstanceProfileName=name)
where = {{"LocationConstraint": "{REGION}"}}
boto3.client("s3").create_bucket(Bucket="studies", CreateBucketConfiguration=where)
print(ec2.describe_images()["Images"][0]["ImageId"], subnet, group)
"""
# One line for each instance: type, state, market.
INSTANCES = """
import boto3
for each in boto3.client("ec2").describe_instances()["Reservations"]:
    for one in each["Instances"]:
        market = one.get("InstanceLifecycle", "on-demand")
        print(one["InstanceType"], one["State"]["Name"], market, one.get("PrivateIpAddress", ""))
"""
# The files of the study's trials, by path.
TRIALS = """
import boto3, json
client = boto3.client("s3")
found = {}
for page in client.get_paginator("list_objects_v2").paginate(Bucket="studies", Prefix="lab/small/trials/"):
    for one in page.get("Contents", ()):
        _, _, _, trial, name = one["Key"].split("/", 4)
        if name in ("status.json", "process"):
            text = client.get_object(Bucket="studies", Key=one["Key"])["Body"].read().decode()
            found.setdefault(trial, {})[name] = text
print(json.dumps(found))
"""
SPACE = "axes:\n  - {path: optim.generator.lr, strategy: optim, log_float: [1e-4, 1e-3]}\n"
STUDY = {
    "name": "small",
    "data": {"name": "drawn", "resolution": 16},
    "set": {"optim.batch": 32, "discriminator.width": 8, "generator.width": 8, "generator.latent": 16},
    "space": "axes.yaml",
    "budget": {"trials": 4, "kimg": 16, "first_rung": 16},
    "evaluation": {"images": 64},
}


@pytest.fixture
def cloud(tmp_path, drawn):
    """The laboratory, and beside it the mock."""
    settings = {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
        # Of the instances that a request asks for, the mock starts the fewest that would do.
        "AUTOSCALER_MAX_LAUNCH_BATCH": "1",
    }
    with Lab(tmp_path, HOSTS, CLOUD | settings) as lab:
        lab.environment |= CLOUD
        drawn(lab.shared)
        with (tmp_path / "mock.log").open("w") as log:
            mock = ("-m", "moto.server", "-H", "10.77.0.1", "-p", "5555")
            server = lab.start(str(VENV / "bin" / "python"), *mock, stdout=log)
        lab.run("bash", "-c", "until (exec 3<>/dev/tcp/10.77.0.1/5555) 2>/dev/null; do sleep 0.1; done", timeout=60)
        yield lab
        server.kill()


def python(lab: Lab, code: str, *arguments: str) -> list[str]:
    done = lab.run(str(VENV / "bin" / "python"), "-c", code, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def cloud_file(lab: Lab) -> dict:
    """`cluster.yaml` for the mock: its image, network and key, and nothing installed, as it is there."""
    image, subnet, group = python(lab, ACCOUNT, str(lab.key) + ".pub")[0].split()
    cluster = yaml.safe_load(filled("cluster.yaml").replace("sg-0123", group))
    cluster |= {"max_workers": 2, "idle_timeout_minutes": 0.2}
    cluster["provider"]["use_internal_ips"] = True
    cluster["auth"] = {"ssh_user": "root", "ssh_private_key": str(lab.key)}
    for kind in cluster["available_node_types"].values():
        kind["node_config"] |= {"ImageId": image, "SubnetIds": [subnet], "KeyName": "lab"}
    cluster["available_node_types"]["gpu"]["max_workers"] = 2
    needless = [command for command in cluster["setup_commands"] if "make " in command]
    assert len(needless) == 2
    cluster["setup_commands"] = [command for command in cluster["setup_commands"] if command not in needless]
    for start in ("head_start_ray_commands", "worker_start_ray_commands"):
        cluster[start][-1] += f" {SMALL}"
    return cluster


def test_workers_come_for_a_search_and_go_after_it(cloud):
    lab = cloud
    file = lab.folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(cloud_file(lab), sort_keys=False))
    token = lab.folder / "home" / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123456789abcdef" * 4)
    up = lab.run("bash", "-c", f'cd "{REPOSITORY}" && exec ray up -y --no-config-cache {file}', timeout=180)
    assert up.returncode == 0, up.stdout[-3000:] + up.stderr[-3000:]
    assert python(lab, INSTANCES) == [f"m6i.xlarge running on-demand {HOSTS['head']}"]

    (lab.shared / "axes.yaml").write_text(SPACE)
    (lab.shared / "small.yaml").write_text(yaml.safe_dump(STUDY))
    # The dataset is on the head alone: workers get it when they come.
    lab.on("head", f"mkdir ~/.ignm && cp -r {lab.shared / 'data'} ~/.ignm/")
    command = "NO_COLOR=1 COLUMNS=200 ignm search small.yaml --storage s3://studies/lab --address auto"
    search = lab.on("head", f"cd {lab.shared} && {command}", timeout=240)
    log = lab.on("head", "tail -60 /tmp/ray/session_latest/logs/monitor.log").stdout
    assert search.returncode == 0, search.stdout + search.stderr + log
    trials = json.loads(python(lab, TRIALS)[0])
    assert [json.loads(trial["status.json"])["status"] for trial in trials.values()] == ["completed"] * 4
    assert {trial["process"].split()[0] for trial in trials.values()} == {"worker1", "worker2"}
    told = lab.on("head", "ignm status s3://studies/lab/small").stdout
    assert "4/4" in told

    deadline = time.monotonic() + 120
    while (left := [line for line in python(lab, INSTANCES) if "terminated" not in line]) and len(left) > 1:
        assert time.monotonic() < deadline, f"still there: {left}"
    assert left == [f"m6i.xlarge running on-demand {HOSTS['head']}"]
    gone = [line for line in python(lab, INSTANCES) if line not in left]
    assert len(gone) >= 2
    assert all(line.startswith("g6.xlarge terminated spot") for line in gone)

    down = lab.run("bash", "-c", f'cd "{REPOSITORY}" && exec ray down -y {file}', timeout=180)
    assert down.returncode == 0, down.stdout + down.stderr
    assert [line for line in python(lab, INSTANCES) if "terminated" not in line] == []
