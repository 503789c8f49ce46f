"""Whether a volume is what selectors match: yes, no, or not to be told from the inventory."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import lru_cache

from stashgen.kubestash.quantities import quantity
from stashgen.kubestash.validation.usage_policies import matches as has_labels
from stashgen.model.inventory import Inventory, Volume, Workload
from stashgen.policy.project import Cluster, Project
from stashgen.policy.selectors import Match, Selector, Size, VolumeSelector, WorkloadSelector

__all__ = ["Answer", "Facts", "has_labels", "has_name"]

_PATTERNS = 20_000


class Answer(Enum):
    """Whether a volume matches."""

    YES = "yes"
    NO = "no"
    # The inventory does not have what the selector asks for.
    UNKNOWN = "unknown"


_ANSWERS = {True: Answer.YES, False: Answer.NO}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the clusters and namespaces that the volumes are in."""

    clusters: Mapping[str, Cluster]
    namespace_labels: Mapping[tuple[str, str], Mapping[str, str]]

    @classmethod
    def of(cls, project: Project, inventory: Inventory) -> "Facts":
        """Those of a project and its inventories."""
        clusters = {cluster.id: cluster for cluster in project.spec.clusters}
        return cls(clusters, inventory.namespace_labels)

    def matches(self, match: Match, volume: Volume) -> Answer:
        """Whether all given selectors match a volume."""
        answers = {answer for _, answer in self.answers(match, volume)}
        if Answer.NO in answers:
            return Answer.NO
        return Answer.UNKNOWN if Answer.UNKNOWN in answers else Answer.YES

    def excludes(self, match: Match, volume: Volume) -> Answer:
        """Whether a volume is left out: one whose size or class is not known is not."""
        answers = dict(self.answers(match, volume))
        if Answer.NO in answers.values() or answers["volumes"] is Answer.UNKNOWN:
            return Answer.NO
        return Answer.UNKNOWN if Answer.UNKNOWN in answers.values() else Answer.YES

    def answers(self, match: Match, volume: Volume) -> Iterator[tuple[str, Answer]]:
        """What each selector says of a volume, by its name as people write it."""
        yield "clusters", self.of_cluster(match.clusters, volume.key.cluster_id)
        yield "namespaces", self.of_namespace(match.namespaces, volume)
        yield "volumes", of_volume(match.volumes, volume)
        yield "workloads", of_workloads(match.workloads, volume)

    def of_cluster(self, selector: Selector | None, cluster_id: str) -> Answer:
        """Whether a selector matches a cluster, of which everything is known."""
        cluster = self.clusters.get(cluster_id)
        return _ANSWERS[selector is None or (cluster is not None and selects(selector, cluster))]

    def of_namespace(self, selector: Selector | None, volume: Volume) -> Answer:
        """Whether a selector matches a volume's namespace."""
        key = (volume.key.cluster_id, volume.key.namespace)
        if selector is None or not needs_labels(selector):
            return _ANSWERS[selector is None or has_name(selector, key[1])]
        if not has_name(selector, key[1]):
            return Answer.NO
        labels = self.namespace_labels.get(key)
        return Answer.UNKNOWN if labels is None else _ANSWERS[has_labels(selector, labels)]


def of_volume(selector: VolumeSelector | None, volume: Volume) -> Answer:
    """Whether a selector matches what a claim says."""
    if selector is None:
        return Answer.YES
    if not (
        has_volume_name(selector, volume)
        and has_labels(selector, volume.labels)
        and has_access_mode(selector, volume)
    ):
        return Answer.NO
    answers = {has_class(selector, volume), has_size(selector.size, volume)}
    return next(one for one in (Answer.NO, Answer.UNKNOWN, Answer.YES) if one in answers)


def of_workloads(selector: WorkloadSelector | None, volume: Volume) -> Answer:
    """Whether a selector matches something that mounts a volume."""
    if selector is None or not selector.model_fields_set:
        return Answer.YES
    answers = {_of_workload(selector, workload) for workload in volume.workloads}
    if not answers:
        return Answer.UNKNOWN
    return next(one for one in (Answer.YES, Answer.UNKNOWN, Answer.NO) if one in answers)


def _of_workload(selector: WorkloadSelector, workload: Workload) -> Answer:
    is_kind = selector.kinds is None or workload.kind in selector.kinds
    if not is_kind or not has_name(selector, workload.name):
        return Answer.NO
    if not needs_labels(selector):
        return Answer.YES
    if workload.labels is None:
        return Answer.UNKNOWN
    return _ANSWERS[has_labels(selector, workload.labels)]


def selects(selector: Selector, cluster: Cluster) -> bool:
    """Whether a selector matches a cluster."""
    return has_name(selector, cluster.name) and has_labels(selector, cluster.labels or {})


def needs_labels(selector: Selector) -> bool:
    """Whether a selector asks for labels."""
    return bool(selector.match_labels or selector.match_expressions)


def has_name(selector: Selector, name: str) -> bool:
    """Whether a selector's patterns, if it has any, allow a name."""
    patterns = selector.names
    return patterns is None or any(fits(pattern, name) for pattern in patterns)


def has_volume_name(selector: VolumeSelector, volume: Volume) -> bool:
    """The same of a claim: a pattern with a slash is about its namespace, too."""
    if selector.names is None:
        return True
    for pattern in selector.names:
        space, slash, name = pattern.rpartition("/")
        if fits(name, volume.key.name) and (not slash or fits(space, volume.key.namespace)):
            return True
    return False


def has_access_mode(selector: VolumeSelector, volume: Volume) -> bool:
    """Whether a claim has one of the access modes, if there are any."""
    modes = selector.access_modes
    return modes is None or not {*modes}.isdisjoint(volume.access_modes)


def has_class(selector: VolumeSelector, volume: Volume) -> Answer:
    """Whether a claim names one of the storage classes; not known where it names none."""
    if selector.storage_classes is None:
        return Answer.YES
    if volume.storage_class is None:
        return Answer.UNKNOWN
    name = volume.storage_class
    return _ANSWERS[any(fits(pattern, name) for pattern in selector.storage_classes)]


def has_size(size: Size | None, volume: Volume) -> Answer:
    """Whether a claim requests a size within the bounds."""
    if size is None or (size.at_least is None and size.at_most is None):
        return Answer.YES
    if volume.size_bytes is None:
        return Answer.UNKNOWN
    is_large = size.at_least is None or volume.size_bytes >= quantity(size.at_least)
    return _ANSWERS[
        is_large and (size.at_most is None or volume.size_bytes <= quantity(size.at_most))
    ]


def fits(pattern: str, name: str) -> bool:
    """Whether a name matches a shell pattern, with regard to case."""
    return _compiled(pattern).match(name) is not None


@lru_cache(maxsize=_PATTERNS)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
