"""RestoreRequest: one RestoreSession for one reviewed act, resumed if it was interrupted.

The RestoreSession has no owner: a prune of the request must not kill a restore that runs, and a
request that is added again finds it by its name, which follows from the nonce. That nothing is
restored twice is not decided here but by the record in the bucket
(``worker/repository/restore_ledger.py``).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import NONCE_LABEL, ORDER_ANNOTATION
from stashgen.api.meta import ObjectMeta
from stashgen.api.resources import RESTORE_SESSIONS
from stashgen.api.restore_request import OnMissing, RestoreRequestPhase, RestoreRequestStatus
from stashgen.api.restore_session import (
    RestorePhase,
    RestoreSession,
)
from stashgen.api.shared import ConditionStatus
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.sessions import restore_session_manifest
from stashgen_controller.kinds.restore_request.observe import (
    MOST_ATTEMPTS,
    Attempt,
    Observed,
)
from stashgen_controller.kinds.restore_request.status import expired, failed, going_on, succeeded
from stashgen_controller.listers.restores import is_over
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import TRANSIENT, ErrorClass
from stashgen_controller.runtime.conditions import condition, find, is_true, with_condition, without
from stashgen_controller.runtime.decision import Action, Create, Decision

# A RestoreSession that ran and is not there: our caches may be behind for a moment.
_STARTING, _WAITING_FOR_RETRY = "Starting", "WaitingForRetry"
_MISSING_FAILS = timedelta(seconds=30)
_FIRST_DELAY = timedelta(minutes=1)
_AGAIN = timedelta(minutes=1)
# Who deletes the Job of a restore wants it to end.
_RESUMED = TRANSIENT - {ErrorClass.EXECUTOR_LOST}
_RUNNING, _PENDING = RestoreRequestPhase.RUNNING, RestoreRequestPhase.PENDING


def decide(seen: Observed, now: datetime) -> Decision:
    """Find the snapshot, restore once, report the outcome; a finished request stays as it is."""
    if seen.request.is_finished:
        return Decision()
    if seen.stranger is not None:
        why = Reason(ErrorClass.NONCE_REUSED, seen.stranger)
        return _write(failed(seen, seen.status, why, now))
    last = seen.newest.number if seen.newest is not None else 0
    if last < (seen.status.attempt or 1) and _has_written(seen):
        return _deleted(seen, now)
    return _follow(seen, seen.newest, now) if seen.newest is not None else _begin(seen, now)


def _has_written(seen: Observed) -> bool:
    """Whether a RestoreSession ran, or is to be resumed: without it nothing is started again."""
    known = find(seen.status.conditions, ConditionType.READY)
    waits = known is not None and known.reason == _WAITING_FOR_RETRY
    return waits or seen.status.phase is _RUNNING


def _begin(seen: Observed, now: datetime) -> Decision:
    spec = seen.request.spec
    waits = spec.on_missing is OnMissing.WAIT
    if now >= spec.not_after:
        created = seen.request.metadata.creation_timestamp or now
        if seen.snapshot is None and waits and created < spec.not_after:
            text = f"{seen.missing}; waited until notAfter {format_time(spec.not_after)}"
            why = Reason(ErrorClass.NO_SNAPSHOT, text)
            return _write(failed(seen, seen.status, why, now))
        text = f"notAfter {format_time(spec.not_after)} passed before the restore started"
        known = find(seen.status.conditions, ConditionType.READY)
        if known is not None and known.message:
            text += f": {known.message}"
        return _write(expired(seen, seen.status, Reason(ErrorClass.EXPIRED, text), now))
    if seen.incomplete is not None:
        return _wait(seen, seen.status, seen.incomplete, now, again=_AGAIN)
    if seen.snapshot is None:
        if not waits:
            why = Reason(ErrorClass.NO_SNAPSHOT, seen.missing)
            return _write(failed(seen, seen.status, why, now))
        return _wait(seen, seen.status, Reason("WaitingForSnapshot", seen.missing), now)
    if seen.unresolved is not None:
        why = Reason("WaitingForSession", seen.unresolved)
        return _wait(seen, seen.status, why, now, again=_AGAIN)
    return _start(seen, 1, seen.snapshot.metadata.name, now)


def _start(seen: Observed, number: int, snapshot: str, now: datetime) -> Decision:
    name = names.requested_restore_name(seen.order.nonce, number)
    status = seen.status.model_copy(
        update={"snapshot": snapshot, "restore_session": name, "attempt": number}
    )

    def refused(why: Reason, _action: Action) -> JsonObject:
        not_started = Reason("NotStarted", why.text)
        return going_on(seen, seen.status, _PENDING, not_started, now).to_wire()

    why = Reason(_STARTING, f"RestoreSession {name} restores Snapshot {snapshot}")
    started = going_on(seen, status, _PENDING, why, now)
    action = Create(RESTORE_SESSIONS, _session(seen, name, snapshot))
    return Decision((action,), started.to_wire(), _until(seen, now), refused)


def _session(seen: Observed, name: str, snapshot: str) -> JsonObject:
    order, repository = seen.order, seen.repository
    return restore_session_manifest(
        ObjectMeta(
            name=name,
            namespace=order.namespace,
            labels={NONCE_LABEL: order.nonce},
            annotations={ORDER_ANNOTATION: order.to_json()},
        ),
        repository=order.repository,
        snapshot=snapshot,
        encryption_secret=repository.spec.encryption_secret if repository else None,
        target=order.target,
        addon=seen.addon,
    )


def _follow(seen: Observed, attempt: Attempt, now: datetime) -> Decision:
    """Report what the last attempt reports; another one follows if it was interrupted."""
    session = attempt.session
    source = session.spec_in_effect.data_source
    restored_before = session.status.restored_before if session.status else None
    status = seen.status.model_copy(
        update={
            "snapshot": (source.snapshot if source else None) or seen.status.snapshot,
            "restore_session": session.metadata.name,
            "attempt": attempt.number,
            "restored_before": restored_before.time if restored_before else None,
            "conditions": without(seen.status.conditions, ConditionType.RESTORE_SESSION_MISSING),
        }
    )
    # Its worker reports a phase first.
    if not is_over(session):
        return _under_way(seen, status, session, now)
    if session.phase is RestorePhase.SUCCEEDED:
        if restored_before is not None:
            how = Reason("RestoredBefore", restored_before.message)
        else:
            how = Reason("Restored", f"restored from Snapshot {status.snapshot}")
        conditions = session.status.conditions if session.status is not None else ()
        refused = find(conditions, ConditionType.METADATA_RESTORED)
        if refused is not None and refused.message:
            how = replace(how, message=f"{how.message}; {refused.message}")
        return _write(succeeded(seen, status, how, now))
    why = _failure(session)
    if why.name == ErrorClass.EXPIRED and seen.left is None:
        return _write(expired(seen, status, why, now))
    if seen.left is not None and seen.left not in why.message:
        # An earlier attempt had begun to write: that this one had not is no comfort.
        why = replace(why, message=f"{why.message}; {seen.left}")
    if why.name not in _RESUMED or attempt.number >= MOST_ATTEMPTS:
        return _write(failed(seen, status, why, now))
    if now >= seen.request.spec.not_after:
        text = f"{why.message}; notAfter has passed, so it is not resumed"
        return _write(failed(seen, status, replace(why, message=text), now))
    due = _ended(session, now) + _FIRST_DELAY * 2 ** (attempt.number - 1)
    if now < due:
        text = f"attempt {attempt.number} of {MOST_ATTEMPTS} failed and will be resumed: {why.text}"
        return _wait(seen, status, Reason(_WAITING_FOR_RETRY, text), now, again=due - now)
    return _start(seen, attempt.number + 1, status.snapshot or "", now)


def _under_way(
    seen: Observed, status: RestoreRequestStatus, session: RestoreSession, now: datetime
) -> Decision:
    known = session.status
    conditions = known.conditions if known is not None else ()
    if known is not None and (
        known.executor or is_true(conditions, ConditionType.RESTORE_EXECUTOR_ENSURED)
    ):
        text = f"RestoreSession {session.metadata.name} restores Snapshot {status.snapshot}"
        return _write(going_on(seen, status, _RUNNING, Reason("Restoring", text), now))
    for item in reversed(conditions):
        if item.status is not ConditionStatus.TRUE and item.message:
            return _wait(seen, status, Reason(item.reason or item.type, item.message), now)
    text = f"RestoreSession {session.metadata.name} has not started yet"
    return _wait(seen, status, Reason(_STARTING, text), now)


def _deleted(seen: Observed, now: datetime) -> Decision:
    """A person ended the restore; a request is never started again after that."""
    known = find(seen.status.conditions, ConditionType.RESTORE_SESSION_MISSING)
    since = known.last_transition_time if known is not None else now
    what = f"RestoreSession {seen.status.restore_session} was deleted before it finished"
    if now - since >= _MISSING_FAILS:
        why = Reason("RestoreSessionDeleted", f"{what}: the volume may be only partially restored")
        conditions = without(seen.status.conditions, ConditionType.RESTORE_SESSION_MISSING)
        status = seen.status.model_copy(update={"conditions": conditions})
        return _write(failed(seen, status, why, now))
    word = condition(
        ConditionType.RESTORE_SESSION_MISSING,
        status=True,
        reason=ConditionType.RESTORE_SESSION_MISSING,
        message=what,
        now=now,
    )
    status = seen.status.model_copy(
        update={"conditions": with_condition(seen.status.conditions, word)}
    )
    return Decision(status=status.to_wire(), requeue_after=_MISSING_FAILS - (now - since))


def _failure(session: RestoreSession) -> Reason:
    """Why a RestoreSession failed: its status has that as text only."""
    status = session.status
    components = (status.components if status else None) or {}
    found = [item.error for item in components.values() if item.error]
    conditions = status.conditions if status else ()
    # What it waited for last is part of its final message.
    for item in sorted(
        conditions, key=lambda item: item.type == ConditionType.RESTORE_TARGET_FOUND
    ):
        is_bad = (
            item.status is ConditionStatus.FALSE or item.type == ConditionType.RESTORE_INCOMPLETE
        )
        if is_bad and item.message:
            found.append(item.message)
    name = session.metadata.name
    return Reason.parse(
        found[0] if found else f"RestoreSession {name} failed without reporting a reason"
    )


def _ended(session: RestoreSession, now: datetime) -> datetime:
    conditions = session.status.conditions if session.status else ()
    pushed = find(conditions, ConditionType.METRICS_PUSHED)
    return pushed.last_transition_time if pushed is not None else now


def _wait(
    seen: Observed,
    status: RestoreRequestStatus,
    why: Reason,
    now: datetime,
    *,
    again: timedelta | None = None,
) -> Decision:
    waiting = going_on(seen, status, _PENDING, why, now)
    until = _until(seen, now)
    steps = [step for step in (again, until) if step is not None]
    return Decision(status=waiting.to_wire(), requeue_after=min(steps, default=None))


def _until(seen: Observed, now: datetime) -> timedelta | None:
    """How long until nothing may start any more."""
    left = seen.request.spec.not_after - now
    return left if left > timedelta() else None


def _write(status: RestoreRequestStatus, *actions: Action) -> Decision:
    return Decision(actions, status.to_wire())
