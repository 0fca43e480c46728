"""A cluster of three hosts, from `ray up` to `ray down`: a search on it, a lost node, and a stranger beside it."""

import json
import time

import pytest
import yaml
from lab.hosts import REPOSITORY, needs_lab

from search.study.folder import Status, StudyFolder

pytestmark = [pytest.mark.cluster, needs_lab, pytest.mark.timeout(420)]
LONGEST = 240
TRIALS = 6
SPACE = "axes:\n  - {path: optim.generator.lr, strategy: optim, log_float: [1e-4, 1e-3]}\n"
STUDY = {
    "name": "small",
    "data": {"name": "drawn", "resolution": 16},
    "set": {"optim.batch": 32, "discriminator.width": 8, "generator.width": 8, "generator.latent": 16},
    "space": "axes.yaml",
    # Measured at eighths, stopped never: each trial can be killed in its middle.
    "budget": {"trials": TRIALS, "kimg": 24, "first_rung": 24},
    "evaluation": {"images": 64},
}


def wait_until(condition, process, what):
    deadline = time.monotonic() + LONGEST
    while not (found := condition()):
        if process.poll() is not None:
            pytest.fail(f"the search ended before {what}: {process.stdout.read()}")
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.1)
    return found


def host_of(trial):
    path = trial.path / "process"
    return path.read_text().split()[0] if path.exists() else ""


def ended(study):
    """What must never change again."""
    kept = ("status.json", "measurements.jsonl", "process")
    return {
        trial.name: [(trial.path / name).read_bytes() for name in kept]
        for trial in study.all_trials("search")
        if trial.status() is not Status.RUNNING
    }


def test_machines_are_logged_in_to_when_asked(cluster):
    file = cluster.lab.folder / "wrong.yaml"
    file.write_text(cluster.file.read_text().replace("10.77.0.12", "10.77.0.50"))
    found = cluster.lab.run("ignm", "cluster", "check", str(file), "--connect").stdout
    assert "10.77.0.50: ssh as root does not get in" in found
    assert "10.77.0.10: ssh" not in found
    assert "10.77.0.11: ssh" not in found


