"""Patches of kustomizations: which objects they may touch, and whether that changes a volume."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from stashgen.diagnostics import Position
from stashgen.inventory.objects import Path, list_at, map_at, text_at
from stashgen.yaml.documents import Document, read_documents
from stashgen.yaml.nodes import Json

_LISTS = ("patches", "patchesStrategicMerge", "patchesJson6902")
# What a patch may set in a claim or a Namespace without changing which volume it is.
_HARMLESS_SPEC = frozenset({"resources", "storageClassName", "volumeName", "dataSourceRef"})
_HARMLESS_METADATA = frozenset({"name", "namespace", "annotations", "finalizers"})
_HARMLESS_POINTERS = (
    "/spec/resources",
    "/spec/storageClassName",
    "/spec/volumeName",
    "/spec/dataSource",
    "/metadata/annotations",
    "/metadata/finalizers",
)
_OURS = "stashgen.dev"
# What decides which claims a StatefulSet has.
_TEMPLATE_FIELDS = ("volumeClaimTemplates", "replicas", "ordinals", "selector")
_TEMPLATE_POINTERS = tuple(f"/spec/{field}" for field in _TEMPLATE_FIELDS)

_STORAGE = ("resources", "storageClassName")
_STORAGE_POINTERS = tuple(f"/spec/{field}" for field in _STORAGE)

# What decides whom the containers that mount a volume run as, wherever a patch has it.
_OF_PODS = frozenset({"securityContext", "volumeMounts", "volumes", "$patch"})
# A JSON patch that replaces, adds or removes one of these has more than it shows.
_POD_PARTS = frozenset({"", "spec", "template", "containers", "jobTemplate"})


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch.

    Attributes:
        position: Where it is written.
        file: The file that holds it, if it is not written in place.
        kind, name, namespace: Anchored patterns of what it is for; None for any.
        deletes: It removes its objects.
        changes: It may change the name, the namespace, the labels or the mode of a volume.
        changes_templates: It may change which claims a StatefulSet has.
        changes_users: It may change whom the containers of a workload run as, or what they mount.
        changes_storage: It may change the size or the class that a claim asks for.
        replicas: The number that it sets for a workload, as it is written; None if it sets none.
    """

    position: Position
    file: PurePosixPath | None
    kind: str | None
    name: str | None
    namespace: str | None
    deletes: bool
    changes: bool
    changes_templates: bool
    changes_users: bool
    changes_storage: bool
    replicas: Json

    def is_for(self, kind: str, names: set[str], namespaces: set[str | None]) -> bool:
        """Whether it may touch an object.

        Args:
            kind: The object's.
            names: The object's names so far: kustomize matches each of them.
            namespaces: Likewise.
        """
        return (
            _matches(self.kind, kind)
            and any(_matches(self.name, name) for name in names)
            and any(_matches(self.namespace, space or "") for space in namespaces)
        )


def patches_of(
    data: Mapping[str, Json],
    document: Document,
    folder: PurePosixPath | None,
    files: Mapping[PurePosixPath, tuple[Document, ...]],
    path: Path = (),
) -> Iterator[Patch]:
    """The patches of a kustomization.

    Args:
        data: The map with ``patches`` and its deprecated relatives.
        document: That it is in.
        folder: That its paths are relative to; None where patches are written in place only.
        files: The inventory's documents by file.
        path: Of the map in the document.
    """
    for field in _LISTS:
        for index, entry in enumerate(list_at(data, field)):
            position = document.position(*path, field, index)
            if isinstance(entry, str):
                yield from _patch({}, entry, position, folder, files)
            elif isinstance(entry, dict):
                written = text_at(entry, "patch") or text_at(entry, "path")
                yield from _patch(map_at(entry, "target"), written, position, folder, files)


def _patch(
    target: Mapping[str, Json],
    written: str,
    position: Position,
    folder: PurePosixPath | None,
    files: Mapping[PurePosixPath, tuple[Document, ...]],
) -> Iterator[Patch]:
    file = None
    if folder is not None and "\n" not in written and ": " not in written:
        file = PurePosixPath(posixpath.normpath(posixpath.join(folder.as_posix(), written)))
        bodies: list[Json] | None = [one.data for one in files.get(file, ())] or None
    else:
        bodies = _read(written)
    for body in [None] if bodies is None else bodies:
        yield _of_body(body, target, position, file)


