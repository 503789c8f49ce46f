"""Volumes that a restore left half written: what they hold is no state to be backed up.

A RestoreSession says so itself; should it be deleted, even while it runs, each Repository of the
volume remembers it in its status. What ends it, a good restore or a person's word, is remembered
there too: a RestoreSession may be deleted, and its name used again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stashgen.api.labels import ACCEPT_PARTIAL_RESTORE_ANNOTATION
from stashgen.api.repository import Repository, RepositoryStatus, RestoreRecord
from stashgen.api.restore_session import RestorePhase, RestoreSession
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.listers.indexes.configurations import CONFIGURATIONS_BY_TARGET
from stashgen_controller.listers.indexes.repositories import REPOSITORIES_BY_TARGET
from stashgen_controller.listers.indexes.restores import RESTORES_BY_TARGET
from stashgen_controller.listers.restores import is_over, is_writing
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import find, is_true
from stashgen_controller.runtime.kind import Reader, is_deleting

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class VolumeRestores:
    """What a Repository is to remember of restores into its volume.

    Attributes:
        unsettled: One that writes, or wrote half; None once a later one succeeded, or a person
            accepted it.
        accepted: The last one that a person accepted.
        good: The last one that ended what was remembered by succeeding.
    """

    unsettled: RestoreRecord | None = None
    accepted: RestoreRecord | None = None
    good: RestoreRecord | None = None


@dataclass(frozen=True, slots=True)
class _Settled:
    """What ends that a restore counts as half done.

    Attributes:
        said: What the BackupConfigurations of the volume accept.
        accepted: What each of its Repositories remembers as accepted.
        good: What each of them remembers as having succeeded.
    """

    said: frozenset[str]
    accepted: Sequence[RestoreRecord]
    good: Sequence[RestoreRecord]

    def word_for(self, restore: RestoreRecord) -> str:
        """What a person has to write to accept a restore.

        Its name, unless another one of that name was accepted before; then with its UID.
        """
        name = restore.restore_session
        same = [item.uid for item in self.accepted if item.restore_session == name]
        return name if not same or restore.uid in same else f"{name}.{restore.uid}"

    def is_accepted(self, restore: RestoreRecord) -> bool:
        """Whether a person accepted what a restore left."""
        words = {self.word_for(restore), f"{restore.restore_session}.{restore.uid}"}
        return not words.isdisjoint(self.said)

    def ends(self, restore: RestoreRecord) -> bool:
        """Whether a restore does not count any more: it was accepted, or a later one succeeded."""
        is_made_good = any(_order(restore) <= _order(item) for item in self.good)
        return is_made_good or self.is_accepted(restore)


def partial_restore(reader: Reader, namespace: str, claim: str) -> Reason | None:
    """Why a volume must not be backed up now, nor its Repositories be tidied; None if it may.

    A later restore that succeeded ends that, or a person who writes into the BackupConfiguration
    that the volume is to be backed up as it is.
    """
    restores = reader.by(RESTORES_BY_TARGET, namespace, claim)
    repositories = reader.by(REPOSITORIES_BY_TARGET, namespace, claim)
    settled = _settled(reader, namespace, claim, repositories)
    found = _left_in_part(restores, settled)
    for repository in repositories:
        known = repository.status.open_restore if repository.status is not None else None
        if found is None and known is not None and _counts(known, restores, settled):
            found = known
    if found is None:
        return None
    text = (
        f"RestoreSession {found.restore_session} restored PersistentVolumeClaim {claim} in part: "
        "restore it again, or accept it with the annotation "
        f"{ACCEPT_PARTIAL_RESTORE_ANNOTATION}: {settled.word_for(found)} on its BackupConfiguration"
    )
    return Reason(Cause.RESTORED_IN_PART, text)


def volume_restores(reader: Reader, repository: Repository) -> VolumeRestores:
    """What a Repository is to remember of restores into its volume."""
    app = repository.spec.app_ref
    if app is None:
        return VolumeRestores()
    namespace = repository.metadata.namespace or ""
    status = repository.status or RepositoryStatus()
    known = status.open_restore
    restores = reader.by(RESTORES_BY_TARGET, namespace, app.name)
    repositories = reader.by(REPOSITORIES_BY_TARGET, namespace, app.name)
    settled = _settled(reader, namespace, app.name, repositories)
    last = _last(restores)
    good = status.good_restore
    if known is not None and last is not None and last.phase is RestorePhase.SUCCEEDED:
        is_later = last.metadata.uid == known.uid or _begun(last) >= known.since
        good = _record(last) if is_later else good
    left = _left_in_part(restores, settled)
    found = known if known is not None and _counts(known, restores, settled) else None
    if found is None and left is None:
        # One that writes may yet fail before its first byte: then the one before it still counts.
        left = next(map(_record, filter(is_writing, restores)), None)
    candidates = (known, _record(last) if last is not None and _is_partial(last) else None)
    said = (item for item in candidates if item is not None and settled.is_accepted(item))
    return VolumeRestores(left or found, next(said, status.accepted_restore), good)


def _settled(
    reader: Reader, namespace: str, claim: str, repositories: Iterable[Repository]
) -> _Settled:
    statuses = [item.status for item in repositories if item.status is not None]
    configurations = reader.by(CONFIGURATIONS_BY_TARGET, namespace, claim)
    annotations = [item.metadata.annotations or {} for item in configurations]
    return _Settled(
        frozenset(item.get(ACCEPT_PARTIAL_RESTORE_ANNOTATION, "") for item in annotations),
        [item.accepted_restore for item in statuses if item.accepted_restore is not None],
        [item.good_restore for item in statuses if item.good_restore is not None],
    )


def _last(restores: Iterable[RestoreSession]) -> RestoreSession | None:
    """The last one that succeeded, or wrote a part; one that waits again may have done so."""
    wrote = (
        item
        for item in restores
        if _is_partial(item) or (is_over(item) and item.phase is RestorePhase.SUCCEEDED)
    )
    return max(wrote, key=lambda item: _order(_record(item)), default=None)


def _left_in_part(restores: Iterable[RestoreSession], settled: _Settled) -> RestoreRecord | None:
    """The last restore, if it left the volume half written and nothing has settled that."""
    last = _last(restores)
    if last is None or not _is_partial(last):
        return None
    record = _record(last)
    return None if settled.ends(record) else record


def _counts(known: RestoreRecord, restores: Iterable[RestoreSession], settled: _Settled) -> bool:
    """Whether what a Repository remembers is all that is known: the RestoreSession was deleted.

    And no restore has succeeded since, nor has anybody accepted it.
    """
    if settled.ends(known):
        return False
    for item in restores:
        is_later = _begun(item) >= known.since
        if item.metadata.uid == known.uid or (is_later and item.phase is RestorePhase.SUCCEEDED):
            return False
    return True


def _record(restore: RestoreSession) -> RestoreRecord:
    return RestoreRecord(
        restore_session=restore.metadata.name,
        uid=restore.metadata.uid or "",
        since=_begun(restore),
    )


def _order(restore: RestoreRecord) -> tuple[datetime, str]:
    """Sorts restores into a volume, which run one after the other."""
    return restore.since, restore.restore_session


def _is_partial(restore: RestoreSession) -> bool:
    """Whether it left the volume half written, by its own word or as far as is known.

    One that was deleted while it wrote, and that a finalizer keeps, says nothing any more.
    """
    is_said = restore.status is not None and is_true(
        restore.status.conditions, ConditionType.RESTORED_IN_PART
    )
    return is_said or (is_deleting(restore) and is_writing(restore))


def _begun(restore: RestoreSession) -> datetime:
    """When its Job was made, by the API server's clock: they run one after the other."""
    status = restore.status
    if status is None:
        return _LONG_AGO
    if status.executor is not None and status.executor.created is not None:
        return status.executor.created
    ensured = find(status.conditions, ConditionType.RESTORE_EXECUTOR_ENSURED)
    return ensured.last_transition_time if ensured is not None else _LONG_AGO
