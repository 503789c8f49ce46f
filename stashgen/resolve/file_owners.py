"""Whether the Jobs that write to a storage on a volume can write to each other's folders."""

from collections.abc import Iterable, Iterator

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.resolved import Protection, ResolvedStorage
from stashgen.resolve.findings import Code, finding

_MOST_SHOWN = 5


def other_users(protections: Iterable[Protection]) -> Iterator[Finding]:
    """A warning for each storage on a volume that Jobs of a policy write to as another user.

    Files of one user cannot be changed by another (Linux, path_resolution(7)), nor by root without
    its capabilities. A common group is assumed to be deliberate, and a bucket has no users.
    """
    others: dict[tuple[str, str], tuple[ResolvedStorage, list[Protection]]] = {}
    for protection in protections:
        user, group = protection.job.value.ids
        for storage in _storages(protection):
            theirs = storage.job.value.ids
            if not storage.backend.bucket and theirs[0] != user and theirs[1] != group:
                about = (storage.name, protection.policy)
                others.setdefault(about, (storage, []))[1].append(protection)
    for storage, found in others.values():
        yield _finding(storage, found)


def _storages(protection: Protection) -> Iterable[ResolvedStorage]:
    found = {
        copy.storage.key: copy.storage for session in protection.sessions for copy in session.copies
    }
    return found.values()


def _finding(storage: ResolvedStorage, found: list[Protection]) -> Finding:
    users = sorted({protection.job.value.ids[0] for protection in found})
    shown = ", ".join(map(str, users[:_MOST_SHOWN])) + (" and more" if users[_MOST_SHOWN:] else "")
    first = found[0]
    return finding(
        Code.OTHER_USER,
        storage.job.origin("runAs", "user"),
        f"storage {quote(storage.name)} is initialised by user {storage.job.value.ids[0]}, but "
        f"policy {quote(first.policy)} writes to it as user {shown}",
        why="on a volume neither user can write to the other's folders: the first initialisation "
        "of a repository fails (permission denied) unless the volume lets everyone write",
        fix="set the same job.runAs for both, or a common group that may write there; a bucket "
        "has no users",
        related=(first.job.origin("runAs", "user").position,),
        severity=Severity.WARNING,
    )
