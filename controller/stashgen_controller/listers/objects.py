"""Single facts about objects that no reconciler of ours owns."""

from collections.abc import Mapping

from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.namespace import Namespace
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.resources import Resource
from stashgen_controller.listers.indexes.workloads import CLAIM_UIDS, CLUSTER_NAMESPACE, CLUSTER_UID
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.kind import Reader


def cluster_uid(reader: Reader) -> str | None:
    """What identifies the cluster: the UID of its namespace kube-system."""
    return next(iter(reader.values(CLUSTER_UID, CLUSTER_NAMESPACE)), None)


def claim_uid(reader: Reader, namespace: str, name: str) -> str | None:
    """The UID of a PersistentVolumeClaim, or None where there is no such claim."""
    return next(iter(reader.values(CLAIM_UIDS, namespace, name)), None)


def why_not_bound(reader: Reader, namespace: str, name: str) -> Reason | None:
    """Why a claim that exists has no volume to be backed up; None if it has, or does not exist.

    The first pod of a claim that waits for it decides in which zone or on which node the volume
    is made: that is the workload's to decide, not a backup's.
    """
    found = reader.get(PersistentVolumeClaim, namespace, name)
    if found is None:
        return None
    what = f"PersistentVolumeClaim {name}"
    if found.metadata.deletion_timestamp is not None:
        return Reason(Cause.CLAIM_TERMINATING, f"{what} is being deleted")
    match found.status.phase if found.status is not None else None:
        case "Bound":
            return None
        case "Lost":
            return Reason(Cause.CLAIM_LOST, f"{what} is Lost: its PersistentVolume is gone")
        case _:
            text = f"{what} is not Bound: no volume has been made for it yet"
            return Reason(Cause.CLAIM_PENDING, text)


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
