"""The embedded cluster: API server, controllers, runner and our own controller in one process."""

from collections.abc import Sequence
from pathlib import Path

from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.embedded.controllers.claims import ClaimBinder
from stashgen_controller.embedded.controllers.cron_job import CronJobController
from stashgen_controller.embedded.controllers.garbage_collector import GarbageCollector
from stashgen_controller.embedded.controllers.job import JobController
from stashgen_controller.embedded.controllers.loop import ControlLoop
from stashgen_controller.embedded.controllers.service_account import DefaultAccounts
from stashgen_controller.embedded.kubelet.kubelet import Runner
from stashgen_controller.embedded.kubelet.sandbox import check_sandbox
from stashgen_controller.kinds import KINDS, WATCHED
from stashgen_controller.kube.client import Client
from stashgen_controller.kube.clock import MovableClock
from stashgen_controller.listers.indexes import INDEXES
from stashgen_controller.runtime.manager import Manager

KUBECONFIG = "kubeconfig"


class EmbeddedCluster:
    """A cluster whose volumes are folders and whose pods are local processes.

    Args:
        state: A folder for volumes, logs and the kubeconfig.
        tools: Folders of programs that pods find on their PATH, for example restic's.
        port: Of the API server on the loopback address; 0 takes a free one.
    """

    def __init__(self, state: Path, tools: Sequence[Path], port: int = 0) -> None:
        self.clock = MovableClock()
        self.server = EmbeddedServer(self.clock, port)
        self._state = state
        self._tools = tools
        self._parts: list[ControlLoop] = []
        self._manager: Manager | None = None

    @property
    def url(self) -> str:
        """The API server's address."""
        return self.server.url

    @property
    def kubeconfig(self) -> Path:
        """With this kubectl finds the cluster."""
        return self._state / KUBECONFIG

    def start(self, *, control_plane_only: bool = False) -> None:
        """Start everything; returns at once.

        Args:
            control_plane_only: Leave out what kube-apiserver and kube-controller-manager do not
                do: pods stay pending, and nothing acts on our kinds.

        Raises:
            SandboxUnavailableError: pods cannot be run on this machine.
        """
        if not control_plane_only:
            check_sandbox()
        self._state.mkdir(parents=True, exist_ok=True)
        self.server.start()
        self.server.write_kubeconfig(self.kubeconfig)
        client = Client.for_url(self.url)
        self._parts = [
            GarbageCollector(client, self.clock),
            CronJobController(client, self.clock),
            JobController(client, self.clock),
            DefaultAccounts(client, self.clock),
        ]
        if not control_plane_only:
            runner = Runner(
                client, self.clock, state=self._state, tools=self._tools, api_url=self.url
            )
            self._parts += [ClaimBinder(client, self.clock), runner]
            self._manager = Manager(
                client, self.clock, kinds=KINDS, models=WATCHED, indexes=INDEXES
            )
            self._manager.start()
        for part in self._parts:
            part.start()

    def stop(self) -> None:
        """Stop everything and end all pods."""
        if self._manager is not None:
            self._manager.stop()
        for part in self._parts:
            part.stop()
        self.server.stop()
