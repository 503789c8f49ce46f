"""One side of a comparison: what a project decided at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from stashgen.diagnostics import Position
from stashgen.model.coverage import LeftOut
from stashgen.model.history import History, RetiredHistory
from stashgen.model.inventory import UnknownVolume, Volume, VolumeKey
from stashgen.model.manifest import FileTree
from stashgen.model.resolved import Protection
from stashgen.model.source import Authored, Origin
from stashgen.pipeline import Decisions
from stashgen.policy.storage import Storage
from stashgen.resolve.achieved import why_nothing_runs
from stashgen.resolve.near_miss import NearMiss, NearMisses


@dataclass(frozen=True)
class State:
    """A project as one revision or folder has it.

    Attributes:
        name: ``main``, a folder, ``the working tree``.
        prefix: What stands before the project's paths where people read them.
        decisions: None if there is no project.
        files: The output by path below the output folder.
    """

    name: str
    prefix: PurePosixPath
    decisions: Decisions | None = None
    files: FileTree = field(default_factory=dict)

    @cached_property
    def protections(self) -> Mapping[VolumeKey, Protection]:
        """The protected volumes."""
        if self.decisions is None:
            return {}
        return {one.volume.key: one for one in self.decisions.resolved.protections}

    @property
    def running(self) -> int:
        """How many volumes have backups that run."""
        return sum(why_nothing_runs(one) is None for one in self.protections.values())

    @cached_property
    def volumes(self) -> Mapping[VolumeKey, Volume]:
        """The inventory."""
        if self.decisions is None:
            return {}
        return {one.key: one for one in self.decisions.inventory.volumes}

    @cached_property
    def unprotected(self) -> frozenset[VolumeKey]:
        """Volumes of the inventory that no policy selects."""
        return frozenset(self.decisions.resolved.unprotected if self.decisions is not None else ())

    @property
    def excluded(self) -> Mapping[VolumeKey, LeftOut]:
        """Volumes that are left out on purpose."""
        return self.decisions.resolved.excluded if self.decisions is not None else {}

    @property
    def retired(self) -> tuple[RetiredHistory, ...]:
        """Histories that are kept until a date."""
        return self.decisions.resolved.retired if self.decisions is not None else ()

    @property
    def clusters(self) -> Mapping[str, str]:
        """The clusters' names by id."""
        if self.decisions is None:
            return {}
        return {one.id: one.name for one in self.decisions.resolved.project.spec.clusters}

    def at_cluster(self, cluster_id: str, field: str) -> Origin | None:
        """Where the project says something of one of its clusters; None if it does not have it."""
        if self.decisions is None or cluster_id not in self.clusters:
            return None
        index = [*self.clusters].index(cluster_id)
        return self.decisions.policies.project.at("spec", "clusters", index, field)

    @cached_property
    def unknown(self) -> frozenset[VolumeKey]:
        """Volumes that something uses, and that the inventory does not define."""
        return frozenset(
            VolumeKey(one.cluster_id, one.namespace, one.name) for one in self.unknown_volumes
        )

    @property
    def unknown_volumes(self) -> tuple[UnknownVolume, ...]:
        """What may be volumes: also those without a name, in files that cannot be read."""
        return self.decisions.inventory.unknown if self.decisions is not None else ()

    @property
    def storages(self) -> Mapping[str, Authored[Storage]]:
        """What people wrote of storages, by name."""
        return self.decisions.policies.storages if self.decisions is not None else {}

    @cached_property
    def retired_until(self) -> Mapping[VolumeKey, Mapping[str, str]]:
        """The last day of each retired history, by volume and Repository."""
        found: dict[VolumeKey, dict[str, str]] = {}
        for one in self.retired:
            by_repository = found.setdefault(one.history.volume, {})
            by_repository[one.history.repository] = one.until.isoformat()
        return found

    def at_retired(self, history: History) -> Origin | None:
        """The entry that retires a history, which is that for its Repository if there is one."""
        if self.decisions is None:
            return None
        key, project = history.volume, self.decisions.policies.project
        found: dict[str | None, Origin] = {
            entry.repository: project.at("spec", "retired", index)
            for index, entry in enumerate(project.value.spec.retired)
            if (entry.cluster, entry.volume) == (key.cluster_id, f"{key.namespace}/{key.name}")
        }
        return found.get(history.repository, found.get(None))

    def limited_to(self, namespaces: frozenset[str]) -> "State":
        """Only what is in some namespaces of all clusters."""
        if self.decisions is None:
            return self
        resolved = self.decisions.resolved
        limited = replace(
            resolved,
            protections=tuple(
                one for one in resolved.protections if one.volume.key.namespace in namespaces
            ),
            retired=tuple(
                one for one in resolved.retired if one.history.volume.namespace in namespaces
            ),
            unprotected={
                key: left
                for key, left in resolved.unprotected.items()
                if key.namespace in namespaces
            },
            excluded={
                key: left for key, left in resolved.excluded.items() if key.namespace in namespaces
            },
        )
        # What names no namespace may be in one of these.
        unknown = tuple(one for one in self.unknown_volumes if one.namespace in {*namespaces, ""})
        inventory = replace(self.decisions.inventory, unknown=unknown)
        files = {
            path: content for path, content in self.files.items() if path.parent.name in namespaces
        }
        return replace(
            self,
            decisions=replace(self.decisions, resolved=limited, inventory=inventory),
            files=files,
        )

    def near_miss(self, key: VolumeKey) -> NearMiss | None:
        """Why no policy selects a volume of the inventory: the one that comes closest."""
        return self._near_misses.of(self.volumes[key]) if self._near_misses is not None else None

    @cached_property
    def _near_misses(self) -> NearMisses | None:
        if self.decisions is None:
            return None
        return NearMisses(self.decisions.policies, self.decisions.inventory)

    def shown(self, position: Position) -> Position:
        """A place in one of the project's files, as the reader finds it."""
        return replace(position, path=self.prefix / position.path)
