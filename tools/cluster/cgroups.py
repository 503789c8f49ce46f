"""The control groups of the pods: all below one of ours, so that they can be removed together."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.layout import CGROUP

_GONE_SECONDS = 15.0


def create() -> None:
    """Make our group in every hierarchy; the kubelet requires that it exists."""
    for mount, version in _mounts():
        if version == "cgroup2":
            _delegate(mount)
        (mount / CGROUP).mkdir(exist_ok=True)


def remove() -> None:
    """Remove our groups; their processes have ended by now, but the kernel takes a moment.

    Raises:
        ClusterError: a process still runs in one of them.
    """
    deadline = time.monotonic() + _GONE_SECONDS
    for mount, _ in _mounts():
        root = mount / CGROUP
        while root.is_dir():
            try:
                for folder, _, _ in os.walk(root, topdown=False):
                    Path(folder).rmdir()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ClusterError(f"{root} cannot be removed: {error}") from error
                time.sleep(0.1)


def _delegate(mount: Path) -> None:
    """Let groups below the root have every controller that the root has (cgroup v2)."""
    for controller in (mount / "cgroup.controllers").read_text().split():
        (mount / "cgroup.subtree_control").write_text(f"+{controller}")


def _mounts() -> Iterator[tuple[Path, str]]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, path, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            yield Path(path), kind
