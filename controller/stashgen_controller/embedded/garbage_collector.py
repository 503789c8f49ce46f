"""Owner garbage collection: what has owners and lost all of them is deleted.

Kubernetes, "Garbage Collection": owners count by UID. Foreground deletion lets go of an owner once
its dependants are gone.
"""

from typing import cast

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.client import ConflictError, NotFoundError
from stashgen_controller.embedded.loop import ControlLoop

_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"


class GarbageCollector(ControlLoop):
    """Deletes what has lost its owners."""

    resources = (
        *known.KUBESTASH,
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
                self._finish(resource, obj, objects)
            elif owners and not any(self._holds(by_uid, owner["uid"]) for owner in owners):
                self._delete(resource, metadata)

    def _holds(self, by_uid: dict[object, JsonObject], uid: str) -> bool:
        owner = by_uid.get(uid)
        if owner is None:
            return False
        finalizers = cast("list[str]", _metadata(owner).get("finalizers") or [])
        return _FOREGROUND not in finalizers

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
                self._orphan(kind, item, str(metadata["uid"]))
        elif dependants:
            return
        kept = [item for item in finalizers if item not in ours]
        name, namespace = str(metadata["name"]), cast("str | None", metadata.get("namespace"))
        self.client.patch(resource, namespace, name, {"metadata": {"finalizers": kept}})

    def _orphan(self, resource: Resource, obj: JsonObject, uid: str) -> None:
        metadata = _metadata(obj)
        owners = cast("list[dict[str, str]]", metadata.get("ownerReferences") or [])
        kept = [owner for owner in owners if owner["uid"] != uid]
        name, namespace = str(metadata["name"]), cast("str | None", metadata.get("namespace"))
        self.client.patch(resource, namespace, name, {"metadata": {"ownerReferences": kept}})


def _metadata(obj: JsonObject) -> JsonObject:
    return cast("JsonObject", obj["metadata"])
