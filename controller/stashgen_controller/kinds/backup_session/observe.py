"""What is to be known about one BackupSession before anything is decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_session import BackupSession, BackupSessionStatus
from stashgen_controller.kinds.backup_session.copies import copies_of, is_pushed, with_pins
from stashgen_controller.kinds.backup_session.copy import Copy
from stashgen_controller.kinds.backup_session.history import (
    restoring_into,
    running_before,
    siblings_of,
)
from stashgen_controller.kinds.backup_session.invoker import Invoker
from stashgen_controller.listers.claims import Claimant, claimants
from stashgen_controller.listers.indexes.keys import repository_key, volume_key
from stashgen_controller.listers.objects import (
    claim_uid,
    cluster_uid,
    why_not_bound,
)
from stashgen_controller.listers.partial_restores import partial_restore
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupSession.

    Attributes:
        session: As stored.
        configuration: The invoker; None where it is gone.
        refusal: Why nothing may begin for the invoker; only before the session has begun.
        config_session: The invoker's session of this name.
        copies: One a repository: those that the status lists, before that those that the
            configuration lists and that are not paused.
        running: Another session of the same kind that is not finished.
        restoring: A RestoreSession into the target that is not finished.
        claimants: Who keeps the next backup or retention from beginning; only where one is due.
        partial_restore: Why the target must not be backed up: a restore left it half written.
        siblings: The other sessions of the same kind, newest first; none where only its retention
            is left to do.
        claim: The target's name.
        claim_uid, cluster_uid: For the record of writers.
        not_bound: Why there is no volume behind the target that could be backed up.
    """

    session: BackupSession
    configuration: BackupConfiguration | None
    refusal: Reason | None
    config_session: Session | None
    copies: Sequence[Copy]
    running: str | None
    restoring: str | None
    claimants: Sequence[Claimant]
    partial_restore: Reason | None
    siblings: Sequence[BackupSession]
    claim: str
    claim_uid: str | None
    cluster_uid: str | None
    not_bound: Reason | None

    @property
    def status(self) -> BackupSessionStatus:
        """The stored status, or an empty one."""
        return self.session.status or BackupSessionStatus()


def observe(reader: Reader, session: BackupSession) -> Observed:
    """Collect what ``decide`` needs to know about a session."""
    namespace = session.metadata.namespace or ""
    invoker = session.spec.invoker
    found = reader.get(BackupConfiguration, namespace, invoker.name if invoker else "")
    wanted = Invoker(reader, found, session.spec.session or "")
    configuration = wanted.configuration
    target = configuration.spec.target if configuration is not None else None
    siblings = siblings_of(reader, session) if _asks_for_siblings(session) else []
    copies = copies_of(reader, session, wanted)
    claim = target.name if target is not None else ""
    in_the_way = _claimants(reader, session, copies, claim)
    half_written = partial_restore(reader, namespace, claim) if claim else None
    is_ending = all(copy.is_finished for copy in copies)
    is_free = all(item.until is not None for item in in_the_way)
    if is_ending and is_free and half_written is None:
        copies = with_pins(reader, namespace, copies)
    return Observed(
        session=session,
        configuration=configuration,
        refusal=wanted.refusal if session.phase is None else None,
        config_session=wanted.session,
        copies=copies,
        running=running_before(session, siblings),
        restoring=restoring_into(reader, namespace, target.name) if target is not None else None,
        claimants=in_the_way,
        partial_restore=half_written,
        siblings=siblings,
        claim=claim,
        claim_uid=claim_uid(reader, namespace, target.name) if target is not None else None,
        cluster_uid=cluster_uid(reader),
        not_bound=why_not_bound(reader, namespace, claim),
    )


def _asks_for_siblings(session: BackupSession) -> bool:
    """Whether others may be in its way, or in that of its next try; or too many for the history."""
    is_to_be_retried = session.status is not None and session.status.next_retry is not None
    return not is_pushed(session) or is_to_be_retried


def _claimants(
    reader: Reader, session: BackupSession, copies: Sequence[Copy], claim: str
) -> Sequence[Claimant]:
    """Who is in the way of all that the session may do; nobody is asked for what is under way."""
    if not any(copy.may_begin for copy in copies):
        return ()
    namespace = session.metadata.namespace or ""
    keys = [
        volume_key(namespace, claim),
        *(repository_key(namespace, item.name) for item in copies),
    ]
    return claimants(reader, namespace, keys, uid=session.metadata.uid, goes_first=False)
