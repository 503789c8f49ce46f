"""What people accept: that a volume stays as a restore left it, that a pod is gone.

They look first, as docs/restore.md and docs/faults.md ask of them, and write what the status says.
"""

import re
from collections.abc import Iterator

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, list_of, mapping_of, metadata_of, name_of
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION, ACCEPT_PARTIAL_RESTORE_ANNOTATION
from stashgen.api.resources import Resource
from stashgen.kubestash.verbs import Verb
from tests.simulation.api_server import ApiServer
from tests.simulation.cluster import Cluster
from tests.simulation.restic import Volume
from tests.simulation.shapes import NAMESPACE, Shape
from tests.simulation.trace import Trace

_WORD = re.compile(re.escape(ACCEPT_PARTIAL_RESTORE_ANNOTATION) + r": (\S+) on its Backup")


class Acceptances:
    """Those who acknowledge.

    Args:
        server, trace, cluster: Of the simulation.
        volume: The application's.
        shape: The objects.
    """

    def __init__(
        self, server: ApiServer, trace: Trace, cluster: Cluster, volume: Volume, shape: Shape
    ) -> None:
        self._server, self._trace, self._cluster = server, trace, cluster
        self._volume, self._shape = volume, shape

    def partial_restore(self) -> None:
        """Accept a half-restored volume, by the word that the newest status asks for."""
        words = [
            found[1]
            for obj in self._server.items(known.BACKUP_SESSIONS, NAMESPACE)
            for item in list_of(mapping_of(obj, "status"), "conditions")
            if (found := _WORD.search(str(item.get("message"))))
        ]
        restores = any(item.order.verb is Verb.RESTORE for item in self._cluster.processes)
        left = self._volume.half_restored
        if not words or restores or left is None or words[-1].partition(".")[0] != left:
            return
        self._annotate(
            known.BACKUP_CONFIGURATIONS,
            self._shape.configuration,
            ACCEPT_PARTIAL_RESTORE_ANNOTATION,
            words[-1],
        )
        self._volume.half_restored = None

    def lost_pod(self) -> None:
        """Accept that the pods are gone of which nothing runs any more."""
        running = {process.name for process in self._cluster.processes}
        there = {name_of(pod) for pod in self._server.items(known.PODS, NAMESPACE)}
        for resource, name, pod in [*self._of_sessions(), *self._of_repositories()]:
            if pod not in running | there:
                self._annotate(resource, name, ACCEPT_LOST_POD_ANNOTATION, pod)

    def _of_sessions(self) -> Iterator[tuple[Resource, str, str]]:
        for snapshot in self._server.items(known.SNAPSHOTS, NAMESPACE):
            executor = mapping_of(mapping_of(snapshot, "status"), "executor")
            session = str(mapping_of(snapshot, "spec").get("backupSession") or "")
            yield from self._unheard(known.BACKUP_SESSIONS, session, executor)
        for obj in self._server.items(known.BACKUP_SESSIONS, NAMESPACE):
            for entry in list_of(mapping_of(obj, "status"), "retentionPolicy"):
                executor = mapping_of(entry, "executor")
                yield from self._unheard(known.BACKUP_SESSIONS, name_of(obj), executor)
        for restore in self._server.items(known.RESTORE_SESSIONS, NAMESPACE):
            executor = mapping_of(mapping_of(restore, "status"), "executor")
            yield from self._unheard(known.RESTORE_SESSIONS, name_of(restore), executor)

    def _of_repositories(self) -> Iterator[tuple[Resource, str, str]]:
        for repository in self._server.items(known.REPOSITORIES, NAMESPACE):
            status = mapping_of(repository, "status")
            for item in list_of(status, "lostPods"):
                yield known.REPOSITORIES, name_of(repository), str(item.get("pod"))
            executor = mapping_of(mapping_of(status, "upkeep"), "executor")
            yield from self._unheard(known.REPOSITORIES, name_of(repository), executor)

    def _unheard(
        self, resource: Resource, name: str, executor: JsonObject
    ) -> Iterator[tuple[Resource, str, str]]:
        owner = self._server.find(resource, NAMESPACE, name)
        if owner is not None and executor.get("pod") and not executor.get("podTerminated"):
            yield resource, name, str(executor["pod"])

    def _annotate(self, resource: Resource, name: str, key: str, value: str) -> None:
        found = self._server.get(resource, NAMESPACE, name)
        if mapping_of(metadata_of(found), "annotations").get(key) == value:
            return
        self._trace.add("people", f"annotate {resource.kind} {name} {key}={value}")
        body: JsonObject = {"metadata": {"annotations": {key: value}}}
        self._server.patch(resource, NAMESPACE, name, body, status=False)
