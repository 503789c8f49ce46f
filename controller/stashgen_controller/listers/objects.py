"""Single facts about objects that no reconciler of ours owns."""

from collections.abc import Mapping

from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.namespace import Namespace
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.resources import Resource
from stashgen_controller.runtime.kind import Reader

CLUSTER_NAMESPACE = "kube-system"


def cluster_uid(reader: Reader) -> str | None:
    """What identifies the cluster: the UID of its namespace kube-system."""
    found = reader.get(Namespace, None, CLUSTER_NAMESPACE)
    return found.metadata.uid if found is not None else None


def claim_uid(reader: Reader, namespace: str, name: str) -> str | None:
    """The UID of a PersistentVolumeClaim, or None where there is no such claim."""
    found = reader.get(PersistentVolumeClaim, namespace, name)
    return found.metadata.uid if found is not None else None


def labels_of_namespace(reader: Reader, namespace: str) -> Mapping[str, str]:
    """The labels of a namespace; none while it is not known."""
    found = reader.get(Namespace, None, namespace)
    return (found.metadata.labels if found is not None else None) or {}


def without_status(
    reader: Reader, resource: Resource, namespace: str, name: str
) -> JsonObject | None:
    """An object as a person would write it: what the server and controllers add is left out.

    But for who it is: its UID and when it was made. None where there is no such object.
    """
    obj = reader.stored(resource, namespace, name)
    if obj is None:
        return None
    metadata = metadata_of(obj)
    kept = ("name", "namespace", "labels", "annotations", "uid", "creationTimestamp")
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": obj.get("spec"),
    }
