"""What several kinds observe in the same way: references, runs, pod templates, the cluster."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from pydantic import ValidationError

from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.meta import Kind, ObjectMeta
from stashgen.api.resources import (
    JOBS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_TEMPLATES,
    PODS,
    Resource,
)
from stashgen.api.shared import Executor
from stashgen_controller.dependants import JOB_NAME_LABEL
from stashgen_controller.reconciler import Reader
from stashgen_controller.runs import Run, observe_run

RENDERED_ANNOTATION = "stashgen.dev/rendered"
_TEMPLATE_ANNOTATION = "stashgen.dev/pod-template."
KindT = TypeVar("KindT", bound=Kind)


def is_rendered(metadata: ObjectMeta) -> bool:
    """Whether git holds this object's children: then the controller makes none of them."""
    return RENDERED_ANNOTATION in (metadata.annotations or {})


def template_name(metadata: ObjectMeta, verb: str) -> str | None:
    """The PodTemplate that a rendered object names for a verb."""
    return (metadata.annotations or {}).get(_TEMPLATE_ANNOTATION + verb)


def rendered_template(reader: Reader, metadata: ObjectMeta, verb: str) -> JsonObject | None:
    """The reviewed pod template of a rendered object, or None until git has applied it."""
    name = template_name(metadata, verb)
    if name is None:
        return None
    found = reader.get(POD_TEMPLATES, metadata.namespace, name)
    return cast("JsonObject", found["template"]) if found is not None else None


def cluster_uid(reader: Reader) -> str | None:
    """What identifies the cluster: the UID of its namespace kube-system."""
    found = reader.get(NAMESPACES, None, "kube-system")
    return uid_of(found) if found is not None else None


def claim_uid(reader: Reader, namespace: str, name: str) -> str | None:
    """The UID of a PersistentVolumeClaim, or None where there is no such claim."""
    found = reader.get(PERSISTENT_VOLUME_CLAIMS, namespace, name)
    return uid_of(found) if found is not None else None


def uid_of(obj: JsonObject) -> str:
    """An object's UID."""
    return cast("dict[str, str]", obj["metadata"])["uid"]


def name_of(obj: JsonObject) -> str:
    """An object's name."""
    return cast("dict[str, str]", obj["metadata"])["name"]


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


def observe_job(
    reader: Reader,
    *,
    namespace: str,
    name: str,
    executor: Executor | None,
    owner_uid: str | None,
) -> Run:
    """What became of the Job of a name; ``executor`` counts only if it speaks of that Job."""
    known = executor if executor is not None and executor.job == name else None
    return observe_run(
        job=reader.get(JOBS, namespace, name),
        pods=pods_of(reader, namespace, name),
        executor=known,
        owner_uid=owner_uid,
    )


def pods_of(reader: Reader, namespace: str, job: str) -> Sequence[JsonObject]:
    """The pods of a Job, by the label that the Job controller sets."""
    return [
        pod
        for pod in reader.items(PODS, namespace)
        if cast("dict[str, str]", cast("JsonObject", pod["metadata"]).get("labels") or {}).get(
            JOB_NAME_LABEL
        )
        == job
    ]


def models(reader: Reader, resource: Resource, model: type[KindT]) -> list[KindT]:
    """The objects of a kind that can be read; one of an odd shape is told by its own status."""
    found = []
    for obj in reader.items(resource):
        try:
            found.append(model.from_wire(obj))
        except ValidationError:
            continue
    return found
