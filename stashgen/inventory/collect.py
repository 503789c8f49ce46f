"""Find the volumes in third-party manifests, which may be malformed.

An object that cannot be understood is never dropped silently: it is counted as unknown and
reported, so that a gap in the inventory is not mistaken for a volume that does not exist.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, TypeVar

from stashgen.diagnostics import Finding, Outcome, Position, Severity, quote
from stashgen.inventory.foreign import foreign, known_namespace, mounted_claims
from stashgen.inventory.kubestash import kubestash_findings
from stashgen.model.inventory import ForeignBackup, Inventory, Volume, VolumeKey
from stashgen.model.source import Source
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_CLAIM = "PersistentVolumeClaim"
_PLACEHOLDERS = ("${", "{{")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_LONGEST = {"name": 253, "namespace": 63}
_Path = tuple[str | int, ...]
# Cluster id, kind and name of what has pods.
_Workload = tuple[str, str, str]
_Claims = list[tuple[str | None, str]]
_Item = TypeVar("_Item")


class Code(StrEnum):
    """What the inventory may report; each is explained in docs/findings.md."""

    UNKNOWN = "SG501"
    TWICE = "SG502"


@dataclass(frozen=True, slots=True)
class _Object:
    """One object of a manifest: its data and its place in the document."""

    data: Mapping[str, Json]
    document: Document
    path: _Path

    @property
    def position(self) -> Position:
        """Where it begins."""
        return self.document.position(*self.path) if self.path else self.document.start

    def subject(self) -> str:
        """The object as findings name it."""
        metadata = self.data.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        kind = self.data.get("kind")
        return "/".join(part for part in (kind, name) if isinstance(part, str) and part)


@dataclass(frozen=True, slots=True)
class _Found(Generic[_Item]):
    item: _Item
    origin: _Object


@dataclass(slots=True)
class _Collector:
    volumes: dict[VolumeKey, _Found[Volume]] = field(default_factory=dict)
    namespaces: dict[tuple[str, str], _Found[Mapping[str, str]]] = field(default_factory=dict)
    unreadable: list[Position] = field(default_factory=list)
    foreign: list[ForeignBackup] = field(default_factory=list)
    mounts: dict[_Workload, _Claims] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class _UnknownError(Exception):
    """An object that may be a volume and cannot be understood; the message says why."""


def collect(source: Source) -> Outcome[Inventory]:
    """The PersistentVolumeClaims and the Namespaces' labels of all clusters.

    Lists of the core group are expanded. Findings: an object that cannot be understood (warning; it
    is also in ``unreadable``), an object that occurs twice (error if the two differ), a KubeStash
    manifest that the cluster would refuse (error), one of what is no volume (warning; see
    ``foreign``).
    """
    collector = _Collector(unreadable=list(source.unreadable))
    for cluster_id, documents in source.manifests.items():
        for document in documents:
            for item in _objects(document.data, document, ()):
                try:
                    _take(collector, cluster_id, item)
                    _judge(collector, cluster_id, item)
                except _UnknownError as error:
                    collector.unreadable.append(item.position)
                    collector.findings.append(_unknown(item, str(error)))
    inventory = Inventory(
        volumes=tuple(found.item for _, found in sorted(collector.volumes.items(), key=_by_key)),
        namespace_labels={key: found.item for key, found in sorted(collector.namespaces.items())},
        unreadable=tuple(sorted(collector.unreadable)),
        foreign=tuple(_with_claims(item, collector) for item in collector.foreign),
    )
    return Outcome(inventory, tuple(sorted(collector.findings, key=Finding.sort_key)))


def _judge(collector: _Collector, cluster_id: str, item: _Object) -> None:
    """What to say of a KubeStash manifest, and what a workload mounts."""
    other = foreign(cluster_id, item.data, item.document, item.path)
    if other is None:
        collector.findings += kubestash_findings(item.data, item.document, item.path)
    else:
        collector.findings.append(other.finding)
        collector.foreign += [other.backup] if other.backup is not None else []
    metadata = item.data.get("metadata")
    for claim in mounted_claims(item.data):
        if isinstance(metadata, dict):
            workload = (cluster_id, str(item.data["kind"]), str(metadata.get("name")))
            mounted = (known_namespace(metadata), claim)
            collector.mounts.setdefault(workload, []).append(mounted)


def _with_claims(backup: ForeignBackup, collector: _Collector) -> ForeignBackup:
    """It with what its target mounts; a namespace that is not known may be any."""
    workload = (backup.cluster_id, backup.target_kind, backup.target)
    claims = (
        claim
        for namespace, claim in collector.mounts.get(workload, ())
        if None in {namespace, backup.target_namespace} or namespace == backup.target_namespace
    )
    return replace(backup, claims=frozenset(claims))


def _by_key(entry: tuple[VolumeKey, object]) -> VolumeKey:
    return entry[0]


def _objects(data: Json, document: Document, path: _Path) -> Iterator[_Object]:
    """The objects of a document, list items included (``kubectl get -o yaml`` writes lists)."""
    if not isinstance(data, dict):
        yield _Object({}, document, path)
        return
    kind, items = data.get("kind"), data.get("items")
    if (
        not isinstance(kind, str)
        or not kind.endswith("List")
        or data.get("apiVersion") != "v1"
        or not isinstance(items, list)
    ):
        yield _Object(data, document, path)
        return
    for index, item in enumerate(items):
        inner = (*path, "items", index)
        if kind != "List" and isinstance(item, dict) and "kind" not in item:
            # A typed list (PersistentVolumeClaimList) omits the kind of its items.
            typed = {"apiVersion": "v1", "kind": kind.removesuffix("List"), **item}
            yield _Object(typed, document, inner)
        else:
            yield from _objects(item, document, inner)


def _take(collector: _Collector, cluster_id: str, item: _Object) -> None:
    kind, version = item.data.get("kind"), item.data.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or not kind:
        raise _UnknownError("its apiVersion or kind is missing")
    if _is_template(kind):
        raise _UnknownError(f"its kind {quote(kind)} has an unresolved placeholder")
    if kind == "StatefulSet" and _spec(item).get("volumeClaimTemplates"):
        raise _UnknownError("volumeClaimTemplates are not supported yet; list each claim instead")
    if version != "v1" or kind not in {_CLAIM, "Namespace"}:
        return
    metadata = item.data.get("metadata")
    if not isinstance(metadata, dict):
        raise _UnknownError("it has no metadata")
    name = _text(metadata, "name")
    labels = _labels(metadata)
    if kind == "Namespace":
        known = collector.namespaces.setdefault((cluster_id, name), _Found(labels, item))
        if known.origin is not item:
            collector.findings.append(_twice(item, known.origin, is_same=known.item == labels))
        return
    key = VolumeKey(cluster_id, _text(metadata, "namespace"), name)
    volume = Volume(
        key=key,
        labels=labels,
        access_modes=_access_modes(item),
        position=item.position,
        block=_spec(item).get("volumeMode") == "Block",
    )
    found = collector.volumes.setdefault(key, _Found(volume, item))
    if found.origin is not item:
        is_same = _facts(found.item) == _facts(volume)
        collector.findings.append(_twice(item, found.origin, is_same=is_same))


def _facts(volume: Volume) -> tuple[Mapping[str, str], tuple[str, ...], bool]:
    return volume.labels, volume.access_modes, volume.block


def _spec(item: _Object) -> Mapping[str, Json]:
    spec = item.data.get("spec")
    return spec if isinstance(spec, dict) else {}


def _text(metadata: Mapping[str, Json], key: str) -> str:
    value = metadata.get(key)
    if not isinstance(value, str) or not value:
        raise _UnknownError(f"its metadata.{key} is missing or not a string")
    if _is_template(value):
        raise _UnknownError(f"its {key} {quote(value)} has an unresolved placeholder")
    if not _NAME.fullmatch(value) or len(value) > _LONGEST[key]:
        # It becomes part of paths, too.
        raise _UnknownError(f"its {key} {quote(value)} is not valid in Kubernetes")
    return value


def _labels(metadata: Mapping[str, Json]) -> Mapping[str, str]:
    labels = metadata.get("labels") or {}
    if not isinstance(labels, dict):
        raise _UnknownError("its labels are not a map")
    texts: dict[str, str] = {}
    for key, value in labels.items():
        if not isinstance(value, str):
            raise _UnknownError(f"its label {quote(key)} is not a string")
        if _is_template(key) or _is_template(value):
            label = quote(f"{key}: {value}")
            raise _UnknownError(f"its label {label} has an unresolved placeholder")
        texts[key] = value
    return texts


def _access_modes(item: _Object) -> tuple[str, ...]:
    modes = _spec(item).get("accessModes")
    return tuple(mode for mode in modes if isinstance(mode, str)) if isinstance(modes, list) else ()


def _is_template(text: str) -> bool:
    return any(placeholder in text for placeholder in _PLACEHOLDERS)


def _unknown(item: _Object, why: str) -> Finding:
    return Finding(
        code=Code.UNKNOWN,
        severity=Severity.WARNING,
        position=item.position,
        subject=item.subject(),
        what="this object is left out of the inventory",
        why=f"{why}; any volume it describes is unknown and is not backed up",
        fix="add the rendered manifest to the inventory, or exclude the file from its patterns",
    )


def _twice(item: _Object, first: _Object, *, is_same: bool) -> Finding:
    return Finding(
        code=Code.TWICE,
        severity=Severity.WARNING if is_same else Severity.ERROR,
        position=item.position,
        subject=item.subject(),
        what="this object is in the inventory twice",
        why="only the first one is used"
        if is_same
        else "the two differ, so a policy may select one but not the other",
        fix="exclude one of the two files from the inventory's patterns",
        related=(first.position,),
    )
