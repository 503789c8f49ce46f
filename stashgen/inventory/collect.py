"""Find the volumes in third-party manifests, which may be malformed.

Nothing that may be a volume is dropped silently: what cannot be understood, what a kustomization
changes beyond recognition and what is only mentioned is unknown, and reported, so that a gap in the
inventory is not mistaken for a volume that does not exist.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from stashgen.diagnostics import Finding, Outcome, Position, quote
from stashgen.inventory.annotations import annotations
from stashgen.inventory.findings import not_understood, rebuilt, twice
from stashgen.inventory.foreign import ForeignBackups
from stashgen.inventory.helm_values import (
    chart_mentions,
    kustomization_mentions,
    values_mentions,
)
from stashgen.inventory.kustomize.layers import is_kustomization
from stashgen.inventory.kustomize.outcome import DoubtError, Fate, fate, identity, labels
from stashgen.inventory.kustomize.placements import (
    AS_WRITTEN,
    Placement,
    Placements,
    certain,
)
from stashgen.inventory.mentioned import Mentioned, UndefinedClaims
from stashgen.inventory.mentions import Mention, folder_mentions, mentions
from stashgen.inventory.objects import (
    Object,
    UnknownError,
    checked,
    is_template,
    list_at,
    map_at,
    objects_of,
    text_at,
)
from stashgen.inventory.pod_security_labels import pod_security_label_findings
from stashgen.inventory.volumes import claim_volume, stateful_set_volumes
from stashgen.inventory.workloads import Workloads
from stashgen.model.inventory import (
    Annotations,
    ForeignBackup,
    Inventory,
    UnknownVolume,
    Volume,
    VolumeKey,
)
from stashgen.model.source import Source
from stashgen.policy.project import DEFAULT_OUTPUT
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_CLAIM = "PersistentVolumeClaim"
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _Found(Generic[_Item]):
    item: _Item
    origin: Object


_Labels = Mapping[str, str]


@dataclass(slots=True)
class _Collector:
    """What one cluster's manifests hold.

    Attributes:
        output: The folder that a build writes.
    """

    cluster_id: str
    placements: Placements
    foreign: ForeignBackups
    output: PurePosixPath
    workloads: Workloads = field(default_factory=Workloads)
    claims: dict[VolumeKey, _Found[Volume]] = field(default_factory=dict)
    from_templates: dict[VolumeKey, _Found[Volume]] = field(default_factory=dict)
    namespaces: dict[tuple[str, str], _Found[_Labels]] = field(default_factory=dict)
    annotations: dict[tuple[str, str], Annotations] = field(default_factory=dict)
    mentions: list[Mentioned] = field(default_factory=list)
    deleted: dict[tuple[str, str], Position] = field(default_factory=dict)
    unknown: set[UnknownVolume] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


def collect(source: Source) -> Outcome[Inventory]:
    """The volumes and the Namespaces' labels of all clusters.

    A volume is a PersistentVolumeClaim, or a replica's claim of a StatefulSet's template; a claim
    that has a manifest of its own wins. Kustomizations are followed where what they make of a
    manifest is certain. Findings: what may be a volume and is unknown (warnings; also in
    ``unknown``), an object that occurs twice (error if the two differ), a KubeStash manifest that
    the cluster would refuse (error), one of what is no volume (warning; see ``foreign``).
    """
    unknown = {UnknownVolume(position) for position in source.unreadable}
    volumes: dict[VolumeKey, Volume] = {}
    namespaces: dict[tuple[str, str], _Labels] = {}
    findings: list[Finding] = []
    foreign: list[ForeignBackup] = []
    namespace_annotations: dict[tuple[str, str], Annotations] = {}
    for cluster_id, documents in source.manifests.items():
        collector = _Collector(
            cluster_id,
            Placements(
                documents,
                source.namespaces.get(cluster_id, {}),
                source.records,
                source.unreadable,
            ),
            ForeignBackups(cluster_id),
            PurePosixPath(text_at(map_at(source.project.data, "spec"), "output") or DEFAULT_OUTPUT),
        )
        for document in documents:
            _read(collector, document)
        found = _volumes(collector)
        volumes |= found
        undefined = UndefinedClaims(cluster_id, found.values(), collector.unknown)
        for mention in collector.mentions:
            undefined.add(mention)
        namespaces |= {key: one.item for key, one in collector.namespaces.items()}
        namespace_annotations |= collector.annotations
        unknown |= collector.unknown | {*undefined.unknown.values()}
        findings += collector.findings + undefined.findings
        foreign += collector.foreign.found()
    inventory = Inventory(
        volumes=tuple(volume for _, volume in sorted(volumes.items(), key=lambda item: item[0])),
        namespace_labels=dict(sorted(namespaces.items())),
        unknown=tuple(sorted(unknown)),
        foreign=tuple(foreign),
        namespace_annotations=namespace_annotations,
    )
    # An object may have the same fault in several of the ways that it gets into the cluster.
    findings = [*dict.fromkeys(findings)]
    return Outcome(inventory, tuple(sorted(findings, key=Finding.sort_key)))


def _read(collector: _Collector, document: Document) -> None:
    if is_kustomization(document):
        item = Object(document.data, document, ())
        _mention(collector, item, kustomization_mentions(item), (AS_WRITTEN,))
        return
    ways = certain(collector.placements.of(document.path))
    is_patch = document.path in collector.placements.patches
    for item in objects_of(document):
        try:
            if is_patch or "$patch" in item.data:
                _take_patch(collector, item, ways)
            else:
                _take(collector, item, ways)
        except DoubtError as error:
            collector.findings.append(rebuilt(item, str(error), error.related))
            collector.unknown |= _unknown(collector, item, ways)
        except UnknownError as error:
            collector.findings.append(not_understood(item, str(error)))
            collector.unknown |= _unknown(collector, item, ways)


def _take_patch(collector: _Collector, item: Object, ways: tuple[Placement, ...]) -> None:
    """A patch is no object, but it may mention claims, and delete one."""
    _mention(collector, item, mentions(item), ways)
    # A patch that a kustomization lists is its own; one that the kustomization beside it does not
    # list is applied by nothing.
    is_settled = item.document.path in collector.placements.patches or any(
        placement.doubt for placement in ways
    )
    if item.kind == _CLAIM and item.data.get("$patch") == "delete" and not is_settled:
        collector.deleted[item.namespace or "", item.name] = item.position


def _take(collector: _Collector, item: Object, ways: tuple[Placement, ...]) -> None:
    kind, version = item.data.get("kind"), item.data.get("apiVersion")
    if _is_no_manifest(item):
        # Helm values, a chart's own description, another tool's settings.
        stem = item.document.path.parent.name or item.document.path.stem
        _mention(collector, item, values_mentions(item.data, stem), ways)
        return
    if not isinstance(kind, str) or not isinstance(version, str) or not kind:
        raise UnknownError("its apiVersion or kind is missing")
    if is_template(kind):
        raise UnknownError(f"its kind {quote(kind)} has an unresolved placeholder")
    _mention(collector, item, _all_mentions(collector, item), ways)
    collector.findings += collector.foreign.judge(item.data, item.document, item.path)
    collector.workloads.add(item, ways)
    if version == "v1" and kind == "Namespace":
        _take_namespace(collector, item, ways)
    elif version == "v1" and kind == _CLAIM:
        _add(collector, collector.claims, item, ways)
    elif kind == "StatefulSet" and item.group == "apps":
        _add(collector, collector.from_templates, item, ways)


def _is_no_manifest(item: Object) -> bool:
    data = item.data
    if item.document.path.name == "Chart.yaml" and "kind" not in data:
        return True
    return bool(data) and not {"apiVersion", "kind", "metadata"} & data.keys()


def _all_mentions(collector: _Collector, item: Object) -> Iterator[Mention]:
    yield from mentions(item)
    yield from chart_mentions(item)
    folders = collector.placements.folders_for(item.document.path)
    yield from folder_mentions(item, folders, collector.output)


def _mention(
    collector: _Collector, item: Object, found: Iterable[Mention], ways: tuple[Placement, ...]
) -> None:
    collector.mentions += (
        Mentioned(mention, item, placement) for mention in found for placement in ways
    )


def _take_namespace(collector: _Collector, item: Object, ways: tuple[Placement, ...]) -> None:
    if not isinstance(item.data.get("metadata"), dict):
        raise UnknownError("it has no metadata")
    for placement in ways:
        # A Namespace that no kustomization lists may still be applied: its labels are known.
        if fate(item, replace(placement, doubt="")) is Fate.DELETED:
            continue
        name = checked(identity(item, placement).name or None, "name")
        texts = labels(item, placement)
        key = (collector.cluster_id, name)
        for found in pod_security_label_findings(item, texts):
            if found not in collector.findings:
                collector.findings.append(found)
        written = annotations(item, placement)
        first = collector.annotations.setdefault(key, written)
        known = collector.namespaces.setdefault(key, _Found(texts, item))
        if known.item != texts or _values(first) != _values(written):
            # Folders for different purposes often bring the same Namespace.
            collector.findings.append(twice(item, known.origin, is_same=False))


def _add(
    collector: _Collector,
    into: dict[VolumeKey, _Found[Volume]],
    item: Object,
    ways: tuple[Placement, ...],
) -> None:
    """Add the volumes that a claim or a StatefulSet stands for."""
    if item.kind == "StatefulSet" and not item.spec.get("volumeClaimTemplates"):
        return
    made: list[tuple[Volume, ...]] = []
    for placement in ways:
        if fate(item, placement) is Fate.DELETED:
            continue
        if item.kind == _CLAIM:
            volumes: tuple[Volume, ...] = (claim_volume(collector.cluster_id, item, placement),)
        else:
            volumes = tuple(stateful_set_volumes(collector.cluster_id, item, placement))
        if volumes not in made:
            made.append(volumes)
    if len(made) > 1 and not any(placement.is_deployed for placement in ways):
        tops = sorted({placement.layers[-1].position for placement in ways if placement.layers})
        raise DoubtError(f"{len(made)} kustomizations make different objects of it", *tops)
    for volume in (one for volumes in made for one in volumes):
        found = into.setdefault(volume.key, _Found(volume, item))
        if found.origin is not item:
            is_same = _facts(found.item) == _facts(volume)
            collector.findings.append(twice(item, found.origin, is_same=is_same))


def _facts(volume: Volume) -> tuple[object, ...]:
    asked = (volume.access_modes, volume.block, volume.storage_class, volume.size_bytes)
    return volume.labels, _values(volume.annotations), asked


def _values(annotations: Annotations) -> dict[str, str]:
    return {key: one.value for key, one in annotations.items()}


def _volumes(collector: _Collector) -> dict[VolumeKey, Volume]:
    """The volumes of a cluster, without the claims that a patch may delete."""
    found = {**collector.from_templates, **collector.claims}
    for key, one in list(found.items()):
        for space in (key.namespace, ""):
            patch = collector.deleted.get((space, key.name))
            if patch is not None and one.origin.kind == _CLAIM:
                why = "a patch deletes it, and where the patch is applied is not known"
                collector.findings.append(rebuilt(one.origin, why, (patch,)))
                collector.unknown.add(
                    UnknownVolume(one.item.position, key.cluster_id, key.namespace, key.name)
                )
                found.pop(key, None)
    return {key: collector.workloads.with_workloads(one.item) for key, one in found.items()}


def _unknown(
    collector: _Collector, item: Object, ways: tuple[Placement, ...]
) -> set[UnknownVolume]:
    """What an object that is left out may stand for."""
    if item.kind == "Namespace":
        return set()
    found = set()
    for placement in ways:
        one = identity(item, placement)
        names = [one.name]
        if item.kind == "StatefulSet":
            templates = list_at(item.spec, "volumeClaimTemplates")
            names = [f"{_template_name(part)}-{one.name}-*" for part in templates]
        space = one.namespace or ""
        found |= {UnknownVolume(item.position, collector.cluster_id, space, name) for name in names}
    return found


def _template_name(template: Json) -> str:
    return text_at(map_at(template, "metadata"), "name") if isinstance(template, dict) else ""
