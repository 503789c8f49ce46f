"""The verbs of the API: what a request does to the store (Kubernetes API concepts)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, format_time, metadata_of
from stashgen.api.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES
from stashgen_controller.embedded.apiserver import admission
from stashgen_controller.embedded.apiserver.admission import Query
from stashgen_controller.embedded.apiserver.builtins import BUILTINS, Served
from stashgen_controller.embedded.apiserver.custom import established, served_by
from stashgen_controller.embedded.apiserver.deletion import DeleteOptions, with_finalizers
from stashgen_controller.embedded.apiserver.errors import (
    StatusError,
    already_exists,
    bad_request,
    conflict,
    invalid,
    invalid_value,
    no_such_resource,
    not_found,
    unsupported_media_type,
)
from stashgen_controller.embedded.apiserver.managed_fields import Fields, Ownership, Writer
from stashgen_controller.embedded.apiserver.patch import STRATEGIC_PATCH, apply_patch
from stashgen_controller.embedded.apiserver.server_fields import (
    check_namespace,
    new_metadata,
    with_client_fields,
)
from stashgen_controller.embedded.apiserver.store import ResourceKey, Store
from stashgen_controller.kube.clock import Clock

_NAMESPACES = (NAMESPACES.group, NAMESPACES.plural)
_DEFINITIONS = (CUSTOM_RESOURCE_DEFINITIONS.group, CUSTOM_RESOURCE_DEFINITIONS.plural)
_MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


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
            self.create(Target(self._served[_NAMESPACES], "", "", ""), body, {}, "embedded")

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
            raise no_such_resource()
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

    def create(self, target: Target, body: JsonObject, query: Query, manager: str) -> JsonObject:
        """Create an object.

        Raises:
            StatusError: it exists, its namespace does not, or it breaks a rule.
        """
        served, resource = target.served, target.served.resource
        admission.check_kind(served, body)
        obj = admission.shape(served, body, query)
        given = metadata_of(obj)
        if given.get("resourceVersion"):
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        metadata = new_metadata(served, target.namespace, given, self._clock.now())
        obj = {**obj, "metadata": metadata}
        if served.has_status:
            obj.pop("status", None)
        obj = admission.fill(served, obj, None)
        name, namespace = str(metadata["name"]), str(metadata.get("namespace") or "")
        with self.store.lock:
            if resource.namespaced:
                self._require_namespace(namespace)
            admission.validate(served, obj, None)
            existing = self.store.get(served.key, namespace, name)
            if existing is not None:
                is_namespace_terminating = bool(metadata_of(existing).get("deletionTimestamp"))
                raise already_exists(
                    resource.plural,
                    resource.group,
                    name,
                    is_namespace_terminating=is_namespace_terminating,
                )
            obj = self._owned(target, None, obj, Writer(manager, "Update"))
            return self._store(served, namespace, name, obj, query)

    def replace(self, target: Target, body: JsonObject, query: Query, manager: str) -> JsonObject:
        """Replace an object or its status; the body's version, if any, must be current.

        Raises:
            StatusError: it does not exist, was written in the meantime, or breaks a rule.
        """
        served = target.served
        admission.check_kind(served, body)
        body = admission.shape(served, body, query)
        given = metadata_of(body)
        with self.store.lock:
            old = self.get(target)
            version = given.get("resourceVersion")
            if served.is_custom and not version:
                causes = [
                    invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
                ]
                kind = served.resource.kind
                raise invalid(kind, served.key[0], target.name, causes)
            uid, current = given.get("uid"), metadata_of(old)["uid"]
            if uid and uid != current:
                why = (
                    f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
                    f"{current}"
                )
                raise conflict(served.resource.plural, served.key[0], target.name, why)
            return self._update(target, old, body, query, Writer(manager, "Update"))

    def patch(
        self, target: Target, content_type: str, patch: JsonValue, query: Query, manager: str
    ) -> JsonObject:
        """Patch an object or its status.

        Raises:
            StatusError: it does not exist, the patch does not fit, or the result breaks a rule.
        """
        served = target.served
        if served.is_custom and content_type == STRATEGIC_PATCH:
            raise unsupported_media_type(
                "application/json-patch+json, application/merge-patch+json"
            )
        with self.store.lock:
            old = self.get(target)
            new = apply_patch(content_type, old, patch)
            if not isinstance(new, dict):
                raise bad_request("the patched document is not an object")
            new = admission.shape(served, new, query)
            uid = metadata_of(new).get("uid")
            # A custom object's status takes nothing of the metadata, and so does not look at it.
            is_ignored = served.is_custom and bool(target.subresource)
            if uid not in {None, metadata_of(old)["uid"]} and not is_ignored:
                causes = [invalid_value("metadata.uid", uid, "field is immutable")]
                raise invalid(served.resource.kind, served.key[0], target.name, causes)
            return self._update(target, old, new, query, Writer(manager, "Update"))

    def apply(
        self, target: Target, body: JsonObject, query: Query, manager: str
    ) -> tuple[JsonObject, bool]:
        """Server-side apply; also says whether the object is new.

        Raises:
            StatusError: another manager owns a field, or the result breaks a rule.
        """
        served = target.served
        admission.check_kind(served, body)
        applied = admission.shape(served, body, query, is_applied=True)
        fields = Fields(served.is_custom)
        writer = Writer(manager, "Apply", target.subresource)
        force = query.get("force") == "true"
        with self.store.lock:
            old = self.store.get(served.key, target.namespace, target.name)
            if old is None:
                if target.subresource:
                    raise not_found(served.resource.plural, served.key[0], target.name)
                created = self.create(
                    Target(served, target.namespace, "", ""),
                    applied | {"metadata": metadata_of(applied) | {"name": target.name}},
                    query,
                    manager,
                )
                return self._reown(target, created, writer, fields.of(applied), query), True
            ownership = Ownership(metadata_of(old))
            removed = ownership.apply(
                writer, fields.of(old), fields.of(applied), self._clock.now(), force=force
            )
            merged = cast("JsonObject", fields.merge(old, applied))
            for path in sorted(removed, key=len, reverse=True):
                merged = cast("JsonObject", fields.without(merged, path))
            entries = ownership.entries(served.resource.api_version)
            merged = {**merged, "metadata": metadata_of(merged) | {"managedFields": entries}}
            return self._update(target, old, merged, query, None), False

    def delete(self, target: Target, options: DeleteOptions) -> tuple[JsonObject, bool]:
        """Delete an object, or mark it as deleted; also says whether it is gone.

        Raises:
            StatusError: it does not exist, or a precondition does not hold.
        """
        served = target.served
        with self.store.lock:
            old = self.get(target)
            metadata = metadata_of(old)
            options.check(served, metadata)
            finalizers = with_finalizers(served.resource.kind, metadata, options)
            grace = options.grace(served.resource.kind, old)
            is_namespace = served.key == _NAMESPACES
            if options.dry_run:
                return old, not finalizers and not is_namespace and grace == 0
            if not finalizers and not is_namespace and grace == 0:
                self._remove(target, old)
                return old, True
            if not metadata.get("deletionTimestamp"):
                metadata = metadata | {
                    "deletionTimestamp": format_time(self._clock.now()),
                    "deletionGracePeriodSeconds": grace,
                }
                if "generation" in metadata:
                    metadata["generation"] = cast("int", metadata["generation"]) + 1
            if finalizers:
                metadata = metadata | {"finalizers": cast("JsonValue", finalizers)}
            new: JsonObject = {**old, "metadata": metadata}
            if is_namespace:
                new["status"] = {"phase": "Terminating"}
            if new == old:
                return old, False
            stored = self._store(served, target.namespace, target.name, new, {})
            if is_namespace:
                self._empty_namespace(target.name)
            return stored, False

    def _update(
        self,
        target: Target,
        old: JsonObject,
        body: JsonObject,
        query: Query,
        writer: Writer | None,
    ) -> JsonObject:
        """Write what a request made of an object; without a writer the owners are known."""
        served, before, given = target.served, metadata_of(old), metadata_of(body)
        if given.get("name") not in {None, before["name"]}:
            raise bad_request("the name of the object does not match the name on the URL")
        check_namespace(given, target.namespace)
        if given.get("resourceVersion") not in {None, "", before["resourceVersion"]}:
            raise conflict(served.resource.plural, served.key[0], target.name, _MODIFIED)
        new = with_client_fields(served, target.subresource, old, body)
        new = admission.fill(served, new, old)
        admission.validate(served, new, old)
        metadata = dict(metadata_of(new))
        if "generation" in before and admission.desired(served, new) != admission.desired(
            served, old
        ):
            metadata["generation"] = cast("int", before["generation"]) + 1
        metadata["resourceVersion"] = before["resourceVersion"]
        new = {**new, "metadata": metadata}
        if new == old:
            return old
        if writer is not None:
            owner = Writer(writer.manager, writer.operation, target.subresource)
            new = self._owned(target, old, new, owner)
        finished = metadata.get("deletionTimestamp") and not metadata.get("finalizers")
        if (
            finished
            and served.resource.kind not in {"Pod", "Namespace"}
            and not query.get("dryRun")
        ):
            self._remove(target, new)
            return new
        return self._store(served, target.namespace, target.name, new, query)

    def _owned(
        self, target: Target, old: JsonObject | None, new: JsonObject, writer: Writer
    ) -> JsonObject:
        fields = Fields(target.served.is_custom)
        ownership = Ownership(metadata_of(old) if old is not None else {})
        before = fields.of(old) if old is not None else {}
        ownership.record(writer, before, fields.of(new), self._clock.now())
        entries = ownership.entries(target.served.resource.api_version)
        return {**new, "metadata": metadata_of(new) | {"managedFields": entries}}

    def _reown(
        self,
        target: Target,
        created: JsonObject,
        writer: Writer,
        applied: Mapping[tuple[str, ...], JsonValue],
        query: Query,
    ) -> JsonObject:
        """Say of an object that was just created that it was applied."""
        ownership = Ownership({})
        ownership.record(writer, {}, applied, self._clock.now())
        entries = ownership.entries(target.served.resource.api_version)
        obj = {**created, "metadata": metadata_of(created) | {"managedFields": entries}}
        if not query.get("dryRun"):
            self.store.amend(target.served.key, target.namespace, target.name, obj)
        return obj

    def _store(
        self, served: Served, namespace: str, name: str, obj: JsonObject, query: Query
    ) -> JsonObject:
        if query.get("dryRun"):
            return obj
        version = self.store.next_version()
        obj = {**obj, "metadata": metadata_of(obj) | {"resourceVersion": version}}
        if served.key == _DEFINITIONS:
            obj = established(obj, self._clock.now())
            defined = served_by(obj)
            if defined.key not in self._served:
                self.store.begin(defined.key)
            self._served[defined.key] = defined
        self.store.put(served.key, namespace, name, obj)
        return obj

    def _remove(self, target: Target, last: JsonObject) -> None:
        version = self.store.next_version()
        last = {**last, "metadata": metadata_of(last) | {"resourceVersion": version}}
        self.store.remove(target.served.key, target.namespace, target.name, last)
        if target.served.key == _DEFINITIONS:
            defined = served_by(last)
            for item in self.store.items(defined.key):
                metadata = cast("Mapping[str, str]", metadata_of(item))
                namespace = metadata.get("namespace", "")
                self._remove(Target(defined, namespace, metadata["name"], ""), item)
            self._served.pop(defined.key, None)
        if target.namespace:
            self._finish_namespace(target.namespace)

    def _empty_namespace(self, namespace: str) -> None:
        """What the namespace controller does: delete the contents, then let go."""
        for key, obj in self.store.resources_in(namespace):
            target = Target(self._served[key], namespace, str(metadata_of(obj)["name"]), "")
            if not metadata_of(obj).get("deletionTimestamp"):
                self.delete(target, DeleteOptions("Background", grace_seconds=0))
        self._finish_namespace(namespace)

    def _finish_namespace(self, namespace: str) -> None:
        found = self.store.get(_NAMESPACES, "", namespace)
        if found is None or self.store.resources_in(namespace):
            return
        if metadata_of(found).get("deletionTimestamp"):
            self._remove(Target(self._served[_NAMESPACES], "", namespace, ""), found)

    def _require_namespace(self, namespace: str) -> None:
        found = self.store.get(_NAMESPACES, "", namespace)
        if found is None:
            raise not_found("namespaces", "", namespace)
        if metadata_of(found).get("deletionTimestamp"):
            message = (
                f"unable to create new content in namespace {namespace} because it is being "
                "terminated"
            )
            raise StatusError(403, "Forbidden", message, {})
