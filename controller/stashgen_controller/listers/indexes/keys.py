"""Parts of the keys of several indexes, read from objects as stored."""

from collections.abc import Iterator, Mapping
from typing import cast

from stashgen.api.base import (
    JsonObject,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    namespace_of,
)
from stashgen.api.labels import (
    POD_TEMPLATE_ANNOTATION_PREFIX,
    label_value,
)
from stashgen.kubestash import phases
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.runtime.kind import IndexKey, phase_of


def is_finished(obj: JsonObject) -> bool:
    """Whether a session or request, as stored, has ended and has nothing left to do."""
    return phase_of(obj) in phases.FINAL and not any(
        item.get("phase") == "Pending"
        for item in list_of(mapping_of(obj, "status"), "retentionPolicy")
    )


def is_being_deleted(obj: JsonObject) -> bool:
    """Whether an object, as stored, only waits for its finalizers."""
    return metadata_of(obj).get("deletionTimestamp") is not None


def is_pushed(obj: JsonObject) -> bool:
    """Whether the controller has had its last word on a session; its worker reports first."""
    conditions = list_of(mapping_of(obj, "status"), "conditions")
    return any(item.get("type") == ConditionType.METRICS_PUSHED for item in conditions)


def is_restore_over(restore: JsonObject) -> bool:
    """Whether a RestoreSession, as stored, has ended by the controller's word."""
    phase = phase_of(restore)
    return phase == "Invalid" or (phase in phases.FINAL and is_pushed(restore))


def reference(holder: JsonObject, field: str, referrer: JsonObject) -> tuple[str, str]:
    """Namespace and name that a reference means; both empty where there is none."""
    found = cast("Mapping[str, str]", holder.get(field) or {})
    if not found.get("name"):
        return "", ""
    return found.get("namespace") or namespace_of(referrer), found["name"]


def volume_key(namespace: str, claim: str) -> IndexKey:
    """A volume as what is worked on."""
    return "volume", namespace, claim


def repository_key(namespace: str, name: str) -> IndexKey:
    """A Repository as what is worked on; pods have its name as a label."""
    return "repository", namespace, label_value(name)


def spec_of(obj: JsonObject) -> JsonObject:
    """What people write into an object."""
    return mapping_of(obj, "spec")


def target_of(obj: JsonObject) -> Iterator[IndexKey]:
    """Namespace and name of the claim that a spec is about."""
    yield namespace_of(obj), str(mapping_of(spec_of(obj), "target").get("name") or "")


def named_templates(obj: JsonObject) -> Iterator[IndexKey]:
    """The PodTemplates that an object names by annotations."""
    for key, name in mapping_of(metadata_of(obj), "annotations").items():
        if key.startswith(POD_TEMPLATE_ANNOTATION_PREFIX):
            yield namespace_of(obj), str(name)


def unfinished(obj: JsonObject) -> Iterator[IndexKey]:
    """The namespace of a session or request that has not ended."""
    if not is_finished(obj):
        yield (namespace_of(obj),)


def starting(obj: JsonObject) -> Iterator[IndexKey]:
    """Namespace and name of what nobody has looked at yet."""
    if not phase_of(obj):
        yield namespace_of(obj), name_of(obj)
