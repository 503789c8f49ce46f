"""Histories of a volume that a change leaves behind, while new ones begin without a restore point.

A history is a restic repository, at ``<directory>/repository/v1/<session>/<component>``
(KubeStash's path), opened with one key, and the Snapshots of its Repository. A change of any of
these begins a new one; a storage's name is part of the Repository's.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession, ResolvedStorage
from stashgen.plan.causes import Causes
from stashgen.plan.plan import Cause, Ended, Replaced
from stashgen.policy.shared import Encryption

# Only the name of the Repository differs: restic's is at the same place.
REPOSITORY = "Repository"


@dataclass(frozen=True, slots=True)
class Written:
    """A copy of a session: one history that is written to."""

    session: ResolvedSession
    copy: ResolvedCopy

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for the same Repository with the same key, at the same place."""
        return (*self.place, self.copy.repository, key_text(self.copy.encryption.value))

    @property
    def place(self) -> tuple[object, ...]:
        """Equal for the same restic repository."""
        return (self.copy.storage.place(self.copy.directory), self.session.name)


Pair = tuple[Written | None, Written | None]


def written_by(protection: Protection) -> dict[tuple[object, ...], Written]:
    """The histories of a volume by identity."""
    return {
        one.identity: one
        for session in protection.sessions
        for copy in session.copies
        for one in (Written(session, copy),)
    }


def key_text(encryption: Encryption) -> str:
    """What decides the key: the Secret's name, and what brings it."""
    return json.dumps(encryption.model_dump(mode="json", by_alias=True), sort_keys=True)


def pairs(before: Protection, after: Protection) -> Iterator[Pair]:
    """Each old history with the one that continues or replaces it, best matches first.

    None stands for a history that only ends, or only begins.
    """
    old, new = written_by(before), written_by(after)
    for identity in [one for one in old if one in new]:
        yield old.pop(identity), new.pop(identity)
    for fits in (_same_place, _same_names, _same_storage, _same_session):
        for identity, one in [*old.items()]:
            found = next((key for key, other in new.items() if fits(one, other)), None)
            if found is not None:
                yield old.pop(identity), new.pop(found)
    yield from ((one, None) for one in old.values())
    yield from ((None, one) for one in new.values())


def _same_place(one: Written, other: Written) -> bool:
    return one.place == other.place


def _same_names(one: Written, other: Written) -> bool:
    return _same_storage(one, other) and _same_session(one, other)


def _same_storage(one: Written, other: Written) -> bool:
    return one.copy.storage.name == other.copy.storage.name


def _same_session(one: Written, other: Written) -> bool:
    return one.session.name == other.session.name


def replaced(
    before: Written, after: Written, left_behind: int, upload_bytes: int | None, causes: Causes
) -> Replaced:
    """A history that another one replaces."""
    what = (*_what(before, after),)
    return Replaced(
        what=what,
        before=_shown(before, what),
        after=_shown(after, what),
        left_behind=left_behind,
        # The data in the place is found again.
        upload_bytes=0 if what == (REPOSITORY,) else upload_bytes,
        causes=(*_causes(before, after, what, causes),),
    )


def ended(
    before: Written,
    after: Protection,
    restore_points: int,
    retired_until: Mapping[str, str],
    today: date,
    causes: Causes,
) -> Ended:
    """A history that only ends.

    Args:
        before: What wrote to it.
        after: How its volume is backed up now, by the same policy or by another one.
        restore_points: About how many it has.
        retired_until: The last days of the volume's retired histories by Repository.
        today: In UTC.
        causes: Finds the lines.
    """
    repository = before.copy.repository
    written = {copy.repository for session in after.sessions for copy in session.copies}
    kept = {name for name, until in retired_until.items() if until >= today.isoformat()}
    return Ended(
        session=before.session.written.name,
        storage=before.copy.storage.name,
        repository=repository,
        restore_points=restore_points,
        until=retired_until.get(repository, ""),
        is_dropped=repository not in kept | written,
        causes=(*_causes_of_end(before, after, causes),),
    )


def _causes_of_end(before: Written, after: Protection, causes: Causes) -> Iterator[Cause]:
    """The session, or its copy, that the policy no longer has."""
    if any(one.written.name == before.session.written.name for one in after.sessions):
        yield from causes.of_copies([before.copy], [])
    else:
        yield from causes.of_session(before.session, None, ())


def _what(before: Written, after: Written) -> Iterator[str]:
    if before.place == after.place:
        if before.copy.repository != after.copy.repository:
            yield REPOSITORY
        if key_text(before.copy.encryption.value) != key_text(after.copy.encryption.value):
            yield "key"
        return
    if before.session.name != after.session.name:
        yield "session name"
    if before.copy.storage.place() != after.copy.storage.place():
        yield "storage"
    if before.copy.directory != after.copy.directory:
        yield "directory"
    if key_text(before.copy.encryption.value) != key_text(after.copy.encryption.value):
        yield "key"


def _shown(one: Written, what: tuple[str, ...]) -> str:
    key = one.copy.encryption.value
    source = json.dumps({name: value.to_wire() for name, value in (key.data or {}).items()})
    texts = {
        REPOSITORY: f"Repository {one.copy.repository}",
        "session name": f"session {one.session.written.name}",
        "storage": f"storage {one.copy.storage.name} ({_address(one.copy.storage)})",
        "directory": f"directory {one.copy.directory}",
        "key": f"Secret {key.secret_name}"
        + (f" from {key.store.name} {source}" if key.store is not None else ""),
    }
    return ", ".join(texts[name] for name in what)


def _address(storage: ResolvedStorage) -> str:
    """A bucket's URL; a volume and the folder in it."""
    backend = storage.backend
    return backend.url() if backend.bucket is not None else backend.place()


def _causes(
    before: Written, after: Written, what: tuple[str, ...], causes: Causes
) -> Iterator[Cause]:
    old, new = before.copy, after.copy
    if "session name" in what:
        was, becomes = before.session.origin.at("name"), after.session.origin.at("name")
        yield from causes.of_value(was, becomes, "name", after.session.written.name)
    if not {REPOSITORY, "storage"}.isdisjoint(what):
        yield from causes.of_storage(old, new)
    if "directory" in what or (REPOSITORY in what and old.directory != new.directory):
        was, becomes = old.origin.at("directory"), new.origin.at("directory")
        # As people write it: with the names of volumes in it each would have a reason of its own.
        written = becomes.written if becomes.is_written else new.directory
        yield from causes.of_value(was, becomes, "directory", written)
    if "key" in what:
        was, becomes = old.encryption.origin("secretName"), new.encryption.origin("secretName")
        yield from causes.of_value(was, becomes, "secretName", new.encryption.value.secret_name)
