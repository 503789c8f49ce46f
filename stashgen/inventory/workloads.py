"""Which workloads mount the volumes, who they run as, and how their pods are labelled."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from stashgen.inventory.container_users import container_users, pod_group
from stashgen.inventory.kustomize.outcome import identity, labels, patches
from stashgen.inventory.kustomize.patches import Patch
from stashgen.inventory.kustomize.placements import Placement
from stashgen.inventory.objects import Object, Path, UnknownError, list_at, map_at, text_at
from stashgen.inventory.volumes import ordinals
from stashgen.model.inventory import Volume, Workload
from stashgen.yaml.nodes import Json

# Kubernetes gives it to each pod of a StatefulSet ("StatefulSet", pod name label).
_POD_NAME = "statefulset.kubernetes.io/pod-name"
_REPLICA = re.compile(r"(.+)-(0|[1-9][0-9]{0,9})", re.ASCII)
# Their pods end.
_SHORT_LIVED = frozenset({"CronJob", "Job"})
_POD = ("spec", "template")
_POD_PATHS: Mapping[str, Path] = {"Pod": (), "CronJob": ("spec", "jobTemplate", *_POD)}


@dataclass(frozen=True, slots=True)
class _Pods:
    """The pods of a workload: the map with their metadata and spec, and its place."""

    item: Object
    placement: Placement
    data: Mapping[str, Json]
    path: Path

    @property
    def spec(self) -> Mapping[str, Json]:
        """The PodSpec."""
        return map_at(self.data, "spec")


@dataclass(frozen=True, slots=True)
class _Replicas:
    """Claims of a StatefulSet's template: one for each replica, running or scaled down."""

    workload: Workload
    numbers: range

    def of(self, number: int) -> Workload:
        """The workload as the claim of one replica knows it."""
        pod = {_POD_NAME: f"{self.workload.name}-{number}"}
        known = self.workload.pod_labels
        return replace(
            self.workload,
            pod_labels=None if known is None else {**known, **pod},
            is_running=self.workload.is_running and number in self.numbers,
        )


@dataclass(slots=True)
class Workloads:
    """The workloads of one cluster, by the namespace and name of the claims that they mount."""

    _by_claim: dict[tuple[str, str], list[Workload]] = field(default_factory=dict)
    _by_template: dict[tuple[str, str], list[_Replicas]] = field(default_factory=dict)

    def add(self, item: Object, ways: tuple[Placement, ...]) -> None:
        """Take what an object mounts; nothing happens if it has no pods.

        Pods of another workload (with an owner) are passed over. So is what may not be in the
        cluster: an inventory that only may hold a workload does not know it.
        """
        path = _POD_PATHS.get(item.kind, _POD)
        data = map_at(item.data, *(str(key) for key in path))
        mounts = map_at(data, "spec") or list_at(item.spec, "volumeClaimTemplates")
        if not mounts or list_at(map_at(item.data, "metadata"), "ownerReferences"):
            return
        for placement in ways:
            if placement.doubt:
                continue
            try:
                self._add(_Pods(item, placement, data, path))
            except UnknownError:
                # A StatefulSet that is not understood has its own finding.
                continue

    def with_workloads(self, volume: Volume) -> Volume:
        """The volume with what mounts it."""
        key = volume.key
        found = list(self._by_claim.get((key.namespace, key.name), ()))
        replica = _REPLICA.fullmatch(key.name)
        if replica is not None:
            known = self._by_template.get((key.namespace, replica[1]), ())
            found += (one.of(int(replica[2])) for one in known)
        if not found:
            return volume
        unique = {(one.kind, one.name): one for one in reversed(found)}
        return replace(volume, workloads=tuple(one for _, one in sorted(unique.items())))

    def _add(self, pods: _Pods) -> None:
        found = identity(pods.item, pods.placement)
        if not found.namespace or any(patch.deletes for patch in _patches(pods)):
            return
        for volume in list_at(pods.spec, "volumes"):
            claim = map_at(volume, "persistentVolumeClaim") if isinstance(volume, dict) else {}
            written = text_at(claim, "claimName")
            if written and isinstance(volume, dict):
                # kustomize changes the reference together with the claim's name.
                names = identity(pods.item, pods.placement, written)
                workload = _workload(pods, text_at(volume, "name"))
                for name in {names.name, names.original}:
                    self._by_claim.setdefault((found.namespace, name), []).append(workload)
        for template in list_at(pods.item.spec, "volumeClaimTemplates"):
            metadata = map_at(template, "metadata") if isinstance(template, dict) else {}
            prefix = text_at(metadata, "name")
            if prefix:
                numbers = ordinals(pods.item, pods.placement, found.name)
                one = _Replicas(_workload(pods, prefix), numbers)
                key = (found.namespace, f"{prefix}-{found.name}")
                self._by_template.setdefault(key, []).append(one)


def _workload(pods: _Pods, volume: str) -> Workload:
    """The workload as one volume of its pods knows it."""
    item, placement = pods.item, pods.placement
    patch = next((one for one in _patches(pods) if one.changes_users), None)
    users = container_users(item, pods.spec, (*pods.path, "spec"), volume)
    return Workload(
        kind=item.kind,
        name=identity(item, placement).name,
        labels=_known_labels(item, placement, None),
        pod_labels=_pod_labels(pods),
        users=users if patch is None else (),
        fs_group=pod_group(pods.spec) if patch is None else None,
        is_running=item.kind not in _SHORT_LIVED and _replicas(pods) != 0,
        position=item.position,
        doubt="" if patch is None else f"a patch may change them: {patch.position}",
    )


def _patches(pods: _Pods) -> Iterator[Patch]:
    """The patches that may touch the workload."""
    return (patch for _, patch in patches(pods.item, pods.placement))


def _replicas(pods: _Pods) -> Json:
    """How many pods it has, as far as that is written."""
    number: Json = pods.item.spec.get("replicas")
    for patch in _patches(pods):
        number = number if patch.replicas is None else patch.replicas
    name = identity(pods.item, pods.placement).name
    for layer in pods.placement.layers:
        counts = layer.replicas or {}
        number = counts.get(pods.item.name, counts.get(name, number))
    return number


def _pod_labels(pods: _Pods) -> Mapping[str, str] | None:
    """The labels by which the workload finds its pods, or else all that they have."""
    selected = map_at(pods.item.spec, "selector", "matchLabels")
    written = selected or map_at(pods.data, "metadata", "labels")
    known = _known_labels(pods.item, pods.placement, {"metadata": {"labels": {**written}}})
    return known or None


def _known_labels(item: Object, placement: Placement, data: Json) -> Mapping[str, str] | None:
    try:
        return labels(item, placement, data)
    except UnknownError:
        return None
