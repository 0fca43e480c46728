"""What docs/other-clusters.md tells to copy: its shape, and the Slurm script on hosts with stand-ins for Slurm."""

import re
import subprocess

import pytest
import yaml
from lab.hosts import REPOSITORY, Lab, needs_lab

from search.clusters.checks.versions import read_lock
from search.study.folder import Status, StudyFolder

PAGE = (REPOSITORY / "docs" / "other-clusters.md").read_text()
# Of KubeRay's API reference, ray.io/v1.
SPEC = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
HEAD = {"serviceType", "rayStartParams", "template"}
GROUP = {"groupName", "replicas", "rayStartParams", "template"}
HOSTS = {"node1": "10.79.0.11", "node2": "10.79.0.12"}
SPACE = "axes:\n  - {path: optim.generator.lr, strategy: optim, log_float: [1e-4, 1e-3]}\n"
STUDY = {
    "name": "mine",
    "data": {"name": "drawn", "resolution": 16},
    "set": {"optim.batch": 32, "discriminator.width": 8, "generator.width": 8, "generator.latent": 16},
    "space": "axes.yaml",
    "budget": {"trials": 4, "kimg": 4, "first_rung": 4},
    "confirm": {"top": 1, "seeds": 1},
    "evaluation": {"images": 64},
}


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_kuberay_cluster_is_closed_and_runs_no_trials_on_its_head():
    cluster, policy = yaml.safe_load_all(block("yaml"))
    spec = cluster["spec"]
    assert (cluster["apiVersion"], cluster["kind"], set(spec)) == ("ray.io/v1", "RayCluster", SPEC)
    assert spec["rayVersion"] == read_lock(REPOSITORY / "requirements.lock")["ray"]
    assert spec["authOptions"] == {"mode": "token"}
    head, (group,) = spec["headGroupSpec"], spec["workerGroupSpecs"]
    assert (set(head), set(group)) == (HEAD, GROUP)
    assert head["serviceType"] == "ClusterIP"
    assert head["rayStartParams"] == {"num-cpus": "0", "num-gpus": "0"}
    assert policy["spec"]["podSelector"]["matchLabels"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    assert policy["spec"]["policyTypes"] == ["Ingress"]


def test_the_pods_of_the_kuberay_cluster_are_alike():
    spec = next(yaml.safe_load_all(block("yaml")))["spec"]
    (group,) = spec["workerGroupSpecs"]
    pods = [group["template"]["spec"], spec["headGroupSpec"]["template"]["spec"]]
    worker, head = (pod["containers"][0] for pod in pods)
    assert all(worker[key] == head[key] for key in ("image", "env", "volumeMounts"))
    assert pods[0]["volumes"] == pods[1]["volumes"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in head["resources"]["limits"]


def test_the_slurm_script_is_bash():
    subprocess.run(["bash", "-n"], input=block("bash"), text=True, check=True)


SRUN = """#!/bin/bash
# Stands in for srun: the command on one host, or on all at once.
hosts=(HOSTS)
while [[ $1 == --* ]]; do case $1 in --nodelist=*) hosts=("${1#*=}") ;; esac; shift; done
for host in "${hosts[@]}"; do
  ssh -i KEY -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "root@$host" \
    ". ~/.bashrc; cd $PWD && PATH=$PATH RAY_AUTH_MODE=$RAY_AUTH_MODE $(printf '%q ' "$@")" &
done
status=0
for job in $(jobs -p); do wait "$job" || status=$?; done
exit $status
"""


@pytest.mark.cluster
@needs_lab
def test_the_slurm_script_runs_a_study_on_two_hosts(tmp_path, drawn):
    environment = {"IGNM_HOME": str(tmp_path / "shared" / "home")}
    with Lab(tmp_path, HOSTS, environment) as lab:
        drawn(lab.shared / "home")
        tools, folder = lab.shared / "tools", lab.shared / "work"
        tools.mkdir()
        folder.mkdir()
        (tools / "srun").write_text(SRUN.replace("HOSTS", " ".join(HOSTS.values())).replace("KEY", str(lab.key)))
        (tools / "scontrol").write_text("#!/bin/bash\nprintf '%s\\n' " + " ".join(HOSTS.values()) + "\n")
        for tool in tools.iterdir():
            tool.chmod(0o755)
        for name in HOSTS:
            lab.on(name, f"mkdir -p ~/.ray && echo {'0123456789abcdef' * 4} > ~/.ray/auth_token")
        small = "--object-store-memory=100000000 --memory=1000000000 --num-cpus=1"
        script = block("bash").replace("--dashboard-host", f"{small} --dashboard-host")
        (folder / "ignm.sbatch").write_text(script)
        (folder / "mine.yaml").write_text(yaml.safe_dump(STUDY))
        (folder / "axes.yaml").write_text(SPACE)
        slurm = f"PATH={tools}:$PATH SLURM_JOB_NUM_NODES=2 SLURM_JOB_NODELIST=node[1-2]"
        done = lab.on("node1", f"cd {folder} && {slurm} bash ignm.sbatch", timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        study = StudyFolder(folder / "studies" / "mine")
        assert {trial.status() for trial in study.all_trials("search")} == {Status.COMPLETED}
        assert {(trial.path / "process").read_text().split()[0] for trial in study.all_trials()} == set(HOSTS)
        assert (study.path / "report" / "index.html").exists()
        for name in HOSTS:
            assert lab.on(name, "pidof raylet gcs_server").returncode != 0
