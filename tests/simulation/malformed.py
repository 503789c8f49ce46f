"""Restores that the API server takes and our models do not, as people write them by mistake."""

from random import Random

from pydantic import ValidationError

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, mapping_of, name_of
from stashgen.api.meta import Kind
from stashgen.api.resources import Resource
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.kubestash import phases
from stashgen_controller.kube.client import ApiError
from stashgen_controller.runtime.kind import phase_of
from tests.simulation.api_server import ApiServer
from tests.simulation.shapes import CLAIM, NAMESPACE, Shape
from tests.simulation.trace import Trace
from tests.support import manifests

# RFC 3339 has the year 0, and so has the schema's date-time; Python does not.
_STRANGE_TIME = "0000-01-01T00:00:00Z"
_MODELS: tuple[tuple[Resource, type[Kind]], ...] = (
    (known.RESTORE_SESSIONS, RestoreSession),
    (known.RESTORE_REQUESTS, RestoreRequest),
)


def is_malformed(model: type[Kind], obj: JsonObject) -> bool:
    """Whether our model refuses an object."""
    try:
        model.from_wire(obj)
    except ValidationError:
        return True
    return False


class Malformed:
    """People who write a time that is none.

    Args:
        server, trace: Of the simulation.
        random: Its chances.
        shape: The objects.
    """

    def __init__(self, server: ApiServer, trace: Trace, random: Random, shape: Shape) -> None:
        self._server, self._trace, self._random, self._shape = server, trace, random, shape
        self._count = 0

    def malform(self) -> None:
        """Create such a restore, or change one that may be running into one."""
        kind = self._random.choice(["new", "changed", "request"])
        if kind == "request":
            self._create(known.RESTORE_REQUESTS, self._request())
        elif kind == "new":
            self._create(known.RESTORE_SESSIONS, self._restore())
        else:
            self._change()

    def mend(self) -> None:
        """Correct what can be corrected, and delete the rest."""
        for resource, model in _MODELS:
            for obj in self._server.items(resource, NAMESPACE):
                if not is_malformed(model, obj):
                    continue
                name = name_of(obj)
                if resource == known.RESTORE_SESSIONS and self._random.random() < 0.7:
                    self._trace.add("people", f"correct {resource.kind} {name}")
                    self._patch(name, None)
                else:
                    self._trace.add("people", f"delete {resource.kind} {name}")
                    self._server.delete(resource, NAMESPACE, name)

    def _restore(self) -> JsonObject:
        self._count += 1
        repository, snapshot = self._pick()
        manifest = manifests.restore(
            NAMESPACE,
            f"strange-{self._count}",
            claim=CLAIM,
            snapshot=snapshot,
            repository=repository,
        )
        spec = mapping_of(manifest, "spec")
        source = mapping_of(spec, "dataSource") | {"pitr": {"targetTime": _STRANGE_TIME}}
        if self._random.random() < 0.2:
            del source["snapshot"]
        return manifest | {"spec": spec | {"dataSource": source}}

    def _request(self) -> JsonObject:
        self._count += 1
        repository, snapshot = self._pick()
        return manifests.restore_request(
            NAMESPACE,
            f"strange-{self._count}",
            claim=CLAIM,
            nonce=f"mistake-{self._count}",
            notAfter=_STRANGE_TIME,
            repository=repository,
            snapshot=snapshot,
        )

    def _pick(self) -> tuple[str, str]:
        repository = self._random.choice(self._shape.repositories)
        good = [
            name_of(obj)
            for obj in self._server.items(known.SNAPSHOTS, NAMESPACE)
            if mapping_of(obj, "spec").get("repository") == repository
            and phase_of(obj) == "Succeeded"
        ]
        return repository, self._random.choice(["latest", *good])

    def _change(self) -> None:
        found = [
            obj
            for obj in self._server.items(known.RESTORE_SESSIONS, NAMESPACE)
            if phase_of(obj) not in phases.FINAL
        ]
        if found:
            name = name_of(self._random.choice(found))
            self._trace.add("people", f"RestoreSession {name} gets a strange time")
            self._patch(name, {"targetTime": _STRANGE_TIME})

    def _patch(self, name: str, time: JsonObject | None) -> None:
        body: JsonObject = {"spec": {"dataSource": {"pitr": time}}}
        self._server.patch(known.RESTORE_SESSIONS, NAMESPACE, name, body, status=False)

    def _create(self, resource: Resource, manifest: JsonObject) -> None:
        self._trace.add("people", f"creates the strange {resource.kind} {name_of(manifest)}")
        try:
            self._server.create(resource, NAMESPACE, manifest)
        except ApiError as error:
            self._trace.add("people", f"refused: {error.message}")
