"""From what a person types to the objects that are meant."""

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
        namespace: Of everything here.
        claim: The PersistentVolumeClaim.
        configuration: None where only its Repositories are left, after a loss for example.
        repositories: Where its backups are, in the configuration's order.
    """

    namespace: str
    claim: str
    configuration: BackupConfiguration | None
    repositories: tuple[Repository, ...]

    @property
    def name(self) -> str:
        """What to call it: the configuration's name, else the claim's."""
        return self.configuration.metadata.name if self.configuration is not None else self.claim


def find(reader: Reader, name: str) -> Subject:
    """The subject of a name: a BackupConfiguration's, a claim's or a Repository's.

    A configuration's name that is another one's claim is not guessed: a restore would overwrite the
    wrong volume.

    Raises:
        UsageError: nothing or more than one thing has this name; says what there is.
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
        raise UsageError(
            f"no BackupConfiguration and no backed-up volume is named {quote(name)}{hint}"
        )
    if len(matching) > 1:
        places = ", ".join(
            sorted(f"{item.namespace}/{item.name} (volume {item.claim})" for item in matching)
        )
        raise UsageError(
            f"{quote(name)} may be any of {places}: choose by the name of a BackupConfiguration or "
            "Repository that only one has, and --namespace"
        )
    return matching[0]


def _what_there_is(known: list[str]) -> str:
    if not known:
        return "; nothing is backed up here (another namespace is chosen with -n)"
    more = " and more" if len(known) > _MOST_NAMES else ""
    return f"; there are {', '.join(known[:_MOST_NAMES])}{more}"


def subjects(reader: Reader) -> list[Subject]:
    """Everything that is backed up, and what is left of what was.

    A Repository that no session writes to any more still has restore points: it belongs to the
    first configuration of its volume, and where there is none it stands for the volume.
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
    """The session of a name; without one the only session.

    Raises:
        UsageError: there is no such session, or a name is needed; says which there are.
    """
    sessions = configuration.spec.sessions
    known = ", ".join(item.name or "" for item in sessions)
    where = f"BackupConfiguration {configuration.metadata.name}"
    if name is None:
        if len(sessions) == 1:
            return sessions[0]
        raise UsageError(f"{where} has the sessions {known}: choose one with --session")
    session = configuration.session(name)
    if session is None:
        raise UsageError(f"{where} has no session {quote(name)}; it has {known}")
    return session
