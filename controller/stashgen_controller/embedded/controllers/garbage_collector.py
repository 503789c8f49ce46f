"""Owner garbage collection: what has owners and lost all of them is deleted.

Kubernetes, "Garbage Collection": owners count by UID. Foreground deletion lets go of an owner once
its dependants are gone.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar, cast

from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.embedded.controllers.loop import ControlLoop
from stashgen_controller.kube.client import ConflictError, NotFoundError

_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"


class GarbageCollector(ControlLoop):
    """Deletes what has lost its owners."""

    resources: ClassVar[tuple[Resource, ...]] = (
        *known.CUSTOM,
        known.CRON_JOBS,
        known.JOBS,
        known.PODS,
        known.POD_TEMPLATES,
        known.SERVICE_ACCOUNTS,
        known.CONFIG_MAPS,
        known.PERSISTENT_VOLUME_CLAIMS,
    )

    def sync(self) -> None:
        """One pass over all objects of the kinds that can own or be owned."""
        objects = [
            (resource, obj) for resource, cache in self.caches.items() for obj in cache.items()
        ]
        by_uid = {_metadata(obj)["uid"]: obj for _, obj in objects}
        for resource, obj in objects:
            metadata = _metadata(obj)
            owners = cast("list[dict[str, str]]", metadata.get("ownerReferences") or [])
            if metadata.get("deletionTimestamp"):
                self.attempt(partial(self._finish, resource, obj, objects))
            elif owners:
                namespace = cast("str | None", metadata.get("namespace"))
                held = [owner for owner in owners if self._holds(by_uid, owner, namespace)]
                if not held:
                    self._delete(resource, metadata)
                elif len(held) < len(owners):
                    self._keep_owners(resource, metadata, held)

    def _holds(
        self,
        by_uid: Mapping[JsonValue, JsonObject],
        reference: Mapping[str, str],
        namespace: str | None,
    ) -> bool:
        owner = by_uid.get(reference["uid"]) or self._unseen(reference, namespace)
        if owner is None:
            return False
        finalizers = cast("list[str]", _metadata(owner).get("finalizers") or [])
        return _FOREGROUND not in finalizers

    def _unseen(self, reference: Mapping[str, str], namespace: str | None) -> JsonObject | None:
        """An owner that its kind's cache has not: the cache may be behind the dependant's.

        Kubernetes' collector asks the API server too before it deletes anything.
        """
        wanted = (reference["apiVersion"], reference["kind"])
        for resource in self.caches:
            if (resource.api_version, resource.kind) == wanted:
                try:
                    found = self.client.get(resource, namespace, reference["name"])
                except NotFoundError:
                    return None
                return found if _metadata(found)["uid"] == reference["uid"] else None
        return None

    def _delete(self, resource: Resource, metadata: JsonObject) -> None:
        name, namespace = str(metadata["name"]), cast("str | None", metadata.get("namespace"))
        try:
            self.client.delete(resource, namespace, name, uid=str(metadata["uid"]))
        except (NotFoundError, ConflictError):
            return

    def _finish(
        self,
        resource: Resource,
        obj: JsonObject,
        objects: list[tuple[Resource, JsonObject]],
    ) -> None:
        """Let an owner that is being deleted go, or its dependants stay without it."""
        metadata = _metadata(obj)
        finalizers = cast("list[str]", metadata.get("finalizers") or [])
        ours = {_FOREGROUND, _ORPHAN} & set(finalizers)
        if not ours:
            return
        dependants = [
            (kind, item)
            for kind, item in objects
            if any(
                owner["uid"] == metadata["uid"]
                for owner in cast(
                    "list[dict[str, str]]", _metadata(item).get("ownerReferences") or []
                )
            )
        ]
        if _ORPHAN in ours:
            for kind, item in dependants:
                owners = cast("list[dict[str, str]]", _metadata(item)["ownerReferences"])
                kept_owners = [owner for owner in owners if owner["uid"] != metadata["uid"]]
                self._keep_owners(kind, _metadata(item), kept_owners)
            # They are let go of in the next pass, once none of them names this owner.
            if dependants:
                return
        elif dependants:
            return
        kept = [item for item in finalizers if item not in ours]
        name, namespace = str(metadata["name"]), cast("str | None", metadata.get("namespace"))
        self.client.patch(resource, namespace, name, {"metadata": {"finalizers": kept}})

    def _keep_owners(
        self, resource: Resource, metadata: JsonObject, owners: list[dict[str, str]]
    ) -> None:
        """Strike off the owners that are gone, if nobody changed the object meanwhile."""
        name, namespace = str(metadata["name"]), cast("str | None", metadata.get("namespace"))
        version = metadata["resourceVersion"]
        patch = {"metadata": {"ownerReferences": owners, "resourceVersion": version}}
        try:
            self.client.patch(resource, namespace, name, patch)
        except (NotFoundError, ConflictError):
            return


def _metadata(obj: JsonObject) -> JsonObject:
    return cast("JsonObject", obj["metadata"])