def test_every_node_shows_that_a_trial_could_run_there(cluster):
    done = cluster.ignm(f"cluster preflight --data drawn@16 --storage {cluster.storage}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 nodes are good" in done.stdout
    assert all(f"{name} (10.77.0." in done.stdout for name in ("head", "w1", "w2"))
    assert not (cluster.storage / ".preflight").exists()


def test_a_folder_that_is_not_shared_is_found_out(cluster):
    done = cluster.ignm("cluster preflight --storage /root/apart")
    assert done.returncode == 2
    text = " ".join(done.stderr.split())
    for name, others in {"head": ("w1", "w2"), "w1": ("head", "w2"), "w2": ("head", "w1")}.items():
        line = text.partition(f" {name} (10.77")[2].partition("nothing was begun")[0]
        assert "does not see in the storage what was written on" in line
        assert all(other in line for other in others)


def test_a_search_on_three_nodes_survives_the_loss_of_one(cluster):
    """SIGKILL of a raylet: nothing that ended is lost or repeated, and what ran goes on from its last measurement."""
    (cluster.lab.shared / "axes.yaml").write_text(SPACE)
    (cluster.lab.shared / "small.yaml").write_text(yaml.safe_dump(STUDY))
    study = StudyFolder(cluster.storage / "small")
    command = (
        f"cd {cluster.lab.shared} && {cluster.environment} ignm search small.yaml --storage studies --address auto"
    )
    search = cluster.lab.start(*cluster.lab.ssh("head", command))
    hosts: set[str] = set()

    def victim():
        """A trial in its middle on w1, when all nodes have had one and some trial has ended."""
        trials = study.all_trials("search") if study.trials.exists() else []
        hosts.update(map(host_of, trials))
        running = [trial for trial in trials if host_of(trial) == "w1" and trial.status() is Status.RUNNING]
        middle = [trial for trial in running if 2 <= len(trial.measurements()) <= 6]
        return middle if {"head", "w1", "w2"} <= hosts and ended(study) else []

    try:
        trial = wait_until(victim, search, "a trial in its middle on w1")[0]
        cluster.lab.on("w1", "kill -9 $(pidof raylet)")
        before, measured = ended(study), trial.measurements()
        output, _ = search.communicate(timeout=LONGEST)
    finally:
        search.kill()
    assert search.returncode == 0, output
    assert "Traceback" not in output
    after = ended(study)
    assert {name: after[name] for name in before} == before
    assert len(after) == TRIALS
    assert {each.status() for each in study.all_trials("search")} == {Status.COMPLETED}
    # Its seconds of training too: what was measured before was not trained again.
    assert trial.measurements()[: len(measured)] == measured


def test_a_node_of_another_version_is_named(cluster):
    wrong = (
        "ray stop --force; cp -r ~/ignm ~/other; echo 'OTHER = 1' >> ~/other/ignm/errors.py; "
        "PYTHONPATH=~/other ray start --address=10.77.0.10:6379 --num-cpus=1 "
        "--object-store-memory=100000000 --memory=1000000000"
    )
    begun = cluster.lab.on("w2", wrong)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    cluster.wait_for_nodes(3, 60)
    done = cluster.ignm(f"cluster preflight --storage {cluster.storage}")
    assert done.returncode == 2
    text = " ".join(done.stderr.split())
    assert "1 of 3 nodes cannot run trials" in text
    assert "w2 (10.77.0.12): another version of the code: the project's sources" in text


def test_a_stranger_on_the_same_network_gets_nothing(cluster):
    """Of all ports, what answers asks for the token, but for counters that Ray publishes."""
    script = REPOSITORY / "tests" / "lab" / "stranger.py"
    token = (cluster.lab.folder / "home" / ".ray" / "auth_token").read_text()
    for name in ("head", "w1"):
        told = cluster.lab.on("stranger", f"python {script} {cluster.lab.hosts[name]}", timeout=200)
        assert told.returncode == 0, told.stderr
        found = json.loads(told.stdout)
        assert 8265 not in found["ports"]
        given = {port: text for port, text in found["http"].items() if text not in ("401", "403", "BadStatusLine")}
        assert all(text.startswith("# HELP") for text in given.values()), given
        assert found["job"] == "401"
        if name == "head":
            assert found["grpc"] == {"gcs": "UNAUTHENTICATED", "client": "UNAUTHENTICATED"}
    # Nor does one who is on the head itself, without the token: the dashboard listens there.
    ask = f"import sys; sys.path.insert(0, '{script.parent}'); import stranger; print(stranger.by_http"
    job = "'http://127.0.0.1:8265/api/jobs/', {'entrypoint': 'touch /tmp/broken-in'}"
    assert cluster.lab.on("head", f'python -c "{ask}({job}))"').stdout.strip() == "401"
    assert cluster.lab.on("head", "ls /tmp/broken-in").returncode != 0
    # The same calls with the token do get in: it is the token that keeps the others out.
    assert "submission_id" in cluster.lab.on("head", f"python -c \"{ask}({job}, '{token}'))\"").stdout
    known = "import sys; sys.path.insert(0, '{}'); import stranger; print(stranger.by_grpc('10.77.0.10', '{}'))"
    assert "'gcs': 'OK'" in cluster.lab.on("stranger", f'python -c "{known.format(script.parent, token)}"').stdout


def test_jobs_are_submitted_from_beside_the_cluster(cluster):
    """`ray job submit` through the tunnel that `ray dashboard` opens."""
    tunnel = cluster.lab.start("ray", "dashboard", str(cluster.file))
    submit = "RAY_AUTH_MODE=token ray job submit --address http://127.0.0.1:8265 -- ignm --version"
    try:
        deadline = time.monotonic() + 60
        while (done := cluster.lab.run("bash", "-c", submit)).returncode != 0:
            assert time.monotonic() < deadline, done.stdout + done.stderr
    finally:
        tunnel.kill()
    assert "succeeded" in done.stdout
    sent = cluster.ray("rsync-up", str(cluster.lab.shared / "small.yaml"), "small.yaml")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert "name: small" in cluster.ray("exec", "grep '^name:' small.yaml").stdout


def test_down_leaves_no_ray(cluster):
    done = cluster.ray("down", "-y")
    assert done.returncode == 0, done.stdout + done.stderr
    deadline = time.monotonic() + 90
    for name in ("head", "w1", "w2"):
        while cluster.lab.on(name, "pidof raylet gcs_server").returncode == 0:
            assert time.monotonic() < deadline, f"Ray goes on on {name}"
