"""Find the objects that a name on the command line refers to."""

import difflib
from dataclasses import dataclass

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.repository import Repository
from stashgen.diagnostics import UsageError, quote
from stashgen_controller.runtime.kind import Reader

_MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """What is backed up.

    Attributes:
        namespace: The namespace of all these objects.
        claim: The PersistentVolumeClaim.
        configuration: None if only its Repositories are left, for example after a loss.
        repositories: Where its backups are, in the configuration's order.
    """

    namespace: str
    claim: str
    configuration: BackupConfiguration | None
    repositories: tuple[Repository, ...]

    @property
    def name(self) -> str:
        """Its name for the user: the configuration's, else the claim's."""
        return self.configuration.metadata.name if self.configuration is not None else self.claim


def find(reader: Reader, name: str) -> Subject:
    """The subject with a name: that of a BackupConfiguration, of a claim or of a Repository.

    A configuration's name that is also the claim of another one is ambiguous: a wrong guess could
    make a restore overwrite the wrong volume.

    Raises:
        UsageError: nothing or more than one subject has this name; the message lists what exists.
    """
    found = list(subjects(reader))
    exact = [item for item in found if item.configuration is not None and item.name == name]
    claims = [item for item in found if item.claim == name]
    if any(item.claim != name for item in exact):
        exact += [item for item in claims if item not in exact]
    matching = (
        exact
        or claims
        or [
            item
            for item in found
            if any(repository.metadata.name == name for repository in item.repositories)
        ]
    )
    if not matching:
        known = sorted({item.name for item in found} | {item.claim for item in found})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else _what_there_is(known)
        raise UsageError(f"no BackupConfiguration or backed-up volume is named {quote(name)}{hint}")
    if len(matching) > 1:
        places = ", ".join(
            sorted(f"{item.namespace}/{item.name} (volume {item.claim})" for item in matching)
        )
        raise UsageError(
            f"{quote(name)} is ambiguous: {places}; use the name of a BackupConfiguration or "
            "Repository that only one of them has, and --namespace"
        )
    return matching[0]


def _what_there_is(known: list[str]) -> str:
    if not known:
        return "; nothing is backed up here (use -n for another namespace)"
    more = " and more" if len(known) > _MOST_NAMES else ""
    return f"; known names: {', '.join(known[:_MOST_NAMES])}{more}"


def subjects(reader: Reader) -> list[Subject]:
    """Everything that is or was backed up.

    A Repository that no session writes to any more still has restore points: it belongs to the
    first configuration of its volume, or stands for the volume if there is none.
    """
    repositories = reader.items(Repository)
    configurations = reader.items(BackupConfiguration)
    by_key = {item.key: item for item in repositories}
    used = {
        (item.metadata.namespace or "", name)
        for item in configurations
        for name in item.repository_names
    }
    left: dict[tuple[str, str], list[Repository]] = {}
    for repository in repositories:
        app = repository.spec.app_ref
        if repository.key not in used and app is not None:
            left.setdefault((repository.metadata.namespace or "", app.name), []).append(repository)
    found = []
    for configuration in configurations:
        namespace = configuration.metadata.namespace or ""
        target = configuration.spec.target
        claim = target.name if target is not None else ""
        keys = [(namespace, name) for name in configuration.repository_names]
        mine = [by_key[key] for key in keys if key in by_key]
        mine += left.pop((namespace, claim), [])
        found.append(Subject(namespace, claim, configuration, tuple(mine)))
    found += [
        Subject(namespace, claim, None, tuple(items)) for (namespace, claim), items in left.items()
    ]
    return found


def session_of(configuration: BackupConfiguration, name: str | None) -> Session:
    """The session with a name; without a name the only session.

    Raises:
        UsageError: there is no such session, or a name is required; the message lists them.
    """
    sessions = configuration.spec.sessions
    known = ", ".join(item.name or "" for item in sessions)
    where = f"BackupConfiguration {configuration.metadata.name}"
    if name is None:
        if len(sessions) == 1:
            return sessions[0]
        raise UsageError(f"{where} has the sessions {known}; choose one with --session")
    session = configuration.session(name)
    if session is None:
        raise UsageError(f"{where} has no session {quote(name)}; it has {known}")
    return session
