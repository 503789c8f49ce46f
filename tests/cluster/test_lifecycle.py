"""Starting, ending and starting again: nothing of the cluster is left on the machine."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.kube import Kube, KubeError
from tests.cluster.pods import pod
from tools.cluster import node, processes
from tools.cluster.layout import CGROUP, HOST_LINK, NODE, REPLACED_FOLDERS
from tools.go.build import cache_folder

pytestmark = pytest.mark.alone

Snapshot = dict[str, list[str]]
_OTHERS_SECONDS = 90


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Packets are counted, and lifetimes of addresses count down.
    return [line.split(" [")[0] for line in done.stdout.splitlines() if not line.startswith("#")]


def _mounts() -> list[str]:
    """Every mount but those in the cache, where buildah keeps what it builds for others."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return sorted(
        line for line in lines if not Path(line.split()[1]).is_relative_to(cache_folder())
    )


def _namespaces() -> dict[tuple[str, str], set[str]]:
    """The namespaces that each process is in, by its number and start (proc(5), stat).

    Of another user's processes they are not told.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            started = (process / "stat").read_text().rpartition(")")[2].split()[19]
            kinds = (process / "ns" / kind for kind in ("net", "mnt", "pid"))
            found[process.name, started] = {str(kind.readlink()) for kind in kinds}
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def _machine(kube: Kube) -> Snapshot:
    """What a cluster could leave behind."""
    return {
        "mounts": _mounts(),
        "named network namespaces": _lines("ip", "netns", "list"),
        "links": _lines("ip", "-oneline", "link", "show"),
        "addresses": _lines("ip", "-oneline", "-4", "address", "show"),
        "routes": _lines("ip", "route", "show", "table", "all"),
        "iptables": _lines("iptables-save"),
        "settings": [
            f"{key}={Path('/proc/sys/net', key).read_text()}"
            for key in ("ipv4/ip_forward", "ipv4/conf/all/route_localnet")
        ],
        "control groups": sorted(map(str, Path("/sys/fs/cgroup").glob(f"**/{CGROUP}*"))),
        "folders": [
            str(path)
            for folder in (*REPLACED_FOLDERS, "/var/lib", "/tmp/hostpath_pv")
            for path in sorted(Path(folder).glob("*"))
        ],
        "state": [str(kube.layout.state)] if kube.layout.state.exists() else [],
    }


def _assert_nothing_left(kube: Kube, machine: Snapshot) -> None:
    """The machine is as before; what others do on it meanwhile is given time to end."""
    deadline = time.monotonic() + _OTHERS_SECONDS
    while (now := _machine(kube)) != machine and time.monotonic() < deadline:
        time.sleep(0.5)
    assert now == machine


def _of_the_node(kube: Kube) -> dict[int, str]:
    """Every process of the node, pods and helpers included, by its number on the machine."""
    init = processes.running(kube.layout, node.INIT)
    assert init is not None
    parents, commands = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "status").read_text()
            commands[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(process.name)] = int(status.split("PPid:")[1].split()[0])
    found = {init} | {pid for pid, command in commands.items() if f"--target={init}" in command}
    while below := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= below
    return {pid: commands[pid] for pid in found}


def _recorded(kube: Kube) -> dict[str, int | None]:
    return {name: processes.running(kube.layout, name) for name in processes.names(kube.layout)}


def _run_a_pod(kube: Kube, name: str) -> None:
    """Leave a pod with a volume running: shim, mounts, network namespace, control group."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    wanted = pod(
        name,
        ["sleep", "1000"],
        mounts=[{"name": "data", "mountPath": "/data"}],
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
    )
    kube.wait_until(lambda: "default" in kube.kubectl("get", "serviceaccounts", "--output=name"))
    kube.apply("default", claim, wanted)
    kube.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=240s")


def _kill_all(kube: Kube) -> None:
    for pid in _of_the_node(kube):
        _kill(pid)


def _kill_process_1(kube: Kube) -> None:
    init = processes.running(kube.layout, node.INIT)
    assert init is not None
    _kill(init)


