"""What several kinds observe in the same way: references, runs, pod templates, the cluster."""

from collections.abc import Mapping
from typing import TypeVar, cast

from pydantic import ValidationError

from stashgen.api.base import JsonObject, metadata_of, uid_of
from stashgen.api.meta import Kind
from stashgen.api.resources import (
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    Resource,
)
from stashgen_controller.runtime.kind import Reader

KindT = TypeVar("KindT", bound=Kind)


def cluster_uid(reader: Reader) -> str | None:
    """What identifies the cluster: the UID of its namespace kube-system."""
    found = reader.get(NAMESPACES, None, "kube-system")
    return uid_of(found) if found is not None else None


def claim_uid(reader: Reader, namespace: str, name: str) -> str | None:
    """The UID of a PersistentVolumeClaim, or None where there is no such claim."""
    found = reader.get(PERSISTENT_VOLUME_CLAIMS, namespace, name)
    return uid_of(found) if found is not None else None


def labels_of_namespace(reader: Reader, namespace: str) -> Mapping[str, str]:
    """The labels of a namespace; none while it is not known."""
    found = reader.get(NAMESPACES, None, namespace) or {}
    metadata = metadata_of(found)
    return cast("Mapping[str, str]", metadata.get("labels") or {})


def without_status(obj: JsonObject) -> JsonObject:
    """An object as a person would write it: what the server and controllers add is left out.

    But for who it is: its UID and when it was made.
    """
    metadata = cast("JsonObject", obj["metadata"])
    kept = ("name", "namespace", "labels", "annotations", "uid", "creationTimestamp")
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": obj.get("spec"),
    }


def models(reader: Reader, resource: Resource, model: type[KindT]) -> list[KindT]:
    """The objects of a kind that can be read; one of an odd shape is told by its own status."""
    found = []
    for obj in reader.items(resource):
        try:
            found.append(model.from_wire(obj))
        except ValidationError:
            continue
    return found
