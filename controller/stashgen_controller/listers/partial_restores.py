"""Volumes that a restore left half written: what they hold is no state to be backed up.

A RestoreSession says so itself; should it be deleted, even while it runs, each Repository of the
volume remembers it in its status.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from stashgen.api.labels import ACCEPT_PARTIAL_RESTORE_ANNOTATION
from stashgen.api.repository import OpenRestore, Repository
from stashgen.api.restore_session import RestorePhase, RestoreSession
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.listers.indexes import (
    CONFIGURATIONS_BY_TARGET,
    REPOSITORIES_BY_TARGET,
    RESTORES_BY_TARGET,
)
from stashgen_controller.listers.restores import is_over, is_writing
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import find, is_true
from stashgen_controller.runtime.kind import Reader

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def partial_restore(reader: Reader, namespace: str, claim: str) -> Reason | None:
    """Why a volume must not be backed up now, nor its Repositories be tidied; None if it may.

    A later restore that succeeded ends that, or a person who writes into the BackupConfiguration
    that the volume is to be backed up as it is.
    """
    restores = reader.by(RESTORES_BY_TARGET, namespace, claim)
    accepted = _accepted(reader, namespace, claim)
    left = _left_in_part(restores, accepted)
    found = left.metadata.name if left is not None else None
    for repository in reader.by(REPOSITORIES_BY_TARGET, namespace, claim):
        known = repository.status.open_restore if repository.status is not None else None
        if found is None and known is not None and _counts(known, restores, accepted):
            found = known.restore_session
    if found is None:
        return None
    text = (
        f"RestoreSession {found} restored PersistentVolumeClaim {claim} in part: restore it again, "
        f"or accept it with the annotation {ACCEPT_PARTIAL_RESTORE_ANNOTATION}: {found} on its "
        "BackupConfiguration"
    )
    return Reason(Cause.RESTORED_IN_PART, text)


def open_restore(reader: Reader, repository: Repository) -> OpenRestore | None:
    """What a Repository is to remember of restores into its volume: one that writes, or wrote half.

    None once a later one succeeded, or a person accepted it.
    """
    app = repository.spec.app_ref
    namespace = repository.metadata.namespace or ""
    known = repository.status.open_restore if repository.status is not None else None
    if app is None:
        return None
    restores = reader.by(RESTORES_BY_TARGET, namespace, app.name)
    accepted = _accepted(reader, namespace, app.name)
    found = known if known is not None and _counts(known, restores, accepted) else None
    restore = _left_in_part(restores, accepted)
    if found is None:
        # One that writes may yet fail before its first byte: then the one before it still counts.
        restore = restore or next(filter(is_writing, restores), None)
    if restore is not None:
        found = OpenRestore(
            restore_session=restore.metadata.name,
            uid=restore.metadata.uid or "",
            since=_begun(restore),
        )
    return None if found is not None and found.restore_session in accepted else found


def _left_in_part(
    restores: Sequence[RestoreSession], accepted: Collection[str]
) -> RestoreSession | None:
    """The last restore that ended, if it left the volume half written and nobody accepted that."""
    ended = [
        item
        for item in restores
        if is_over(item) and (item.phase is RestorePhase.SUCCEEDED or _is_partial(item))
    ]
    last = max(ended, key=lambda item: (_begun(item), item.metadata.name), default=None)
    is_left = last is not None and _is_partial(last) and last.metadata.name not in accepted
    return last if is_left else None


def _counts(
    known: OpenRestore, restores: Iterable[RestoreSession], accepted: Collection[str]
) -> bool:
    """Whether what a Repository remembers is all that is known: the RestoreSession was deleted.

    And no restore has succeeded since, nor has anybody accepted it.
    """
    if known.restore_session in accepted:
        return False
    for item in restores:
        is_later = _begun(item) >= known.since
        if item.metadata.uid == known.uid or (is_later and item.phase is RestorePhase.SUCCEEDED):
            return False
    return True


def _accepted(reader: Reader, namespace: str, claim: str) -> set[str]:
    return {
        (item.metadata.annotations or {}).get(ACCEPT_PARTIAL_RESTORE_ANNOTATION, "")
        for item in reader.by(CONFIGURATIONS_BY_TARGET, namespace, claim)
    }


def _is_partial(restore: RestoreSession) -> bool:
    return restore.status is not None and is_true(
        restore.status.conditions, ConditionType.RESTORED_IN_PART
    )


def _begun(restore: RestoreSession) -> datetime:
    """When its Job was made, by the API server's clock: they run one after the other."""
    status = restore.status
    if status is None:
        return _LONG_AGO
    if status.executor is not None and status.executor.created is not None:
        return status.executor.created
    ensured = find(status.conditions, ConditionType.RESTORE_EXECUTOR_ENSURED)
    return ensured.last_transition_time if ensured is not None else _LONG_AGO
