"""The verbs of the API: what a request does to the store (Kubernetes API concepts)."""

import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, format_time
from stashgen.api.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, Resource
from stashgen_controller.clock import Clock
from stashgen_controller.embedded import builtins
from stashgen_controller.embedded.builtins import BUILTINS, Served
from stashgen_controller.embedded.errors import (
    StatusError,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from stashgen_controller.embedded.patch import apply_patch
from stashgen_controller.embedded.schema import Schema
from stashgen_controller.embedded.selectors import Predicate, field_predicate, label_predicate
from stashgen_controller.embedded.store import ResourceKey, Store

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_NAMESPACES = (NAMESPACES.group, NAMESPACES.plural)
_DEFINITIONS = (CUSTOM_RESOURCE_DEFINITIONS.group, CUSTOM_RESOURCE_DEFINITIONS.plural)
# What a client may not set: it comes from the server.
_SERVER_FIELDS = ("uid", "creationTimestamp", "deletionTimestamp", "generation", "selfLink")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request's path means."""

    served: Served
    namespace: str
    name: str
    subresource: str


class Api:
    """The objects of one embedded cluster with the rules of the API server."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._served: dict[ResourceKey, Served] = {item.key: item for item in BUILTINS}
        for name in ("default", "kube-system"):
            body: JsonObject = {"metadata": {"name": name}}
            self.create(Target(self._served[_NAMESPACES], "", "", ""), body, {})

    def served(self) -> Iterable[Served]:
        """Everything that is served now."""
        with self.store.lock:
            return tuple(self._served.values())

    def find(self, group: str, version: str, plural: str) -> Served:
        """A served resource.

        Raises:
            StatusError: 404 when there is none.
        """
        found = self._served.get((group, plural))
        if found is None or found.resource.version != version:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
        return found

    def get(self, target: Target) -> JsonObject:
        """One object.

        Raises:
            StatusError: 404 when there is none.
        """
        found = self.store.get(target.served.key, target.namespace, target.name)
        if found is None:
            raise not_found(target.served.resource.plural, target.served.key[0], target.name)
        return found

    def select(self, target: Target, query: Mapping[str, str]) -> tuple[list[JsonObject], int]:
        """The matching objects of a collection, and the version of the list."""
        matches = predicate(query)
        with self.store.lock:
            items = self.store.items(target.served.key, target.namespace or None)
            return [item for item in items if matches(item)], self.store.version

    def create(self, target: Target, body: JsonObject, query: Mapping[str, str]) -> JsonObject:
        """Create an object.

        Raises:
            StatusError: it exists, its namespace does not, or it breaks a rule.
        """
        served, resource = target.served, target.served.resource
        metadata = dict(cast("JsonObject", body.get("metadata") or {}))
        name = str(metadata.get("name") or "")
        if not name and metadata.get("generateName"):
            suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))
            name = f"{metadata['generateName']}{suffix}"
        for field in (*_SERVER_FIELDS, "resourceVersion"):
            metadata.pop(field, None)
        metadata |= {
            "name": name,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": format_time(self._clock.now()),
            "generation": 1,
        }
        if resource.namespaced:
            metadata["namespace"] = self._namespace(target, metadata)
        obj: JsonObject = {
            **body,
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata,
        }
        if served.has_status:
            obj.pop("status", None)
        obj = builtins.set_defaults(served, obj)
        obj = self._admit(served, obj, None, query)
        namespace = str(metadata.get("namespace") or "")
        with self.store.lock:
            if resource.namespaced:
                self._require_namespace(namespace)
            if self.store.get(served.key, namespace, name) is not None:
                raise already_exists(resource.plural, resource.group, name)
            return self._store(served, namespace, name, obj, query)

    def replace(self, target: Target, body: JsonObject, query: Mapping[str, str]) -> JsonObject:
        """Replace an object or its status; the body's version, if any, must be current.

        Raises:
            StatusError: it does not exist, was written in the meantime, or breaks a rule.
        """
        with self.store.lock:
            old = self.get(target)
            return self._update(target, old, body, query)

    def patch(
        self, target: Target, content_type: str, patch: JsonValue, query: Mapping[str, str]
    ) -> JsonObject:
        """Patch an object or its status.

        Raises:
            StatusError: it does not exist, the patch does not fit, or the result breaks a rule.
        """
        with self.store.lock:
            old = self.get(target)
            new = apply_patch(content_type, old, patch)
            if not isinstance(new, dict):
                raise bad_request("the patched document is not an object")
            return self._update(target, old, new, query)

    def delete(self, target: Target, options: Mapping[str, object]) -> JsonObject:
        """Delete an object; with finalizers it only gets a deletion time.

        Raises:
            StatusError: it does not exist, or a precondition does not hold.
        """
        served = target.served
        with self.store.lock:
            old = self.get(target)
            metadata = dict(cast("JsonObject", old["metadata"]))
            self._check_preconditions(target, metadata, options)
            finalizers = list(cast("list[str]", metadata.get("finalizers") or []))
            policy = options.get("propagationPolicy")
            if policy == "Foreground":
                finalizers.append("foregroundDeletion")
            elif policy == "Orphan":
                finalizers.append("orphan")
            grace = self._grace(served, old, options)
            is_namespace = served.key == _NAMESPACES
            if not finalizers and not is_namespace and grace == 0:
                self._remove(served, target, old)
                return old
            if not metadata.get("deletionTimestamp"):
                metadata["deletionTimestamp"] = format_time(self._clock.now())
                metadata["deletionGracePeriodSeconds"] = grace
            if finalizers:
                metadata["finalizers"] = cast("JsonValue", list(dict.fromkeys(finalizers)))
            new: JsonObject = {**old, "metadata": metadata}
            if is_namespace:
                new["status"] = {"phase": "Terminating"}
            stored = self._store(served, target.namespace, target.name, new, {})
            if is_namespace:
                self._empty_namespace(target.name)
            return stored

    def _update(
        self, target: Target, old: JsonObject, body: JsonObject, query: Mapping[str, str]
    ) -> JsonObject:
        served = target.served
        before = cast("JsonObject", old["metadata"])
        given = cast("JsonObject", body.get("metadata") or {})
        if given.get("name") not in {None, before["name"]}:
            raise bad_request("the name of the object does not match the name on the URL")
        version = given.get("resourceVersion")
        if version and version != before["resourceVersion"]:
            why = (
                "the object has been modified; please apply your changes to the latest version "
                "and try again"
            )
            raise conflict(served.resource.plural, served.key[0], target.name, why)
        uid = given.get("uid")
        if uid and uid != before["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}"
            raise conflict(served.resource.plural, served.key[0], target.name, why)
        if target.subresource == "status":
            new: JsonObject = {**old, "status": body.get("status")}
            if new["status"] is None:
                del new["status"]
        else:
            kept = {key: before[key] for key in _SERVER_FIELDS if key in before}
            fixed = {"name": before["name"], "namespace": before.get("namespace")}
            metadata = given | kept | {key: value for key, value in fixed.items() if value}
            for key in ("deletionGracePeriodSeconds",):
                if key in before:
                    metadata[key] = before[key]
            new = {
                **body,
                "apiVersion": old["apiVersion"],
                "kind": old["kind"],
                "metadata": metadata,
            }
            if served.has_status:
                new.pop("status", None)
                if "status" in old:
                    new["status"] = old["status"]
        new = self._admit(served, new, old, query)
        return self._write(target, old, new, query)

    def _write(
        self, target: Target, old: JsonObject, new: JsonObject, query: Mapping[str, str]
    ) -> JsonObject:
        metadata = dict(cast("JsonObject", new["metadata"]))
        before = cast("JsonObject", old["metadata"])
        if _desired(new) != _desired(old):
            metadata["generation"] = cast("int", before.get("generation") or 0) + 1
        metadata["resourceVersion"] = before["resourceVersion"]
        new = {**new, "metadata": metadata}
        if new == old:
            return old
        finished = metadata.get("deletionTimestamp") and not metadata.get("finalizers")
        if finished and target.served.resource.kind not in {"Pod", "Namespace"}:
            self._remove(target.served, target, new)
            return new
        return self._store(target.served, target.namespace, target.name, new, query)

    def _admit(
        self,
        served: Served,
        obj: JsonObject,
        old: JsonObject | None,
        query: Mapping[str, str],
    ) -> JsonObject:
        """Apply schema, defaults and rules.

        Raises:
            StatusError: 422 or 400 when the object breaks one.
        """
        resource = served.resource
        name = str(cast("JsonObject", obj["metadata"])["name"])
        found = builtins.name_errors(served, name) + builtins.errors(served, obj, old)
        if served.schema is not None:
            unknown = served.schema.unknown_fields(obj)
            if unknown and query.get("fieldValidation") == "Strict":
                shown = ", ".join(f'unknown field "{field}"' for field in unknown)
                raise bad_request(f"strict decoding error: {shown}")
            obj = served.schema.admit(obj)
            found += served.schema.errors(obj, old)
        if found:
            raise invalid(resource.kind, resource.group, name, found)
        return obj

    def _store(
        self,
        served: Served,
        namespace: str,
        name: str,
        obj: JsonObject,
        query: Mapping[str, str],
    ) -> JsonObject:
        metadata = cast("JsonObject", obj["metadata"])
        if query.get("dryRun"):
            return obj
        obj = {**obj, "metadata": metadata | {"resourceVersion": self.store.next_version()}}
        if served.key == _DEFINITIONS:
            obj = self._define(obj)
        self.store.put(served.key, namespace, name, obj)
        return obj

    def _define(self, obj: JsonObject) -> JsonObject:
        """Serve a custom resource from now on."""
        spec = cast("Mapping[str, JsonValue]", obj["spec"])
        names = cast("Mapping[str, JsonValue]", spec["names"])
        version = cast("list[Mapping[str, JsonValue]]", spec["versions"])[0]
        schema = cast("Mapping[str, JsonObject]", version["schema"])["openAPIV3Schema"]
        columns = cast("list[Mapping[str, str]]", version.get("additionalPrinterColumns") or [])
        served = Served(
            resource=Resource(
                str(spec["group"]),
                str(version["name"]),
                str(names["kind"]),
                str(names["plural"]),
                namespaced=spec["scope"] == "Namespaced",
            ),
            short_names=tuple(cast("list[str]", names.get("shortNames") or [])),
            categories=tuple(cast("list[str]", names.get("categories") or [])),
            has_status="status" in cast("JsonObject", version.get("subresources") or {}),
            columns=tuple((item["name"], item["type"], item["jsonPath"]) for item in columns),
            schema=Schema(schema),
        )
        self._served[served.key] = served
        now = format_time(self._clock.now())
        conditions = [
            {
                "type": type_,
                "status": "True",
                "reason": reason,
                "message": "",
                "lastTransitionTime": now,
            }
            for type_, reason in (
                ("NamesAccepted", "NoConflicts"),
                ("Established", "InitialNamesAccepted"),
            )
        ]
        status = {
            "conditions": conditions,
            "acceptedNames": names,
            "storedVersions": [version["name"]],
        }
        return {**obj, "status": cast("JsonValue", status)}

    def _remove(self, served: Served, target: Target, last: JsonObject) -> None:
        metadata = cast("JsonObject", last["metadata"])
        last = {**last, "metadata": metadata | {"resourceVersion": self.store.next_version()}}
        self.store.remove(served.key, target.namespace, target.name, last)
        if served.key == _DEFINITIONS:
            spec = cast("Mapping[str, JsonObject]", last["spec"])
            self._served.pop((str(spec["group"]), str(spec["names"]["plural"])), None)
        if target.namespace:
            self._finish_namespace(target.namespace)

    def _empty_namespace(self, namespace: str) -> None:
        """What the namespace controller does: delete the contents, then let go."""
        for key, obj in self.store.resources_in(namespace):
            metadata = cast("JsonObject", obj["metadata"])
            target = Target(self._served[key], namespace, str(metadata["name"]), "")
            if not metadata.get("deletionTimestamp"):
                self.delete(target, {"gracePeriodSeconds": 0})
        self._finish_namespace(namespace)

    def _finish_namespace(self, namespace: str) -> None:
        found = self.store.get(_NAMESPACES, "", namespace)
        if found is None or self.store.resources_in(namespace):
            return
        if cast("JsonObject", found["metadata"]).get("deletionTimestamp"):
            target = Target(self._served[_NAMESPACES], "", namespace, "")
            self._remove(self._served[_NAMESPACES], target, found)

    def _namespace(self, target: Target, metadata: JsonObject) -> str:
        given = metadata.get("namespace")
        if given and given != target.namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        return target.namespace

    def _require_namespace(self, namespace: str) -> None:
        found = self.store.get(_NAMESPACES, "", namespace)
        if found is None:
            raise not_found("namespaces", "", namespace)
        if cast("JsonObject", found["metadata"]).get("deletionTimestamp"):
            message = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise StatusError(403, "Forbidden", message)

    def _check_preconditions(
        self, target: Target, metadata: JsonObject, options: Mapping[str, object]
    ) -> None:
        wanted = cast("Mapping[str, str]", options.get("preconditions") or {})
        for field in ("uid", "resourceVersion"):
            if field in wanted and wanted[field] != metadata[field]:
                why = (
                    f"Precondition failed: {field} in precondition: {wanted[field]}, "
                    f"{field} in object meta: {metadata[field]}"
                )
                raise conflict(
                    target.served.resource.plural, target.served.key[0], target.name, why
                )

    def _grace(self, served: Served, obj: JsonObject, options: Mapping[str, object]) -> int:
        """Seconds that a running pod has to end; everything else goes at once."""
        if served.resource.kind != "Pod":
            return 0
        status = cast("JsonObject", obj.get("status") or {})
        if status.get("phase") != "Running":
            return 0
        given = options.get("gracePeriodSeconds")
        spec = cast("JsonObject", obj.get("spec") or {})
        default = spec.get("terminationGracePeriodSeconds", 30)
        return int(cast("int", default if given is None else given))


def predicate(query: Mapping[str, str]) -> Predicate:
    """What ``labelSelector`` and ``fieldSelector`` of a request select.

    Raises:
        StatusError: 400 for a selector that cannot be read.
    """
    by_label = label_predicate(query.get("labelSelector", ""))
    by_field: Callable[[JsonObject], bool] = field_predicate(query.get("fieldSelector", ""))
    return lambda obj: by_label(obj) and by_field(obj)


def _desired(obj: JsonObject) -> JsonObject:
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
