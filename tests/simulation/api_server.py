"""An API server without HTTP: what it promises, kept in memory.

Kubernetes API concepts: resource versions and conflicts, the status subresource, preconditions on
the UID, names that are taken, pods that are deleted with a grace period, namespaces that end.
An object that was stored is never changed: each write makes another one.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time, labels_of, mapping_of, metadata_of
from stashgen.api.resources import Resource
from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.patch import JSON_PATCH, apply_patch
from stashgen_controller.kube.client import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    NotFoundError,
)

NODES = Resource("", "v1", "Node", "nodes", namespaced=False)
RESOURCES = (
    *known.CUSTOM,
    *(item for item in vars(known).values() if isinstance(item, Resource)),
    NODES,
)
BY_PLACE = {(item.group, item.plural): item for item in RESOURCES}
BY_KIND = {item.kind: item for item in RESOURCES}
_HAS_STATUS = frozenset({*known.CUSTOM, known.JOBS, known.PODS, known.CRON_JOBS, NODES})

Place = tuple[str, str]
# All objects of all kinds.
Stored = dict[Resource, dict[Place, JsonObject]]
# From an older state on the revision is raised by so much, so that none has two meanings.
_BUMP = 1_000_000
# The kind, ADDED and so on, the object as it is now, and as it was before.
Listener = Callable[[Resource, str, JsonObject, JsonObject | None], None]


class ApiServer:
    """The objects of a cluster.

    Args:
        now: The server's clock.

    Attributes:
        listeners: Told of each change, in the moment of it.
        requests: How many were answered.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._objects: Stored = {}
        self._version = 1
        self._uids = 0
        self.listeners: list[Listener] = []
        self.requests = 0

    @property
    def version(self) -> str:
        """The newest resource version."""
        return str(self._version)

    def copy_from(self, other: "ApiServer") -> None:
        """Begin with what another one holds."""
        self._objects = {resource: dict(held) for resource, held in other._objects.items()}
        self._version, self._uids = other._version, other._uids

    def state(self) -> Stored:
        """All that it holds now."""
        return {resource: dict(held) for resource, held in self._objects.items()}

    def go_back(self, state: Stored) -> None:
        """Hold what it held before; nobody is told. Nodes register again by themselves.

        As ``etcdutl snapshot restore --bump-revision --mark-compacted`` does it: every watch is
        too old then.
        """
        nodes = self._objects.get(NODES, {})
        self._objects = {resource: dict(held) for resource, held in state.items()} | {NODES: nodes}
        self._version += _BUMP

    # reads

    def items(self, resource: Resource, namespace: str | None = None) -> list[JsonObject]:
        """The objects of a kind, in the order of their creation."""
        held = self._objects.get(resource, {})
        return [obj for (place, _), obj in held.items() if namespace in {None, "", place}]

    def find(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None."""
        return self._objects.get(resource, {}).get((namespace or "", name))

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """One object.

        Raises:
            NotFoundError: there is none.
        """
        found = self.find(resource, namespace, name)
        if found is None:
            raise NotFoundError(404, "NotFound", f'{resource.plural} "{name}" not found')
        return found

    # writes

    def create(self, resource: Resource, namespace: str | None, body: JsonObject) -> JsonObject:
        """Store a new object.

        Raises:
            AlreadyExistsError: the name is taken.
        """
        metadata = metadata_of(body)
        name = str(metadata["name"])
        if self.find(resource, namespace, name) is not None:
            text = f'{resource.plural} "{name}" already exists'
            raise AlreadyExistsError(409, "AlreadyExists", text)
        self._uids += 1
        added: JsonObject = {
            "uid": f"00000000-0000-4000-8000-{self._uids:012d}",
            "creationTimestamp": format_time(self._now()),
            "generation": 1,
        }
        if resource.namespaced:
            added["namespace"] = namespace or ""
        kept = {key: value for key, value in body.items() if key != "status"}
        obj = (kept if resource in _HAS_STATUS else body) | {"metadata": metadata | added}
        return self._store(resource, "ADDED", obj, None)

    def replace(
        self, resource: Resource, namespace: str | None, body: JsonObject, *, status: bool
    ) -> JsonObject:
        """Replace an object or only its status.

        Raises:
            ConflictError: it was written since it was read.
            NotFoundError: there is none.
        """
        metadata = metadata_of(body)
        found = self.get(resource, namespace, str(metadata["name"]))
        for field in ("uid", "resourceVersion"):
            if metadata.get(field) not in {None, metadata_of(found)[field]}:
                text = f'Operation cannot be fulfilled on {resource.plural} "{metadata["name"]}"'
                raise ConflictError(409, "Conflict", text)
        if status:
            return self._change(resource, found, found | {"status": body.get("status") or {}})
        kept = {"status": found["status"]} if "status" in found else {}
        return self._change(resource, found, body | kept)

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: JsonObject | list[JsonValue],
        *,
        status: bool,
    ) -> JsonObject:
        """Patch an object, or only its status: by RFC 7386, a list by RFC 6902.

        Raises:
            ConflictError: the patch has another resource version.
            ApiError: a test of a JSON patch does not hold.
            NotFoundError: there is none.
        """
        found = self.get(resource, namespace, name)
        if isinstance(body, list):
            try:
                patched = cast("JsonObject", apply_patch(JSON_PATCH, found, body))
            except StatusError as error:
                raise ApiError(422, "Invalid", "the patch does not fit") from error
            body = {key: patched[key] for key in patched if patched[key] != found.get(key)}
        elif metadata_of(body).get("resourceVersion") not in {
            None,
            metadata_of(found)["resourceVersion"],
        }:
            raise ConflictError(409, "Conflict", f'{resource.plural} "{name}" was changed')
        part = {key: value for key, value in body.items() if (key == "status") == status}
        return self._change(resource, found, cast("JsonObject", _merged(found, part)))

    def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None
    ) -> None:
        """Delete an object; a pod only begins to end, which its kubelet has to do.

        Raises:
            ConflictError: it has another UID.
            NotFoundError: there is none.
        """
        found = self.get(resource, namespace, name)
        metadata = metadata_of(found)
        if uid is not None and uid != metadata["uid"]:
            raise ConflictError(409, "Conflict", f'{resource.plural} "{name}" has another UID')
        if resource == known.PODS or metadata.get("finalizers"):
            if metadata.get("deletionTimestamp") is None:
                stamped = metadata | {"deletionTimestamp": format_time(self._now())}
                self._change(resource, found, found | {"metadata": stamped})
            return
        self.remove(resource, namespace, name)

    def remove(self, resource: Resource, namespace: str | None, name: str) -> None:
        """Take an object away at once, as for a pod that has ended or is deleted by force."""
        found = self._objects.get(resource, {}).pop((namespace or "", name), None)
        if found is None:
            return
        self._version += 1
        metadata = metadata_of(found) | {"resourceVersion": str(self._version)}
        self._tell(resource, "DELETED", found | {"metadata": metadata}, found)

    def _change(self, resource: Resource, before: JsonObject, after: JsonObject) -> JsonObject:
        kept = {
            key: metadata_of(before)[key] for key in ("uid", "creationTimestamp", "resourceVersion")
        }
        after = after | {"metadata": metadata_of(after) | kept}
        if after == before:
            return before
        if after.get("spec") != before.get("spec"):
            generation = cast("int", metadata_of(before).get("generation") or 1)
            after["metadata"] = metadata_of(after) | {"generation": generation + 1}
        return self._store(resource, "MODIFIED", after, before)

    def _store(
        self, resource: Resource, type_: str, obj: JsonObject, before: JsonObject | None
    ) -> JsonObject:
        self._version += 1
        stored = obj | {"metadata": metadata_of(obj) | {"resourceVersion": str(self._version)}}
        metadata = metadata_of(stored)
        place = (str(metadata.get("namespace") or ""), str(metadata["name"]))
        self._objects.setdefault(resource, {})[place] = stored
        self._tell(resource, type_, stored, before)
        return stored

    def _tell(
        self, resource: Resource, type_: str, obj: JsonObject, before: JsonObject | None
    ) -> None:
        for listener in self.listeners:
            listener(resource, type_, obj, before)

    # requests

    def answer(self, method: str, path: str, body: object, query: Mapping[str, str]) -> JsonObject:
        """Answer a request of the REST API.

        Raises:
            ApiError: it was refused.
        """
        self.requests += 1
        resource, namespace, name, part = _parsed(path)
        given = cast("JsonObject", body or {})
        match method:
            case "GET" if name:
                return self.get(resource, namespace, name)
            case "GET":
                found = list(_selected(self.items(resource, namespace), query))
                items = cast("JsonObject", {"items": found})
                return items | {"metadata": {"resourceVersion": self.version}}
            case "POST":
                return self.create(resource, namespace, given)
            case "PUT":
                return self.replace(resource, namespace, given, status=part == "status")
            case "PATCH":
                patch = cast("JsonObject | list[JsonValue]", body)
                return self.patch(resource, namespace, name, patch, status=part == "status")
            case "DELETE":
                uid = mapping_of(given, "preconditions").get("uid")
                self.delete(resource, namespace, name, uid=cast("str | None", uid))
                return {}
            case _:
                raise ApiError(405, "MethodNotAllowed", method)


def _parsed(path: str) -> tuple[Resource, str | None, str, str]:
    """The resource, namespace, name and part that a REST path means."""
    parts = path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    name, part = [*rest[1:], "", ""][:2]
    return BY_PLACE[group, rest[0]], namespace, name, part


def _selected(items: Iterable[JsonObject], query: Mapping[str, str]) -> Iterable[JsonObject]:
    """The objects with the wanted labels, and with the wanted name."""
    labels = _pairs(query.get("labelSelector", ""))
    fields = _pairs(query.get("fieldSelector", ""))
    for obj in items:
        name = fields.get("metadata.name")
        if name is not None and metadata_of(obj)["name"] != name:
            continue
        if all(labels_of(obj).get(key) == value for key, value in labels.items()):
            yield obj


def _pairs(selector: str) -> dict[str, str]:
    parts = [part.replace("==", "=").partition("=") for part in selector.split(",") if part]
    return {key: value for key, _, value in parts}


def _merged(value: object, patch: object) -> object:
    if not isinstance(patch, dict):
        return patch
    found = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), item)
    return found
