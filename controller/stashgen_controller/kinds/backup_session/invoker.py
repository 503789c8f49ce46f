"""The BackupConfiguration of a BackupSession: as written, what it means, whether it can be done."""

from dataclasses import dataclass
from functools import cached_property

from stashgen.api.backup_configuration import BackupConfiguration, Session, SessionRepository
from stashgen.api.shared import ObjectReference
from stashgen_controller.jobs.refusals import refused_configuration
from stashgen_controller.listers.configurations import resolved_configuration
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.kind import Reader


@dataclass
class Invoker:
    """A session's BackupConfiguration as written, what it means, and whether that can be done."""

    reader: Reader
    written: BackupConfiguration | None
    session_name: str

    @cached_property
    def configuration(self) -> BackupConfiguration | None:
        """What it means: with the defaults that apply."""
        written = self.written
        return resolved_configuration(self.reader, written) if written is not None else None

    @cached_property
    def session(self) -> Session | None:
        """Its session of this name."""
        configuration = self.configuration
        return configuration.session(self.session_name) if configuration is not None else None

    @cached_property
    def refusal(self) -> Reason | None:
        """Why nothing may begin for it."""
        written = self.written
        return refused_configuration(self.reader, written) if written is not None else None

    @cached_property
    def repositories(self) -> dict[str, SessionRepository]:
        """The repositories of that session, by name."""
        listed = self.session.repositories if self.session is not None else None
        return {item.name or "": item for item in listed or ()}

    def retention_of(self, repository: str) -> ObjectReference | None:
        """The RetentionPolicy that applies to a repository."""
        listed = self.repositories.get(repository)
        if self.configuration is None or listed is None:
            return None
        backend = self.configuration.backend(listed.backend)
        return backend.retention_policy if backend is not None else None
