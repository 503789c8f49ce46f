"""What people, git and chance do meanwhile: one act at a time, at random moments."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random

import orjson

from stashgen.api import resources as known
from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import (
    JsonObject,
    format_time,
    labels_of,
    mapping_of,
    metadata_of,
    name_of,
)
from stashgen.api.labels import NONCE_LABEL, UPKEEP_ANNOTATION
from stashgen.api.resources import Resource
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen_controller.kube.client import ApiError
from stashgen_controller.runtime.kind import phase_of
from tests.simulation.acceptances import Acceptances
from tests.simulation.api_server import ApiServer
from tests.simulation.cluster import Cluster
from tests.simulation.edits import Edits
from tests.simulation.faults import Fault, Faults
from tests.simulation.malformed import Malformed
from tests.simulation.restic import Volume
from tests.simulation.shapes import CLAIM, NAMESPACE, OTHER_CLAIM, Shape
from tests.simulation.timeline import Timeline
from tests.simulation.trace import Trace
from tests.support import manifests

_LAST = re.compile(r"--keep-last=\d+")


class People:
    """Those who create, change and delete objects.

    Args:
        timeline, server, faults, trace, cluster: Of the simulation.
        volume: The application's.
        shape: The objects.
    """

    def __init__(
        self,
        timeline: Timeline,
        server: ApiServer,
        faults: Faults,
        trace: Trace,
        cluster: Cluster,
        volume: Volume,
        shape: Shape,
    ) -> None:
        self._timeline, self._server, self._faults = timeline, server, faults
        self._trace, self._cluster, self._volume = trace, cluster, volume
        self._shape = shape
        self._random: Random = timeline.random
        self._count = 0
        self.strange = Malformed(server, trace, self._random, shape)
        self.edits = Edits(server, trace, self._random, shape)
        self.acceptances = Acceptances(server, trace, cluster, volume, shape)
        self.acts: dict[Fault, Callable[[], object]] = {
            Fault.TRIGGER: lambda: self.trigger(self._random.choice(shape.sessions)),
            Fault.RESTORE: self._restore,
            Fault.REQUEST: self._request,
            Fault.POLICY_CHANGE: self._change_policy,
            Fault.PAUSE: self._pause,
            Fault.DELETE_JOB: lambda: self._delete_one(known.JOBS),
            Fault.DELETE_POD: lambda: self._delete_one(known.PODS),
            Fault.FORCE_DELETE_POD: self._force_delete,
            Fault.DELETE_SNAPSHOT: self._delete_snapshot,
            Fault.DELETE_SESSION: self._delete_session,
            Fault.EVICTED: self._evict,
            Fault.NODE_DEATH: lambda: self._lose_node(power=True),
            Fault.PARTITION: lambda: self._lose_node(power=False),
            Fault.MALFORMED: self.strange.malform,
            Fault.RECREATE_RESTORE: self._recreate_restore,
            Fault.ACCEPT_PARTIAL_RESTORE: self.acceptances.partial_restore,
            Fault.ACCEPT_LOST_POD: self.acceptances.lost_pod,
            Fault.UPKEEP: self._change_upkeep,
            Fault.CHANGE_RESTORE: self.edits.change_restore,
            Fault.FINALIZER: self.edits.delete_and_keep,
        }

    def use_volume(self) -> None:
        """The application changes a file."""
        self._count += 1
        self._volume.files[self._random.choice(sorted(self._volume.files))] = self._count

    def trigger(self, session: str) -> str:
        """Create a BackupSession of this moment; returns its name, also where it was there."""
        obj = self._server.get(known.BACKUP_CONFIGURATIONS, NAMESPACE, self._shape.configuration)
        model = BackupConfiguration.from_wire(obj)
        wanted = model.session(session)
        if wanted is None:
            return ""
        manifest = backup_session_manifest(model, wanted, int(self._timeline.now.timestamp()))
        self._do("creates", known.BACKUP_SESSIONS, manifest)
        return name_of(manifest)

    def restore(self, repository: str, snapshot: str = "latest", claim: str = CLAIM) -> str:
        """Create a RestoreSession into a volume."""
        self._count += 1
        name = f"restore-{self._count}"
        more = {"restoreTimeout": "1h"} if self._random.random() < 0.5 else {}
        manifest = manifests.restore(
            NAMESPACE, name, claim=claim, snapshot=snapshot, repository=repository, more=more
        )
        self._do("creates", known.RESTORE_SESSIONS, manifest)
        return name

    def good(self, repository: str) -> list[str]:
        """The names of the good Snapshots of a Repository, oldest first."""
        return [
            name_of(obj)
            for obj in self._server.items(known.SNAPSHOTS, NAMESPACE)
            if mapping_of(obj, "spec").get("repository") == repository
            and phase_of(obj) == "Succeeded"
        ]

    def unpause(self) -> None:
        """Nothing is paused any more."""
        configuration: JsonObject = {"spec": {"paused": False}}
        self._patch(known.BACKUP_CONFIGURATIONS, self._shape.configuration, configuration)
        for name in self._shape.repositories:
            self._patch(known.REPOSITORIES, name, {"spec": {"paused": False}})

    def set_upkeep(self, hours: int) -> None:
        """How often each repository is pruned and checked."""
        rhythm = f"check={hours}h,prune={hours}h"
        for name in self._shape.repositories:
            metadata: JsonObject = {"metadata": {"annotations": {UPKEEP_ANNOTATION: rhythm}}}
            self._patch(known.REPOSITORIES, name, metadata)

    def _change_upkeep(self) -> None:
        """Another rhythm; one that cannot be read is none."""
        rhythm = self._random.choice(["check=1h,prune=1h", "check=2h", "prune=1h", "check=never"])
        body: JsonObject = {"metadata": {"annotations": {UPKEEP_ANNOTATION: rhythm}}}
        self._patch(known.REPOSITORIES, self._random.choice(self._shape.repositories), body)

    def _recreate_restore(self) -> None:
        """Delete a restore and create another one of its name, as a sync with ``replace`` does."""
        resource = self._random.choice([known.RESTORE_SESSIONS, known.RESTORE_REQUESTS])
        found = self._server.items(resource, NAMESPACE)[-2:]
        # What the controller made is nothing that people create.
        mine = [obj for obj in found if NONCE_LABEL not in labels_of(obj)]
        if not mine:
            return
        obj = self._random.choice(mine)
        repository, snapshot = self._pick()
        again = {key: value for key, value in obj.items() if key != "status"}
        again["metadata"] = {"name": name_of(obj), "namespace": NAMESPACE}
        spec = mapping_of(obj, "spec")
        if resource == known.RESTORE_SESSIONS:
            source: JsonObject = {"repository": repository, "snapshot": snapshot}
            again["spec"] = spec | {"dataSource": source}
        else:
            # What a RestoreRequest says once is said for ever: another nonce is another restore.
            self._count += 1
            changed: JsonObject = (
                {"nonce": f"incident-{self._count}"} if self._random.random() < 0.5 else {}
            )
            again["spec"] = spec | changed
        self._trace.add("people", f"delete {resource.kind} {name_of(obj)}, create it again")
        self._try(lambda: self._server.delete(resource, NAMESPACE, name_of(obj)))
        self._try(lambda: self._server.create(resource, NAMESPACE, again))

    def _restore(self) -> None:
        repository, snapshot = self._pick()
        claim = CLAIM if self._random.random() < 0.8 else OTHER_CLAIM
        self.restore(repository, snapshot, claim)

    def _request(self) -> None:
        self._count += 1
        repository, snapshot = self._pick()
        until = self._timeline.now + timedelta(minutes=self._random.choice([30, 120]))
        manifest = manifests.restore_request(
            NAMESPACE,
            f"request-{self._count}",
            claim=CLAIM,
            nonce=f"incident-{self._count}",
            notAfter=format_time(until),
            repository=repository,
            snapshot=snapshot,
        )
        self._do("creates", known.RESTORE_REQUESTS, manifest)

    def _pick(self) -> tuple[str, str]:
        repository = self._random.choice(self._shape.repositories)
        return repository, self._random.choice(["latest", *self.good(repository)])

    def _change_policy(self) -> None:
        last = self._random.choice([1, 1, 2, 3, 5])
        age = self._random.choice([None, None, "2h"])
        body: JsonObject = {
            "spec": {"successfulSnapshots": {"last": last}, "maxRetentionPeriod": age}
        }
        self._patch(known.RETENTION_POLICIES, self._shape.policy, body)
        for template in self._server.items(known.POD_TEMPLATES, NAMESPACE):
            # Git changes what was reviewed together with the policy.
            changed = orjson.loads(
                _LAST.sub(f"--keep-last={last}", orjson.dumps(template).decode())
            )
            self._try(partial(self._change, known.POD_TEMPLATES, changed))

    def _change(self, resource: Resource, obj: JsonObject) -> None:
        self._server.replace(resource, NAMESPACE, obj, status=False)

    def _pause(self) -> None:
        names = [(known.BACKUP_CONFIGURATIONS, self._shape.configuration)]
        names += [(known.REPOSITORIES, name) for name in self._shape.repositories]
        resource, name = self._random.choice(names)
        self._patch(resource, name, {"spec": {"paused": self._random.random() < 0.5}})

    def _delete_snapshot(self) -> None:
        """Never the last good one: that it comes back from the bucket has to be asked for."""
        if len(self.good(self._shape.repositories[0])) > 1:
            self._delete_one(known.SNAPSHOTS)

    def _delete_session(self) -> None:
        kinds = [known.BACKUP_SESSIONS, known.RESTORE_SESSIONS, known.RESTORE_REQUESTS]
        self._delete_one(self._random.choice(kinds))

    def _delete_one(self, resource: Resource) -> None:
        found = self._server.items(resource, NAMESPACE)
        # What happens now is the more interesting part.
        newest = found[-4:]
        if newest:
            obj = self._random.choice(newest)
            self._trace.add("people", f"delete {resource.kind} {name_of(obj)}")
            self._try(lambda: self._server.delete(resource, NAMESPACE, name_of(obj)))

    def _force_delete(self) -> None:
        found = self._server.items(known.PODS, NAMESPACE)[-3:]
        if found:
            pod = self._random.choice(found)
            self._trace.add("people", f"delete --force Pod {name_of(pod)}")
            self._cluster.delete_by_force(pod)

    def _evict(self) -> None:
        found = self._cluster.processes
        if found:
            self._cluster.evict(self._random.choice(found))

    def _lose_node(self, *, power: bool) -> None:
        nodes = [node for node in self._cluster.nodes.values() if node.is_reachable]
        busy = [node for node in nodes if any(not item.is_over for item in node.processes)]
        if len(nodes) < 2:
            return
        node = self._random.choice(busy or nodes)
        self._cluster.lose(node, power=power)
        away = self._random.choice([30.0, 600.0, 7200.0])
        if power and self._random.random() < 0.5:
            self._timeline.after(away, lambda: self._cluster.remove_node(node))
        else:
            self._timeline.after(away, lambda: self._cluster.return_(node))

    # requests

    def _do(self, verb: str, resource: Resource, manifest: JsonObject) -> None:
        name = str(metadata_of(manifest)["name"])
        self._trace.add("people", f"{verb} {resource.kind} {name}")
        self._try(lambda: self._server.create(resource, NAMESPACE, manifest))

    def _patch(self, resource: Resource, name: str, body: JsonObject) -> None:
        self._trace.add("people", f"change {resource.kind} {name}: {body}")
        self._try(lambda: self._server.patch(resource, NAMESPACE, name, body, status=False))

    def _try(self, request: Callable[[], object]) -> None:
        try:
            request()
        except ApiError as error:
            self._trace.add("people", f"refused: {error.message}")
