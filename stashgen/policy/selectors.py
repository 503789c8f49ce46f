"""Which volumes a policy, an exception or an exclusion is about."""

from typing import Literal

from stashgen.api.base import Model
from stashgen.api.shared import LabelSelector, LabelSelectorRequirement


class LabelRequirement(LabelSelectorRequirement):
    """One expression about a label (Kubernetes, "Labels and Selectors")."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]


class Selector(LabelSelector):
    """Selects objects by name (shell patterns) and by label; an omitted part matches all."""

    names: tuple[str, ...] | None = None
    match_expressions: tuple[LabelRequirement, ...] | None = None


class WorkloadSelector(Selector):
    """Volumes that such a workload mounts; ``kinds`` are Kubernetes' (``StatefulSet``)."""

    kinds: tuple[str, ...] | None = None


class Size(Model):
    """Bounds of the size that a claim requests; each is included."""

    at_least: str | None = None
    at_most: str | None = None


AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class VolumeSelector(Selector):
    """Volumes by what their claims say.

    Attributes:
        names: Patterns of a claim's name, or of ``<namespace>/<claim>``.
        storage_classes: Patterns of the class that the claim names.
        access_modes: It has one of them.
    """

    storage_classes: tuple[str, ...] | None = None
    access_modes: tuple[AccessMode, ...] | None = None
    size: Size | None = None


class Match(Model):
    """Volumes that all given selectors match."""

    clusters: Selector | None = None
    namespaces: Selector | None = None
    workloads: WorkloadSelector | None = None
    volumes: VolumeSelector | None = None


class SelectedVolumes(VolumeSelector):
    """The volumes of a policy by what their claims say; what ``exclude`` selects is left out."""

    exclude: VolumeSelector | None = None


class Select(Match):
    """The volumes of a policy: those that match, without those that an entry excludes."""

    volumes: SelectedVolumes | None = None
    exclude: tuple[Match, ...] = ()

    @property
    def exclusions(self) -> tuple[tuple[tuple[str | int, ...], Match], ...]:
        """What is left out, each with its path below ``select``."""
        entries = [(("exclude", number), match) for number, match in enumerate(self.exclude)]
        if self.volumes is None or self.volumes.exclude is None:
            return tuple(entries)
        return (*entries, (("volumes", "exclude"), Match(volumes=self.volumes.exclude)))
