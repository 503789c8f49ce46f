"""The node's network: a bridge for the pods, and a link by which the machine reaches them.

There is no route out of the node but to the machine itself, so nothing that runs in a pod can
leave it.
"""

import json
import subprocess
import time
from pathlib import Path

from tools.cluster import node, processes
from tools.cluster.errors import ClusterError
from tools.cluster.layout import (
    BRIDGE_NETWORK,
    FIRST_POD_ADDRESS,
    HOST_ADDRESS,
    HOST_LINK,
    NETWORK,
    NODE_ADDRESS,
    UPLINK_ADDRESS,
    Layout,
)

_BRIDGE = "stashgen-pods"
_UPLINK = "eth0"
# The kernel takes its time with it on a busy machine: more than 15 s were seen.
_LINK_GONE_SECONDS = 40.0
_SETTINGS = {
    "net.ipv4.ip_forward": "1",
    # Pods on one bridge reach each other through a Service only if iptables sees their packets.
    "net.bridge.bridge-nf-call-iptables": "1",
}


def connect(layout: Layout) -> None:
    """Give the node its links, addresses, routes and settings.

    Raises:
        ClusterError: the kernel lacks a part.
    """
    init = processes.running(layout, node.INIT)
    _ip("link", "add", HOST_LINK, "type", "veth", "peer", "name", _UPLINK, "netns", str(init))
    _ip("address", "add", f"{HOST_ADDRESS}/30", "dev", HOST_LINK)
    _ip("link", "set", HOST_LINK, "up")
    node.run(layout, "ip", "link", "set", "lo", "up")
    node.run(layout, "ip", "address", "add", f"{UPLINK_ADDRESS}/30", "dev", _UPLINK)
    node.run(layout, "ip", "link", "set", _UPLINK, "up")
    node.run(layout, "ip", "link", "add", _BRIDGE, "type", "bridge")
    length = BRIDGE_NETWORK.split("/")[1]
    node.run(layout, "ip", "address", "add", f"{NODE_ADDRESS}/{length}", "dev", _BRIDGE)
    node.run(layout, "ip", "link", "set", _BRIDGE, "up")
    _ip("route", "add", NETWORK, "via", UPLINK_ADDRESS, "dev", HOST_LINK)
    if not Path("/proc/sys/net/bridge").is_dir():
        raise ClusterError("the kernel has no br_netfilter: run `modprobe br_netfilter` first")
    for key, value in _SETTINGS.items():
        node.run(layout, "sysctl", "-qw", f"{key}={value}")
    folder = layout.state / "cni"
    folder.mkdir()
    (folder / "10-pods.conflist").write_text(json.dumps(_plugins(layout), indent=1))


def wait_for_no_link() -> None:
    """Wait until the link of a node that has ended is gone: the kernel takes a moment.

    Raises:
        ClusterError: it stays, so it belongs to a cluster with another state folder.
    """
    deadline = time.monotonic() + _LINK_GONE_SECONDS
    while Path("/sys/class/net", HOST_LINK).exists():
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the network link {HOST_LINK} belongs to another cluster on this machine; take "
                "that one down with `make cluster-down` and its STASHGEN_CLUSTER_STATE"
            )
        time.sleep(0.05)


def _plugins(layout: Layout) -> dict[str, object]:
    """What containerd does to a pod's network namespace."""
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.state / "addresses"),
        "ranges": [
            [
                {
                    "subnet": BRIDGE_NETWORK,
                    "rangeStart": FIRST_POD_ADDRESS,
                    "gateway": NODE_ADDRESS,
                }
            ]
        ],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": _BRIDGE, "isGateway": True, "hairpinMode": True}
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [bridge | {"ipMasq": False, "ipam": addresses}, {"type": "loopback"}],
    }


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
