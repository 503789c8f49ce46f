"""etcd is restored from an older state: objects go back, the bucket and what runs do not.

What people do then is what docs/restore.md asks of them: whatever runs in a pod that the older
state does not know is ended first, what was being restored meanwhile is restored again by hand, and
each Repository is asked to read its Snapshots back from the bucket.
"""

from collections.abc import Callable

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, name_of
from stashgen.api.labels import RESYNC_ANNOTATION
from tests.simulation.api_server import ApiServer, Stored
from tests.simulation.cluster import Cluster
from tests.simulation.restic import Volume
from tests.simulation.shapes import NAMESPACE
from tests.simulation.timeline import Timeline
from tests.simulation.trace import Trace


class Etcd:
    """The backups of etcd, and their restore.

    Args:
        timeline, server, trace, cluster: Of the simulation.
        volumes: All of them.
        stop_controllers: Ends every controller: no API server, no lead.

    Attributes:
        went_back: It was restored at least once.
    """

    def __init__(
        self,
        timeline: Timeline,
        server: ApiServer,
        trace: Trace,
        cluster: Cluster,
        volumes: dict[str, Volume],
        stop_controllers: Callable[[], None],
    ) -> None:
        self._timeline, self._server, self._trace = timeline, server, trace
        self._cluster, self._volumes = cluster, volumes
        self._stop_controllers = stop_controllers
        self._kept: list[tuple[float, Stored]] = []
        self.went_back = False

    def back_up(self) -> None:
        """Keep the state of this moment."""
        self._kept.append((self._timeline.seconds, self._server.state()))

    def restore(self) -> None:
        """Go back to one of the states that were kept."""
        if not self._kept:
            return
        seconds, state = self._timeline.random.choice(self._kept)
        self._trace.add("etcd", f"is restored from {self._timeline.seconds - seconds:.0f} s ago")
        self.went_back = True
        self._stop_controllers()
        self._server.go_back(state)
        self._cluster.come_back()
        for volume in self._volumes.values():
            session = volume.half_restored
            if session and self._server.find(known.RESTORE_SESSIONS, NAMESPACE, session) is None:
                volume.half_restored = None
        for repository in self._server.items(known.REPOSITORIES, NAMESPACE):
            asked: JsonObject = {RESYNC_ANNOTATION: f"at-{self._timeline.seconds:.0f}"}
            body: JsonObject = {"metadata": {"annotations": asked}}
            name = name_of(repository)
            self._server.patch(known.REPOSITORIES, NAMESPACE, name, body, status=False)
