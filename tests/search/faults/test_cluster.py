"""Machines that vanish under a search, in a laboratory of hosts: a worker, its network, the head; and other code."""

import shutil
import time
from contextlib import ExitStack

import pytest
import yaml
from lab.hosts import REPOSITORY, Lab, needs_lab
from support.nothing_lost import assert_kept, kept, lines
from support.tiny_study import AXES, TINY, reached

pytestmark = [pytest.mark.cluster, needs_lab, pytest.mark.timeout(420)]
HOSTS = {"head": "10.79.0.10", "w1": "10.79.0.11", "w2": "10.79.0.12"}
LONGEST = 240
SMALL = "--num-cpus=1 --object-store-memory=100000000 --memory=1500000000"
HEAD = f"ray start --head --port=6379 --node-ip-address={HOSTS['head']} --include-dashboard=false {SMALL}"
WORKER = f"ray start --address={HOSTS['head']}:6379 {SMALL}"
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "NO_COLOR": "1",
    "COLUMNS": "200",
    "OMP_NUM_THREADS": "1",
    # A lost node is noticed, and workers whose head is gone give up, in seconds instead of a minute.
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
}


class Cluster:
    """Three hosts with a slot each, and the tiny study on the folder that they share."""

    def __init__(self, lab, data):
        self.lab, self.path = lab, lab.shared / "studies" / "tiny"
        shutil.copytree(data / "data", lab.shared / "home" / "data")
        (lab.shared / "axes.yaml").write_text(AXES)

    def begin(self, *names):
        for name in names:
            self.on(name, HEAD if name == "head" else WORKER)

    def on(self, name, command):
        done = self.lab.on(name, command)
        assert done.returncode == 0, done.stdout + done.stderr

    def search(self, name="head", trials=5, kimg=24):
        """Of trials that are stopped never, so that whichever is taken up again was lost."""
        study = {**TINY, "budget": {"trials": trials, "kimg": kimg, "first_rung": kimg}}
        (self.lab.shared / "tiny.yaml").write_text(yaml.safe_dump(study))
        command = f"cd {self.lab.shared} && ignm search tiny.yaml --storage studies --address auto"
        return self.lab.start(*self.lab.ssh(name, command))

    def wait_until(self, condition, process, what):
        deadline = time.monotonic() + LONGEST
        while not (found := condition()):
            if process.poll() is not None:
                pytest.fail(f"the search ended before {what}: {process.stdout.read()}")
            assert time.monotonic() < deadline, f"never came: {what}"
            time.sleep(0.05)
        return found

    def wait_for_training_on(self, *names, process):
        """A running trial on each of these hosts, by host, with a checkpoint behind it."""

        def there():
            found = {host(trial): trial for trial in self.running() if reached(trial) >= 1.5}
            return found if set(names) <= found.keys() else {}

        return self.wait_until(there, process, f"training on {', '.join(names)}")

    def running(self):
        return [path for path in self.path.glob("trials/search-*") if not (path / "status.json").exists()]

    def ended(self, process):
        output, _ = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        return output

    def switch_off(self, name):
        """Power and network at once."""
        self.network(name, "down")
        of_it = '[ "$(nsenter -t $pid -u hostname)" = "$0" ] && kill -9 $pid'
        self.lab.run("bash", "-c", f"for pid in $(pgrep -x sshd); do {of_it}; done", name)

    def network(self, name, state):
        assert self.lab.run("ip", "link", "set", f"v-{name}", state).returncode == 0

    def kill_all_on(self, name):
        """As a restart of the machine would; it answers again at once."""
        self.lab.on(name, "kill -9 -1")


def host(trial):
    attempts = lines(trial / "attempts.jsonl")
    return attempts[-1]["node"] if attempts else ""


@pytest.fixture
def cluster(tmp_path, home, injected):
    """Make one, with more in its hosts' environment."""
    folder = tmp_path / "lab"

    def make(**environment):
        own = {**ENVIRONMENT, **injected, **environment, "IGNM_HOME": str(folder / "shared" / "home")}
        return Cluster(stack.enter_context(Lab(folder, HOSTS, own)), home)

    with ExitStack() as stack:
        yield make


