"""Valid changes of what runs: a restore of something else, an object that a finalizer keeps."""

from random import Random

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, metadata_of, name_of
from stashgen.kubestash import phases
from stashgen_controller.runtime.kind import phase_of
from tests.simulation.api_server import ApiServer
from tests.simulation.shapes import CLAIM, NAMESPACE, OTHER_CLAIM, Shape
from tests.simulation.trace import Trace

_KEPT: JsonObject = {"metadata": {"finalizers": ["corp/keep"]}}
_FREE: JsonObject = {"metadata": {"finalizers": []}}


class Edits:
    """People who change and delete what they should leave alone.

    Args:
        server, trace: Of the simulation.
        random: Its chances.
        shape: The objects.
    """

    def __init__(self, server: ApiServer, trace: Trace, random: Random, shape: Shape) -> None:
        self._server, self._trace, self._random, self._shape = server, trace, random, shape

    def change_restore(self) -> None:
        """Have a restore restore something else; most often one that may be running."""
        found = self._server.items(known.RESTORE_SESSIONS, NAMESPACE)
        open_ones = [obj for obj in found if phase_of(obj) not in phases.FINAL]
        if not found:
            return
        name = name_of(self._random.choice(open_ones or found))
        spec: JsonObject = {}
        if self._random.random() < 0.7:
            spec["target"] = {"name": self._random.choice([CLAIM, OTHER_CLAIM])}
        if self._random.random() < 0.7:
            source: JsonObject = {"repository": self._random.choice(self._shape.repositories)}
            spec["dataSource"] = source | {"snapshot": "latest"}
        self._trace.add("people", f"change RestoreSession {name}: {spec}")
        self._server.patch(known.RESTORE_SESSIONS, NAMESPACE, name, {"spec": spec}, status=False)

    def delete_and_keep(self) -> None:
        """Delete a session that somebody else's finalizer keeps."""
        resource = self._random.choice([known.RESTORE_SESSIONS, known.BACKUP_SESSIONS])
        found = self._server.items(resource, NAMESPACE)[-3:]
        if found:
            name = name_of(self._random.choice(found))
            self._trace.add("people", f"delete {resource.kind} {name}, which a finalizer keeps")
            self._server.patch(resource, NAMESPACE, name, _KEPT, status=False)
            self._server.delete(resource, NAMESPACE, name)

    def mend(self) -> bool:
        """Take some finalizers away; says whether others stay."""
        stays = False
        for resource in (known.RESTORE_SESSIONS, known.BACKUP_SESSIONS):
            for obj in self._server.items(resource, NAMESPACE):
                if metadata_of(obj).get("deletionTimestamp") is None:
                    continue
                if self._random.random() < 0.5:
                    stays = True
                    continue
                self._trace.add("people", f"free {resource.kind} {name_of(obj)}")
                self._server.patch(resource, NAMESPACE, name_of(obj), _FREE, status=False)
                self._server.remove(resource, NAMESPACE, name_of(obj))
        return stays