def _kill_the_programs(kube: Kube) -> None:
    for name, pid in _recorded(kube).items():
        if name != node.INIT and pid is not None:
            _kill(pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended with its process 1


@pytest.fixture(scope="module")
def machine(kube: Kube) -> Snapshot:
    """The machine without a cluster."""
    kube.cluster("down")
    return _machine(kube)


def test_down_leaves_nothing_on_the_machine(kube: Kube, machine: Snapshot) -> None:
    kube.cluster("up")
    _run_a_pod(kube, "left")
    running = _of_the_node(kube)
    before = _namespaces()
    entered = {
        name for (pid, _), names in before.items() if int(pid) in running for name in names
    } - {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("net", "mnt", "pid")}
    assert any(name.startswith("net:") for name in entered)
    assert any(command.startswith("sleep 1000") for command in running.values())
    assert _machine(kube) != machine
    kube.cluster("down")
    kube.wait_until(lambda: not [pid for pid in running if Path(f"/proc/{pid}").exists()])
    # The kernel gives the numbers of namespaces that are gone to whoever makes some meanwhile.
    left = _namespaces()
    assert not [one for one in before.keys() & left.keys() if left[one] & entered]
    _assert_nothing_left(kube, machine)


def test_down_without_a_cluster_does_nothing(kube: Kube, machine: Snapshot) -> None:
    kube.cluster("down")
    _assert_nothing_left(kube, machine)


def test_second_up_leaves_a_running_cluster_as_it_is(kube: Kube) -> None:
    printed = kube.cluster("up")
    assert printed == f"export KUBECONFIG={kube.layout.kubeconfig}\n"
    before = _recorded(kube)
    assert all(before.values())
    assert kube.cluster("up") == printed
    assert _recorded(kube) == before


@pytest.mark.parametrize("kill", [_kill_all, _kill_process_1, _kill_the_programs])
def test_up_after_a_kill_makes_a_cluster_that_runs_pods(
    kube: Kube, machine: Snapshot, kill: Callable[[Kube], None]
) -> None:
    kube.cluster("up")
    _run_a_pod(kube, "before")
    kill(kube)
    kube.cluster("up")
    node_object = kube.get("default", "node", NODE)
    ready = [item for item in node_object["status"]["conditions"] if item["type"] == "Ready"]
    assert ready[0]["status"] == "True"
    _run_a_pod(kube, "after")
    kube.cluster("down")
    _assert_nothing_left(kube, machine)


def test_down_signals_no_process_that_has_taken_a_number_of_ours(
    kube: Kube, machine: Snapshot
) -> None:
    kube.cluster("up")
    record = kube.layout.processes / f"{node.INIT}.json"
    ours = record.read_text()
    with subprocess.Popen(["sleep", "1000"]) as other:
        try:
            init = processes.running(kube.layout, node.INIT)
            record.write_text(ours.replace(f'"pid": {init}', f'"pid": {other.pid}'))
            with pytest.raises(KubeError, match=f"link {HOST_LINK} belongs to another cluster"):
                kube.cluster("down")
            assert other.poll() is None
        finally:
            other.kill()
            record.write_text(ours)
    kube.cluster("down")
    _assert_nothing_left(kube, machine)


@pytest.mark.parametrize("program", ["kube-apiserver", "etcd", "containerd", "kubelet"])
def test_restarted_program_takes_up_its_work(kube: Kube, program: str) -> None:
    kube.cluster("up")
    name = f"during-{program}"
    _run_a_pod(kube, name)
    kube.cluster("restart", program)
    kube.wait_until(lambda: kube.cluster("up"))
    kube.wait_until(lambda: _answers(kube, name))
    assert kube.get("default", "pod", name)["status"]["containerStatuses"][0]["restartCount"] == 0


def _answers(kube: Kube, name: str) -> bool:
    try:
        return kube.kubectl("exec", name, "--", "echo", "here") == "here\n"
    except KubeError:
        return False
