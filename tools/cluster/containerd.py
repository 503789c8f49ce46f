"""The container runtime: its settings, and images given to it without a registry."""

import subprocess
import time
from pathlib import Path

from tools.cluster import images, node, packages
from tools.cluster.errors import ClusterError
from tools.cluster.layout import Layout

NAME = "containerd"
SOCKET = "/run/containerd/containerd.sock"  # in the node's own /run
_READY_SECONDS = 30.0
_SETTINGS = """\
version = 2
root = "{state}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{state}/cni"
"""


def command(layout: Layout) -> list[str]:
    """The command that runs it; its settings are written on the way."""
    settings = layout.state / "containerd.toml"
    settings.write_text(
        _SETTINGS.format(
            state=layout.state, socket=SOCKET, pause=images.PAUSE, plugins=packages.CNI_PLUGINS
        )
    )
    return ["containerd", "--config", str(settings)]


def wait_until_ready(layout: Layout) -> None:
    """Wait until it answers.

    Raises:
        ClusterError: it does not.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            node.run(layout, "ctr", "version")
        except ClusterError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def load(layout: Layout, archive: Path) -> list[str]:
    """Give the images of an OCI or Docker archive to the kubelet; their names.

    Raises:
        ClusterError: the archive cannot be read.
    """
    # By standard input: the archive may be where the node has a folder of its own.
    with archive.open("rb") as content:
        done = subprocess.run(
            node.entered(layout, ["ctr", "--namespace=k8s.io", "images", "import", "-"]),
            stdin=content,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise ClusterError(f"{archive} cannot be loaded: {done.stderr.strip()}")
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("unpacking ")]
