"""Where the cluster is: its folder, its names and its addresses."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.cluster.errors import ClusterError

NODE = "node1"
DOMAIN = "cluster.local"
# 198.18.0.0/15 is reserved for benchmarks of network devices (RFC 2544): nobody routes it.
NETWORK = "198.18.0.0/15"
POD_NETWORK = "198.18.0.0/16"
SERVICE_NETWORK = "198.19.0.0/16"
NODE_ADDRESS = "198.18.0.1"
API_SERVICE_ADDRESS = "198.19.0.1"
DNS_SERVICE_ADDRESS = "198.19.0.10"
# The pods' bridge has the lower half; a pod looks for what is in the upper half at its gateway.
BRIDGE_NETWORK = "198.18.0.0/17"
FIRST_POD_ADDRESS = "198.18.1.0"
# The link between the machine and its node: pods reach a server of a test at HOST_ADDRESS.
HOST_ADDRESS = "198.18.255.253"
UPLINK_ADDRESS = "198.18.255.254"
HOST_LINK = "stashgen0"
API_PORT = 6443
API_URL = f"https://{NODE_ADDRESS}:{API_PORT}"
DNS_PORT = 1053
DNS_READY_PORT = 8181
CGROUP = "stashgen-cluster"
# Folders that Kubernetes hard-codes; inside the node each is one of ours.
REPLACED_FOLDERS = ("/run", "/var/log", "/var/lib/kubelet")
_MARK = ".stashgen-cluster"
# What a cluster is, beside its programs: with these it can be started again.
_LASTING = ("etcd", "pki", "volumes", "kubeconfig")


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one cluster, all below one folder that `down` removes."""

    state: Path

    @classmethod
    def configured(cls) -> "Layout":
        """``$STASHGEN_CLUSTER_STATE``, else a folder in the user's state folder.

        Raises:
            ClusterError: the folder is hidden inside the node.
        """
        configured = os.environ.get("STASHGEN_CLUSTER_STATE")
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        state = Path(configured).resolve() if configured else base / "stashgen" / "cluster"
        for folder in REPLACED_FOLDERS:
            if state.is_relative_to(Path(folder).resolve()):
                raise ClusterError(
                    f"the cluster's state cannot be in {state}: the node has a {folder} of its "
                    "own; set STASHGEN_CLUSTER_STATE to another folder"
                )
        return cls(state)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; readable without any other file."""
        return self.state / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON event a line for each request that the API server answered."""
        return self.state / "audit.log"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        """What each process wrote: ``<name>.log``."""
        return self.state / "logs"

    @property
    def processes(self) -> Path:
        """Which processes are ours: ``<name>.json``."""
        return self.state / "processes"

    @property
    def volumes(self) -> Path:
        """The folders behind the default StorageClass."""
        return self.state / "volumes"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else starts or ends this cluster meanwhile; the lock is on the folder above."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.state.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def exists(self) -> bool:
        """Whether a cluster was made in the folder and not taken down since."""
        return (self.state / _MARK).exists()

    def create(self) -> None:
        """Make the folder and mark it as ours to remove.

        Raises:
            ClusterError: there are files of someone else in it.
        """
        if self.state.is_dir() and any(self.state.iterdir()):
            raise ClusterError(
                f"{self.state} contains files that do not belong to a cluster; nothing was done"
            )
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / _MARK).touch()
        self.state.chmod(0o755)
        for folder in (self.pki, self.logs, self.processes, self.volumes):
            folder.mkdir()
        self.pki.chmod(0o700)

    def kept(self, name: str) -> Path:
        """The folder for what is kept of a cluster that was taken down.

        Raises:
            ClusterError: that is no name for a folder.
        """
        if not name.isalnum():
            raise ClusterError(f"{name!r} is no name: letters and digits")
        return self.state.with_name(f"{self.state.name}-{name}")

    def move_to(self, folder: Path) -> None:
        """Keep what lasts of the cluster in a folder; what was there is replaced."""
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        for name in _LASTING:
            (self.state / name).rename(folder / name)

    def take_from(self, folder: Path) -> None:
        """Have what was kept of a cluster as this cluster's own.

        Raises:
            ClusterError: nothing was kept there.
        """
        if not folder.is_dir():
            raise ClusterError(f"nothing was kept in {folder}")
        for name in _LASTING:
            if (self.state / name).is_dir():
                (self.state / name).rmdir()
            (folder / name).rename(self.state / name)
        folder.rmdir()
