"""The Jobs that the controller makes.

A Job is created once from a reviewed or resolved pod template and never updated. ``run.py``
says what became of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from stashgen.api.base import JsonObject, mapping_of, metadata_of
from stashgen.api.labels import (
    COMPONENT_LABEL,
    INVOKER_NAME_LABEL,
    INVOKER_NAMESPACE_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    NAME_ANNOTATION,
    PART_LABEL,
    PLAN_ANNOTATION,
    PLAN_DIGEST_ANNOTATION,
    SNAPSHOT_ANNOTATION,
    TEMPLATE_LABEL,
    VERB_ANNOTATION,
    label_value,
)
from stashgen.api.meta import Kind
from stashgen.api.strict_mode import LONGEST_JOB_SECONDS
from stashgen_controller.protocol.run_spec import DEADLINE_GRACE, WITHOUT_TIMEOUT, RunSpec

# In strict mode the API server finds by the last two which template the pod has to equal.
_OF_THE_POD = (COMPONENT_LABEL, TEMPLATE_LABEL, PART_LABEL)


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that a Job belongs to and goes with."""

    api_version: str
    kind: str
    name: str
    namespace: str
    uid: str

    def reference(self) -> JsonObject:
        """A controller owner reference."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def owner_of(obj: Kind) -> Owner:
    """The owner that an API object can be."""
    namespace, name = obj.key
    return Owner(
        obj.resource.api_version, obj.resource.kind, name, namespace, obj.metadata.uid or ""
    )


def job_manifest(
    *,
    name: str,
    owner: Owner,
    template: JsonObject,
    plan: RunSpec,
    labels: Mapping[str, str],
    now: datetime,
) -> JsonObject:
    """A Job that runs a pod template once with a plan.

    The template's spec is taken as it is; the session comes as annotations of the pod. Job
    settings are constants: no retry by the Job controller (an attempt is ours to count), no TTL
    (the history limit deletes).
    """
    template_metadata = metadata_of(template)
    pod_labels = cast("dict[str, str]", template_metadata.get("labels") or {})
    pod_annotations = cast("dict[str, str]", template_metadata.get("annotations") or {})
    session = {
        NAME_ANNOTATION: plan.backup_session or plan.restore_session or "",
        SNAPSHOT_ANNOTATION: _snapshot_name(plan),
        VERB_ANNOTATION: plan.verb.value,
        PLAN_ANNOTATION: plan.to_json(),
    }
    ours = {MANAGED_BY_LABEL: MANAGED_BY} | {
        key: label_value(value)
        for key, value in (
            (INVOKER_NAME_LABEL, owner.name),
            (INVOKER_NAMESPACE_LABEL, owner.namespace),
            *labels.items(),
        )
    }
    taken = {key: pod_labels[key] for key in _OF_THE_POD if key in pod_labels}
    timeout = plan.deadline - now + DEADLINE_GRACE if plan.deadline else WITHOUT_TIMEOUT
    return cast(
        "JsonObject",
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": owner.namespace,
                "labels": ours | taken,
                "annotations": {PLAN_DIGEST_ANNOTATION: plan.digest()},
                "ownerReferences": [owner.reference()],
            },
            "spec": {
                "parallelism": 1,
                "completions": 1,
                "backoffLimit": 0,
                "activeDeadlineSeconds": min(
                    max(1, int(timeout.total_seconds())), LONGEST_JOB_SECONDS
                ),
                "template": {
                    "metadata": {
                        "labels": pod_labels | ours,
                        "annotations": pod_annotations
                        | {key: value for key, value in session.items() if value},
                    },
                    "spec": template["spec"],
                },
            },
        },
    )


def plan_of(job: JsonObject) -> RunSpec:
    """The plan that a Job, as stored, gives its pods.

    Raises:
        KeyError, pydantic.ValidationError: it has none that can be read.
    """
    template = mapping_of(mapping_of(job, "spec"), "template")
    annotations = cast("dict[str, str]", metadata_of(template).get("annotations") or {})
    return RunSpec.model_validate_json(annotations[PLAN_ANNOTATION])


def _snapshot_name(plan: RunSpec) -> str:
    metadata = cast("Mapping[str, str]", (plan.snapshot or {}).get("metadata") or {})
    return metadata.get("name", "")