def test_a_worker_is_switched_off(cluster, nothing_lost):
    cluster = cluster()
    cluster.begin("head", "w1", "w2")
    search = cluster.search()
    trial = cluster.wait_for_training_on("w1", process=search)["w1"]
    before = kept(cluster.path)
    cluster.switch_off("w1")
    cluster.ended(search)
    assert len(nothing_lost(cluster.path).by_trial[trial.name]) == 1
    assert_kept(before, cluster.path)


WAYS = {
    "its network is cut": lambda cluster: cluster.network("w1", "down"),
    "its raylet is killed": lambda cluster: cluster.on("w1", "kill -9 $(pidof raylet)"),
}


@pytest.mark.parametrize("lose", WAYS.values(), ids=WAYS)
def test_a_worker_is_lost_while_its_processes_go_on(cluster, lose, nothing_lost):
    """What is left there trains on in the same folder, until it sees that the trial is another's."""
    cluster = cluster()
    cluster.begin("head", "w1", "w2")
    search = cluster.search()
    trial = cluster.wait_for_training_on("w1", process=search)["w1"]
    at = reached(trial)
    lose(cluster)
    cluster.wait_until(lambda: host(trial) != "w1", search, "another process")
    _, again = lines(trial / "attempts.jsonl")
    assert again["reached"] > at
    cluster.ended(search)
    assert len(nothing_lost(cluster.path).by_trial[trial.name]) == 1


def test_the_head_is_gone_and_the_same_command_goes_on(cluster, nothing_lost):
    cluster = cluster()
    cluster.begin("head", "w1", "w2")
    search = cluster.search()
    trials = cluster.wait_for_training_on("head", "w1", "w2", process=search)
    cluster.kill_all_on("head")
    assert search.wait(timeout=60) != 0
    before = kept(cluster.path)
    for name in ("w1", "w2"):
        cluster.on(name, "while pidof raylet; do sleep 0.1; done")
    cluster.begin("head", "w1", "w2")
    cluster.ended(cluster.search())
    repeated = nothing_lost(cluster.path)
    assert all(len(repeated.by_trial[trial.name]) == 1 for trial in trials.values())
    assert_kept(before, cluster.path)


def test_the_head_comes_back_with_its_store_and_the_search_goes_on_by_itself(cluster, tmp_path, nothing_lost):
    """The driver is on a worker; trials that did not run on the head do not even notice."""
    cluster = cluster(
        RAY_gcs_storage="rocksdb",
        RAY_gcs_storage_path=str(tmp_path / "lab" / "shared" / "gcs"),
        RAY_gcs_rpc_server_reconnect_timeout_s="120",
    )
    cluster.begin("head", "w1", "w2")
    search = cluster.search("w1")
    trials = cluster.wait_for_training_on("head", "w2", process=search)
    before = kept(cluster.path)
    cluster.kill_all_on("head")
    cluster.begin("head")
    cluster.ended(search)
    repeated = nothing_lost(cluster.path)
    assert len(repeated.by_trial[trials["head"].name]) == 1
    assert repeated.by_trial[trials["w2"].name] == []
    assert_kept(before, cluster.path)


def test_a_node_with_other_code_joins(cluster, nothing_lost):
    """It takes no trial, not even that of a worker that is switched off, which waits until there is room elsewhere."""
    cluster = cluster()
    cluster.begin("head", "w1")
    # At the same place: Ray hands the driver's PYTHONPATH on to its workers.
    own = f"cp -r {REPOSITORY}/ignm ~/other && echo 'OTHER = 1' >> ~/other/errors.py"
    cluster.on("w2", f"{own} && mount --bind ~/other {REPOSITORY}/ignm")
    search = cluster.search(trials=2, kimg=100)
    trials = cluster.wait_for_training_on("head", "w1", process=search)
    cluster.begin("w2")
    cluster.switch_off("w1")
    output = cluster.ended(search)
    assert "w2: its code is not the driver's" in output
    repeated = nothing_lost(cluster.path)
    assert len(repeated.by_trial[trials["w1"].name]) == 1
    attempts = [attempt for path in cluster.path.glob("trials/*/attempts.jsonl") for attempt in lines(path)]
    assert {attempt["node"] for attempt in attempts} == {"head", "w1"}