def _read(text: str) -> list[Json] | None:
    """The patches in a text; None if it cannot be read."""
    # A JSON patch is a list, which no document is.
    indented = "\n".join(f"  {line}" for line in text.splitlines())
    as_list = read_documents(f"items:\n{indented}".encode(), PurePosixPath("patch"), dirty=True)
    if text.lstrip().startswith(("-", "[")) and not as_list.findings:
        return [one.data.get("items") for one in as_list.value] if as_list.value else None
    outcome = read_documents(text.encode(), PurePosixPath("patch"), dirty=True)
    return None if outcome.findings else [one.data for one in outcome.value] or None


def _of_body(
    body: Json, target: Mapping[str, Json], position: Position, file: PurePosixPath | None
) -> Patch:
    kind, name, namespace = (text_at(target, key) or None for key in ("kind", "name", "namespace"))
    if isinstance(body, dict) and not target:
        # A strategic merge patch without a target names its one object itself.
        metadata = map_at(body, "metadata")
        kind = re.escape(text_at(body, "kind")) or None
        name = re.escape(text_at(metadata, "name")) or None
        namespace = re.escape(text_at(metadata, "namespace")) or None
    return Patch(
        position=position,
        file=file,
        kind=kind,
        name=name,
        namespace=namespace,
        deletes=isinstance(body, dict) and body.get("$patch") == "delete",
        changes=_changes(body),
        changes_templates=_changes_templates(body),
        changes_users=_changes_users(body),
        changes_storage=_changes_storage(body),
        replicas=_replicas(body),
    )


def _changes(body: Json) -> bool:
    if isinstance(body, list):
        return not all(isinstance(step, dict) and _is_harmless_step(step) for step in body)
    if not isinstance(body, dict):
        return True
    metadata, spec = map_at(body, "metadata"), map_at(body, "spec")
    return not (
        body.keys() <= {"apiVersion", "kind", "metadata", "spec"}
        and metadata.keys() <= _HARMLESS_METADATA
        and not any(map(_is_ours, map_at(metadata, "annotations")))
        and spec.keys() <= _HARMLESS_SPEC
    )


def _changes_templates(body: Json) -> bool:
    if isinstance(body, list):
        pointers = [text_at(step, "path") if isinstance(step, dict) else "" for step in body]
        return any(
            pointer in {"", "/spec", "/metadata", "/metadata/name", "/metadata/namespace"}
            or pointer.startswith(_TEMPLATE_POINTERS)
            for pointer in pointers
        )
    if not isinstance(body, dict):
        return True
    spec = map_at(body, "spec")
    return "$patch" in spec or any(field in spec for field in _TEMPLATE_FIELDS)


def _changes_users(body: Json) -> bool:
    if isinstance(body, list):
        steps = [step for step in body if isinstance(step, dict)]
        pointers = [text_at(step, "path").split("/") for step in steps]
        return (
            len(steps) < len(body)
            or any(_OF_PODS & {*pointer} or pointer[-1] in _POD_PARTS for pointer in pointers)
            or any(_has_key(step.get("value"), _OF_PODS) for step in steps)
        )
    return body is None or _has_key(body, _OF_PODS)


def _changes_storage(body: Json) -> bool:
    if isinstance(body, list):
        pointers = [text_at(step, "path") if isinstance(step, dict) else "" for step in body]
        return any(pointer.startswith(_STORAGE_POINTERS) for pointer in pointers)
    return isinstance(body, dict) and any(field in map_at(body, "spec") for field in _STORAGE)


def _has_key(node: Json, keys: frozenset[str]) -> bool:
    if isinstance(node, dict):
        return bool(keys & node.keys()) or any(_has_key(part, keys) for part in node.values())
    return isinstance(node, list) and any(_has_key(part, keys) for part in node)


def _replicas(body: Json) -> Json:
    if isinstance(body, dict):
        return map_at(body, "spec").get("replicas")
    for step in body if isinstance(body, list) else ():
        if isinstance(step, dict) and text_at(step, "path") == "/spec/replicas":
            return step.get("value")
    return None


def _is_harmless_step(step: Mapping[str, Json]) -> bool:
    pointer, value = text_at(step, "path"), step.get("value")
    annotated = [
        pointer.rpartition("/annotations/")[2],
        *(value if isinstance(value, dict) else ()),
    ]
    is_harmless = pointer.startswith(_HARMLESS_POINTERS) and not any(map(_is_ours, annotated))
    return step.get("op") == "test" or is_harmless


def _is_ours(annotation: str) -> bool:
    """Whether an annotation says how a volume is backed up."""
    return annotation.startswith(_OURS)


def _matches(pattern: str | None, text: str) -> bool:
    if pattern is None:
        return True
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return True
