"""The laboratory itself: its hosts are apart, and nothing is left of it."""

import subprocess
from pathlib import Path

import pytest
from lab.hosts import Lab, needs_lab

pytestmark = [pytest.mark.cluster, needs_lab]
HOSTS = {"one": "10.78.0.10", "two": "10.78.0.11"}


def traces(folder: Path) -> list[str]:
    """Processes, mounts and network devices of a laboratory, as this machine sees them."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "hosts.sh" in words or "sshd_lab" in words:
            processes.append(words)
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(folder) in line]
    devices = [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith(("v-", "br0"))]
    return [*processes, *mounts, *devices]


def test_hosts_are_apart_and_leave_nothing(tmp_path):
    before = traces(tmp_path)
    with Lab(tmp_path, HOSTS, {"GREETING": "hello"}) as lab:
        assert lab.on("one", "hostname; echo $GREETING").stdout.split() == ["one", "hello"]
        lab.on("one", "touch /only-here /tmp/ray/only-here; echo shared > " + str(lab.shared / "note"))
        assert lab.on("two", "ls /only-here /tmp/ray/only-here").returncode != 0
        assert lab.on("two", f"cat {lab.shared / 'note'}").stdout == "shared\n"
        assert lab.on("one", "ps -e -o comm=").stdout.split().count("sshd") <= 3
        assert lab.on("one", "exec 3<>/dev/tcp/10.78.0.11/22").returncode == 0
        # From the machine around them there is no way in.
        key = (tmp_path / "keys" / "host.pub").read_text().split()[1]
        scan = ["ssh-keyscan", "-T", "2", HOSTS["one"]]
        assert key in lab.run(*scan).stdout
        assert key not in subprocess.run(scan, capture_output=True, text=True, check=False).stdout
    assert not Path("/only-here").exists()
    assert traces(tmp_path) == before
    assert not list((tmp_path / "layers").iterdir())
