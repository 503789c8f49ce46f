"""Additional objects of a strict namespace: the reviewed pods, and the permission to start them.

The pods are taken from the rendered PodTemplates, so that the two cannot differ.
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import groupby
from typing import cast

from stashgen.api import labels, strict_mode
from stashgen.api.base import JsonObject
from stashgen.api.meta import ObjectMeta
from stashgen.api.rbac import RoleBinding, RoleRef, Subject
from stashgen.api.reviewed_templates import (
    RestoreInto,
    ReviewedTemplate,
    ReviewedTemplates,
    ReviewedTemplatesSpec,
)
from stashgen.kubestash.addons import DATA_VOLUME
from stashgen.kubestash.verbs import PODS, Template
from stashgen.render.annotations import EARLY, FIRST, WITHOUT_LAST_APPLIED

_PART = strict_mode.PARTS[0].removesuffix("1")
_RESTORE = PODS[Template.RESTORE].component


def parts_of(objects: Iterable[JsonObject]) -> Mapping[str, str]:
    """The ReviewedTemplates object for each PodTemplate of a namespace, by the template's name.

    Each object takes as many as etcd accepts in one object; the rest goes into the next.
    """
    parts: dict[str, str] = {}
    number, size = 1, 0
    templates = sorted(_templates(objects), key=_name)
    claims = _claims(templates)
    for item in templates:
        entry = _reviewed(labelled(item, {_name(item): strict_mode.PARTS[0]}), claims).to_wire()
        own = len(json.dumps(entry, separators=(",", ":"))) + 1
        size += own
        if size > strict_mode.LARGEST_PART_BYTES:
            number, size = number + 1, own
        parts[_name(item)] = f"{_PART}{number}"
    return parts


def labelled(data: JsonObject, parts: Mapping[str, str]) -> JsonObject:
    """A PodTemplate whose pods name the object with their review; other objects unchanged."""
    if data["kind"] != "PodTemplate":
        return data
    template = cast("JsonObject", data["template"])
    metadata = cast("JsonObject", template["metadata"])
    own = {**cast("JsonObject", metadata["labels"]), labels.PART_LABEL: parts[_name(data)]}
    return data | {"template": template | {"metadata": metadata | {"labels": own}}}


def strict_objects(namespace: str, objects: Sequence[JsonObject]) -> tuple[JsonObject, ...]:
    """The reviewed pods of a namespace and the controller's RoleBinding.

    Args:
        namespace: The namespace of the objects.
        objects: Everything rendered for it; only the labelled PodTemplates are used.
    """
    pods = _templates(objects)
    claims = _claims(pods)
    templates = sorted((_reviewed(item, claims) for item in pods), key=_part_and_name)
    if not templates:
        return ()
    parts = groupby(templates, key=lambda item: item.labels[labels.PART_LABEL])
    return (
        *(
            ReviewedTemplates(
                metadata=ObjectMeta(
                    name=part, namespace=namespace, annotations=FIRST | WITHOUT_LAST_APPLIED
                ),
                spec=ReviewedTemplatesSpec(templates=tuple(items)),
            ).to_wire()
            for part, items in parts
        ),
        _binding(namespace),
    )


def _templates(objects: Iterable[JsonObject]) -> list[JsonObject]:
    return [item for item in objects if item["kind"] == "PodTemplate"]


def _name(data: JsonObject) -> str:
    return cast("dict[str, str]", data["metadata"])["name"]


def _part_and_name(template: ReviewedTemplate) -> tuple[str, str]:
    return template.labels[labels.PART_LABEL], template.name


def _claims(pod_templates: Iterable[JsonObject]) -> Set[str]:
    """The claims in use: those that are backed up, and those of storages."""
    specs = (cast("JsonObject", _pod(item)["spec"]) for item in pod_templates)
    volumes = (item for spec in specs for item in cast("list[JsonObject]", spec.get("volumes", [])))
    claims = (item.get("persistentVolumeClaim") for item in volumes)
    return {cast("dict[str, str]", item)["claimName"] for item in claims if item is not None}


def _pod(pod_template: JsonObject) -> JsonObject:
    return cast("JsonObject", pod_template["template"])


def _reviewed(pod_template: JsonObject, claims: Set[str]) -> ReviewedTemplate:
    template = _pod(pod_template)
    metadata = cast("dict[str, dict[str, str]]", template["metadata"])
    pod_labels = metadata["labels"]
    spec = cast("JsonObject", template["spec"])
    is_restore = pod_labels[labels.COMPONENT_LABEL] == _RESTORE
    return ReviewedTemplate(
        name=_name(pod_template),
        labels=pod_labels,
        annotations=metadata.get("annotations") or {},
        pod_spec=spec,
        restore_into=_restore_into(spec, claims) if is_restore else None,
    )


def _restore_into(spec: JsonObject, claims: Set[str]) -> RestoreInto:
    volumes = cast("list[JsonObject]", spec["volumes"])
    data = next(item for item in volumes if item["name"] == DATA_VOLUME)
    claim = cast("dict[str, str]", data["persistentVolumeClaim"])["claimName"]
    prefix = strict_mode.restore_claim_prefix(claim)
    protected = sorted(item for item in claims if item.startswith(prefix))
    return RestoreInto(volume=DATA_VOLUME, claim_prefix=prefix, protected=tuple(protected))


def _binding(namespace: str) -> JsonObject:
    return RoleBinding(
        metadata=ObjectMeta(
            name=strict_mode.JOBS_ROLE, namespace=namespace, annotations=dict(EARLY)
        ),
        role_ref=RoleRef(kind="ClusterRole", name=strict_mode.JOBS_ROLE),
        subjects=(
            Subject(
                kind="ServiceAccount",
                name=strict_mode.CONTROLLER_ACCOUNT,
                namespace=strict_mode.CONTROLLER_NAMESPACE,
            ),
        ),
    ).to_wire()
