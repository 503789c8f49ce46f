"""The Job of a BackupSession's next copy: started, waited for, or given up without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.backup_session import BackupSessionStatus
from stashgen.api.labels import ADOPT_ANNOTATION, REPOSITORY_LABEL, SESSION_NAME_LABEL
from stashgen.api.resources import JOBS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.executor import ExecutorEnsured
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.jobs.run import RunState
from stashgen_controller.kinds.backup_session.copy import Copy
from stashgen_controller.kinds.backup_session.observe import Observed
from stashgen_controller.listers.claims import look_by, waits_for
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import TURNS, Cause, why_waiting
from stashgen_controller.runtime.conditions import (
    condition,
    find,
    look_again,
    waited_since,
    waiting,
    with_condition,
)
from stashgen_controller.runtime.decision import Action, Create

ENSURED = ExecutorEnsured(ConditionType.BACKUP_EXECUTOR_ENSURED, "Backup")

# Without a backupTimeout a session that cannot start would hold up all the later ones.
_LONGEST_START = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Step:
    """A status with the actions that go with it; not written where more follows.

    A claim is written before the actions.
    """

    status: BackupSessionStatus
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    is_written: bool = True
    is_claim: bool = False


def ensure_job(seen: Observed, status: BackupSessionStatus, copy: Copy, now: datetime) -> Step:
    """Start the Job of a copy, or wait for it."""
    if copy.collides:
        text = f"Snapshot {copy.snapshot_name} belongs to another session or repository"
        why = Reason(Cause.NAME_COLLISION, text)
        failed = condition(
            ConditionType.SNAPSHOTS_ENSURED,
            status=False,
            reason="FailedToEnsureSnapshots",
            message=why.text,
            now=now,
        )
        return _give_up(seen, conditioned(status, failed), copy, why, now)
    if copy.run.state is not RunState.ABSENT:
        return _wait(seen, status, copy, now)
    start_by = _start_by(seen, status)
    if start_by is not None and now >= start_by:
        known = find(status.conditions, ENSURED.type)
        cause = f": {known.message}" if known is not None and known.message else ""
        text = f"the backup could not start in time{cause}"
        return _give_up(seen, status, copy, Reason(ErrorClass.DEADLINE_EXCEEDED, text), now)
    not_yet = why_waiting(copy.problem, seen.cluster_uid)
    if not_yet is not None:
        waits = waiting(ENSURED.type, not_yet, now)
        return _wait_for_turn(seen, status, waits, now)
    if copy.template is None:
        why = copy.problem or Reason("", "there is no pod template")
        return _give_up(seen, status, copy, why, now)
    if seen.claim_uid is None:
        why = Reason("", f"PersistentVolumeClaim {seen.claim} does not exist")
        return _give_up(seen, status, copy, why, now)
    if seen.not_bound is not None:
        return _give_up(seen, status, copy, seen.not_bound, now)
    # Even if it was recorded that it begins: whoever did not hear of that may have begun, too.
    turn = seen.partial_restore or waits_for(seen.claimants, now)
    if turn is not None:
        status = _with_phase(status, copy, Phase.PENDING)
        return _wait_for_turn(seen, status, waiting(ENSURED.type, turn, now), now)
    job = job_manifest(
        name=copy.snapshot_name,
        owner=owner_of(seen.session),
        template=copy.template,
        plan=_plan(seen, status, copy, now),
        labels={
            SESSION_NAME_LABEL: seen.session.spec.session or "",
            REPOSITORY_LABEL: copy.name,
        },
        now=now,
    )
    # From here on volume and repository are ours.
    status = _with_phase(status, copy, Phase.RUNNING)
    known = find(status.conditions, ENSURED.type)
    if known is None or known.reason in TURNS:
        # That it was refused before stays to be read until it is made.
        status = _executor_ensured(seen, status, now)
    return Step(status, (Create(JOBS, job),), is_claim=True)


def _wait_for_turn(
    seen: Observed, status: BackupSessionStatus, waits: Condition, now: datetime
) -> Step:
    again = look_again(waited_since(seen.status.conditions, waits), now)
    again = look_by(seen.claimants, now, again)
    start_by = _start_by(seen, status)
    if start_by is not None:
        again = min(again, start_by - now)
    return Step(conditioned(status, waits), requeue_after=again)


def _wait(seen: Observed, status: BackupSessionStatus, copy: Copy, now: datetime) -> Step:
    status = _executor_ensured(seen, status, now)
    if copy.run.is_pending_too_long(now):
        waiting = condition(
            ConditionType.POD_PENDING_TOO_LONG,
            status=True,
            reason=ConditionType.POD_PENDING_TOO_LONG,
            message=copy.run.pending_reason,
            now=now,
        )
        status = conditioned(status, waiting)
    return Step(status, requeue_after=copy.run.next_look(now))


def _give_up(
    seen: Observed, status: BackupSessionStatus, copy: Copy, why: Reason, now: datetime
) -> Step:
    """Record that a copy failed without a Job; the next ones go on."""
    known = find(status.conditions, ENSURED.type)
    earlier = any(item.is_given_up for item in seen.copies)
    if earlier and known is not None and known.message:
        why = Reason("", f"{known.message}; {why.text}")
    status = _with_phase(status, copy, Phase.FAILED)
    return Step(conditioned(status, ENSURED.not_done(why, now)))


def _with_phase(status: BackupSessionStatus, copy: Copy, phase: Phase) -> BackupSessionStatus:
    summaries = tuple(
        item.model_copy(update={"phase": phase}) if item.repository == copy.name else item
        for item in status.snapshots or ()
    )
    return status.model_copy(update={"snapshots": summaries})


def unclaimed(status: BackupSessionStatus, copies: Sequence[Copy]) -> BackupSessionStatus:
    """The status of a session whose next Job was refused."""
    for copy in copies:
        if copy.is_claimed and copy.run.state is RunState.ABSENT:
            status = _with_phase(status, copy, Phase.PENDING)
    return status


def _start_by(seen: Observed, status: BackupSessionStatus) -> datetime | None:
    """Until when a Job that is still to be made makes sense."""
    if status.backup_deadline is not None:
        return status.backup_deadline
    created = seen.session.metadata.creation_timestamp
    ends = [copy.finished for copy in seen.copies if copy.finished is not None]
    if created is None:
        return None
    return max([created, *ends]) + _LONGEST_START


def _plan(seen: Observed, status: BackupSessionStatus, copy: Copy, now: datetime) -> RunSpec:
    index = seen.copies.index(copy)
    return RunSpec(
        verb=Verb.BACKUP,
        deadline=_deadline(seen, status, now),
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        snapshot=copy.snapshot_object,
        backup_session=seen.session.metadata.name,
        session_uid=seen.session.metadata.uid,
        last_copy=index == len(seen.copies) - 1,
        earlier_copy_failed=any(item.phase is Phase.FAILED for item in seen.copies[:index]),
        refuse_other_writer=copy.is_rendered,
        acknowledged_writer=_acknowledged_writer(seen),
        terminated_pods=copy.terminated_pods,
        check=copy.is_damaged,
    )


def _acknowledged_writer(seen: Observed) -> str | None:
    """The claim that this backup may displace as the bucket's recorded writer."""
    metadata = seen.configuration.metadata if seen.configuration is not None else None
    return (metadata.annotations or {}).get(ADOPT_ANNOTATION) if metadata is not None else None


def _deadline(seen: Observed, status: BackupSessionStatus, now: datetime) -> datetime | None:
    """The copy's share of the time that is left, so that one that hangs leaves some to the next."""
    if status.backup_deadline is None:
        return None
    left = sum(not copy.is_finished for copy in seen.copies)
    return (now + (status.backup_deadline - now) / max(left, 1)).replace(microsecond=0)


def _executor_ensured(
    seen: Observed, status: BackupSessionStatus, now: datetime
) -> BackupSessionStatus:
    """True, unless a copy had to be given up: that stays to be read."""
    if any(copy.is_given_up for copy in seen.copies):
        return status
    return conditioned(status, ENSURED.done(now))


def conditioned(status: BackupSessionStatus, wanted: Condition) -> BackupSessionStatus:
    """The status with one condition added or replaced."""
    return status.model_copy(update={"conditions": with_condition(status.conditions, wanted)})
