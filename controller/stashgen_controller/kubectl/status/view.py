"""The objects that a command needs, read once and indexed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import parse_time
from stashgen.api.meta import Kind
from stashgen.api.repository import Repository
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.snapshot import Snapshot
from stashgen_controller.kubectl.status.advice import Place
from stashgen_controller.observability.coverage import ClaimCoverage, coverage
from stashgen_controller.observability.freshness import CopyState, copy_states
from stashgen_controller.observability.outcomes import SessionKey, created, session_key
from stashgen_controller.runtime.scanned import ScannedReader


def next_tick(configuration: BackupConfiguration, session: str) -> datetime | None:
    """When a session comes next; None if its status does not say so."""
    sessions = configuration.status.sessions if configuration.status is not None else None
    text = next((one.next_schedule for one in sessions or () if one.name == session), None)
    try:
        return parse_time(text) if text else None
    except ValueError:
        return None


@dataclass
class View:
    """The objects, read once."""

    reader: ScannedReader
    now: datetime
    configurations: Sequence[BackupConfiguration] = field(init=False)
    sessions: Sequence[BackupSession] = field(init=False)
    snapshots: Sequence[Snapshot] = field(init=False)
    repositories: Sequence[Repository] = field(init=False)
    storages: Sequence[BackupStorage] = field(init=False)
    restores: Sequence[RestoreSession] = field(init=False)
    requests: Sequence[RestoreRequest] = field(init=False)

    def __post_init__(self) -> None:
        self.configurations = self.reader.items(BackupConfiguration)
        self.sessions = self.reader.items(BackupSession)
        self.snapshots = self.reader.items(Snapshot)
        self.repositories = self.reader.items(Repository)
        self.storages = self.reader.items(BackupStorage)
        self.restores = self.reader.items(RestoreSession)
        self.requests = self.reader.items(RestoreRequest)

    @property
    def read(self) -> Mapping[type[Kind], Sequence[Kind]]:
        """What could be read of each kind."""
        return {
            BackupStorage: self.storages,
            Repository: self.repositories,
            BackupConfiguration: self.configurations,
            BackupSession: self.sessions,
            Snapshot: self.snapshots,
            RestoreSession: self.restores,
            RestoreRequest: self.requests,
        }

    @cached_property
    def runs(self) -> dict[SessionKey, list[BackupSession]]:
        """The runs of each session, newest first."""
        found: dict[SessionKey, list[BackupSession]] = {}
        for item in sorted(self.sessions, key=created, reverse=True):
            found.setdefault(session_key(item), []).append(item)
        return found

    @cached_property
    def by_key(self) -> dict[tuple[str, str], BackupConfiguration]:
        """The configurations by namespace and name."""
        return {item.key: item for item in self.configurations}

    @cached_property
    def copies(self) -> list[CopyState]:
        """Every copy of every session."""
        return list(copy_states(self.reader, self.configurations, self.now))

    def target(self, copy: CopyState) -> str:
        """The claim that a copy is of."""
        found = self.by_key.get((copy.namespace, copy.configuration))
        target = found.spec.target if found is not None else None
        return target.name if target is not None else ""

    def is_target(self, configuration: BackupConfiguration, volume: tuple[str, str]) -> bool:
        """Whether a configuration is of a volume: a namespace and a claim."""
        target = configuration.spec.target
        name = target.name if target is not None else ""
        return (configuration.metadata.namespace or "", name) == volume

    @cached_property
    def claims(self) -> list[ClaimCoverage]:
        """Every claim."""
        today = self.now.astimezone(UTC).date()
        return coverage(self.reader, self.configurations, self.storages, today)

    @cached_property
    def _repositories(self) -> dict[tuple[str, str], Repository]:
        return {item.key: item for item in self.repositories}

    @cached_property
    def _owners(self) -> dict[tuple[str, str], str]:
        """The first BackupConfiguration that writes to each Repository."""
        found: dict[tuple[str, str], str] = {}
        for item in self.configurations:
            for name in item.repository_names:
                found.setdefault((item.metadata.namespace or "", name), item.metadata.name)
        return found

    def place(self, namespace: str, name: str, repository: str = "") -> Place:
        """The names that the next command may need."""
        found = self._repositories.get((namespace, repository))
        storage = found.spec.storage_ref if found is not None else None
        secret = found.spec.encryption_secret if found is not None else None
        return Place(
            namespace,
            name,
            repository,
            storage.name if storage is not None else "",
            secret.name if secret is not None else "",
        )

    def owner(self, repository: tuple[str, str]) -> str:
        """A BackupConfiguration that writes to a Repository; empty if none does."""
        return self._owners.get(repository, "")
