"""Start the cluster: build, make the node, start its programs, wait until it is of use."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

from tools.cluster import (
    certificates,
    cgroups,
    components,
    containerd,
    images,
    network,
    node,
    packages,
    processes,
)
from tools.cluster.down import down
from tools.cluster.errors import ClusterError
from tools.cluster.layout import DNS_READY_PORT, NODE, NODE_ADDRESS, Layout

_API_SECONDS = 60.0
_NODE_SECONDS = 60.0
_STEP_SECONDS = 0.1


def up(layout: Layout, kept: str = "") -> None:
    """Leave a running cluster as it is; else make a new, empty one.

    Args:
        layout: Of the cluster.
        kept: The name under which an earlier one was kept, which is started again; empty for a new
            one.

    Raises:
        ClusterError: a part is missing or does not come up.
        BuildError: a program cannot be built.
    """
    if os.geteuid() != 0:
        raise ClusterError(
            "the cluster requires root, to create namespaces, mounts and network links"
        )
    if layout.exists():
        ended = ended_programs(layout)
        if not ended:
            _wait_until_of_use(layout)
            return
        print(f"ended: {', '.join(ended)}; starting again ...", file=sys.stderr, flush=True)
    packages.ensure(packages.NODE_PROGRAMS)
    components.build_all()
    busybox = images.busybox()
    down(layout)
    network.wait_for_no_link()
    layout.create()
    if kept:
        layout.take_from(layout.kept(kept))
    else:
        certificates.create(layout)
    cgroups.create()
    node.create(layout, components.program("pause"))
    network.connect(layout)
    for component in components.FIRST:
        node.start(layout, component.name, component.command(layout))
    containerd.wait_until_ready(layout)
    pause = layout.state / "pause.tar"
    images.write_pause(components.program("pause"), pause)
    containerd.load(layout, pause)
    wait_for_api(layout)
    for component in components.REST:
        node.start(layout, component.name, component.command(layout))
    kubectl(layout, "apply", "--server-side", f"--filename={components.ADDONS}")
    containerd.load(layout, busybox)
    _wait_until_of_use(layout)


def ended_programs(layout: Layout) -> list[str]:
    """The node's programs that were started, or should have been, and do not run."""
    names = (node.INIT, *components.ALL)
    return [name for name in names if processes.running(layout, name) is None]


def restart(layout: Layout, name: str) -> None:
    """Kill one program of the node and start it again.

    Raises:
        ClusterError: there is no such program, or it does not come up.
    """
    component = components.ALL.get(name)
    if component is None:
        raise ClusterError(f"no program {name!r}; there are {', '.join(components.ALL)}")
    processes.kill(layout, name)
    node.start(layout, name, component.command(layout))
    if name == "kube-apiserver":
        wait_for_api(layout)


def wait_for_api(layout: Layout) -> None:
    """Wait until the API server says that it is ready.

    Raises:
        ClusterError: it does not, or has ended.
    """
    _wait(
        "kube-apiserver", layout, _API_SECONDS,
        lambda: _kubectl(layout, "get", "--raw=/readyz").returncode == 0,
    )  # fmt: skip


def kubectl(layout: Layout, *arguments: str) -> str:
    """Run kubectl as the administrator.

    Raises:
        ClusterError: it failed.
    """
    done = _kubectl(layout, *arguments)
    if done.returncode != 0:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _kubectl(layout: Layout, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(components.program("kubectl")), f"--kubeconfig={layout.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _wait_until_of_use(layout: Layout) -> None:
    _wait("kubelet", layout, _NODE_SECONDS, lambda: _node_is_ready(layout))
    _wait("coredns", layout, _NODE_SECONDS, _names_are_served)


def _node_is_ready(layout: Layout) -> bool:
    condition = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    done = _kubectl(layout, "get", "node", NODE, "--output", condition)
    return done.returncode == 0 and done.stdout == "True"


def _names_are_served() -> bool:
    try:
        with urllib.request.urlopen(f"http://{NODE_ADDRESS}:{DNS_READY_PORT}/ready", timeout=1):
            return True
    except OSError:
        return False


def _wait(name: str, layout: Layout, seconds: float, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not is_ready():
        if processes.running(layout, name) is None:
            raise ClusterError(f"{name} has ended\n{processes.log_end(layout, name)}")
        if time.monotonic() > deadline:
            end = processes.log_end(layout, name)
            raise ClusterError(f"{name} is not ready after {seconds:.0f} s\n{end}")
        time.sleep(_STEP_SECONDS)
