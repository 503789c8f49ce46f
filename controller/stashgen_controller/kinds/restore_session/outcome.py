"""How a RestoreSession ends: with its Job's result, without one, or without a Job."""

from datetime import datetime, timedelta

from stashgen.api.restore_session import (
    RestoreComponent,
    RestorePhase,
    RestoreSessionStatus,
)
from stashgen.api.shared import Condition, Executor
from stashgen.api.snapshot import Component, Phase
from stashgen.kubestash import quantities
from stashgen.kubestash.conditions import ConditionType, metadata_refused
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen_controller.jobs.executor import ExecutorEnsured
from stashgen_controller.kinds.restore_session.observe import Observed
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import (
    condition,
    metrics_pushed,
    with_condition,
    without,
)

ENSURED = ExecutorEnsured(ConditionType.RESTORE_EXECUTOR_ENSURED, "Restore")
_SOMEHOW = "restored in part (how far is not known)"


def succeeded(
    seen: Observed, status: RestoreSessionStatus, executor: Executor | None, now: datetime
) -> RestoreSessionStatus:
    """A restore of which the worker says that it is done."""
    reported = _reported(seen)
    own, result = (status.components or {}).get(COMPONENT), seen.run.result
    component = RestoreComponent(
        phase=RestorePhase.SUCCEEDED,
        duration=reported.duration if reported is not None else None,
        metadata_refused=result.metadata_refused
        if result is not None
        else (own.metadata_refused if own is not None else None),
    )
    return _ended(seen, status, executor, component, now)


def job_failed(
    seen: Observed,
    status: RestoreSessionStatus,
    executor: Executor | None,
    error: Reason,
    now: datetime,
) -> RestoreSessionStatus:
    """A restore whose Job failed: by the worker's document, or by its status patch and exit code.

    A worker that reported success and exited with 0 did restore, whatever became of its pod.
    """
    reported, own = _reported(seen), (status.components or {}).get(COMPONENT)
    if reported is not None and reported.phase is Phase.FAILED:
        component = RestoreComponent(
            phase=RestorePhase.FAILED,
            duration=reported.duration,
            error=reported.error or error.text,
        )
    elif seen.run.exited_well and own is not None and own.phase is RestorePhase.SUCCEEDED:
        component = own
    elif seen.run.result is None:
        return incomplete(seen, status, executor, error, now)
    else:
        component = RestoreComponent(phase=RestorePhase.FAILED, error=error.text)
    return _ended(seen, status, executor, component, now)


def incomplete(
    seen: Observed,
    status: RestoreSessionStatus,
    executor: Executor | None,
    error: Reason,
    now: datetime,
) -> RestoreSessionStatus:
    """A restore whose Job never started, was lost, or ended without a result."""
    found = condition(
        ConditionType.RESTORE_INCOMPLETE,
        status=True,
        reason="RestoreExecutorTerminatedBeforeCompletion",
        message=error.text,
        now=now,
    )
    component = RestoreComponent(phase=RestorePhase.FAILED, error=error.text)
    return _ended(seen, set_condition(status, found), executor, component, now)


def not_started(
    seen: Observed, status: RestoreSessionStatus, why: Reason, now: datetime
) -> RestoreSessionStatus:
    """A restore of whose Job nothing was ever seen."""
    status = set_condition(status, ENSURED.not_done(why, now))
    return _pushed(seen, released(seen, status, now), now)


def released(seen: Observed, status: RestoreSessionStatus, now: datetime) -> RestoreSessionStatus:
    """The status of a restore that gives its claim back, if it had one.

    Nobody saw a Job; it may have come and gone all the same. That counts until one succeeds.
    """
    if seen.status.executor is not None:
        status = set_condition(status, _in_part(f"its Job may have run unseen: {_SOMEHOW}", now))
    return status.model_copy(update={"executor": None})


def with_word_of_change(
    seen: Observed, status: RestoreSessionStatus, now: datetime
) -> RestoreSessionStatus:
    """The status with what is to be said of a spec that differs from the one in effect."""
    if not seen.was_changed or status.in_effect is None:
        kept = without(status.conditions, ConditionType.CHANGED_AFTER_START)
        return status.model_copy(update={"conditions": kept})
    known = status.in_effect
    found = condition(
        ConditionType.CHANGED_AFTER_START,
        status=True,
        reason="SpecChanged",
        message=f"the spec was changed after the restore had begun, which restores Snapshot "
        f"{known.snapshot} of Repository {known.repository} into PersistentVolumeClaim "
        f"{known.target}: for another restore create another RestoreSession",
        now=now,
    )
    return set_condition(status, found)


def _reported(seen: Observed) -> Component | None:
    """The component as the worker's document has it."""
    return seen.run.result.components.get(COMPONENT) if seen.run.result is not None else None


def _ended(
    seen: Observed,
    status: RestoreSessionStatus,
    executor: Executor | None,
    component: RestoreComponent,
    now: datetime,
) -> RestoreSessionStatus:
    left = _left_behind(seen, status, component)
    if component.phase is RestorePhase.SUCCEEDED:
        # What a Job that nobody saw may have left is written over.
        whole = without(status.conditions, ConditionType.RESTORED_IN_PART)
        status = status.model_copy(update={"conditions": whole})
    if left is not None:
        component = component.model_copy(update={"error": f"{component.error}; {left}"})
        status = set_condition(status, _in_part(left, now))
    for refused in metadata_refused(component.metadata_refused, now):
        status = set_condition(status, refused)
    if seen.run.result is not None and seen.run.result.read_only:
        status = set_condition(status, _without_lock(now))
    update: dict[str, object] = {
        "executor": executor or status.executor,
        "components": {COMPONENT: component},
    }
    if seen.run.result is not None:
        update["restored_before"] = seen.run.result.restored_before
    return _pushed(seen, status.model_copy(update=update), now)


def _in_part(left: str, now: datetime) -> Condition:
    return condition(
        ConditionType.RESTORED_IN_PART,
        status=True,
        reason=ConditionType.RESTORED_IN_PART,
        message=left,
        now=now,
    )


def _without_lock(now: datetime) -> Condition:
    """How it read: what another cluster pruned meanwhile would have made it fail."""
    return condition(
        ConditionType.RESTORED_WITHOUT_LOCK,
        status=True,
        reason="StorageNotWritable",
        message="read without restic's lock: the storage takes no writes of its keys, or is full",
        now=now,
    )


def _left_behind(
    seen: Observed, status: RestoreSessionStatus, component: RestoreComponent
) -> str | None:
    """How far a restore came that did not end well; None where it wrote nothing.

    A worker says so itself; one that could say nothing may have written, if its pod ever ran.
    """
    if component.phase is not RestorePhase.FAILED:
        return None
    result = seen.run.result
    if result is not None:
        part = result.restored
        if part is None:
            return None
        if not part.total_files:
            return _SOMEHOW
        return f"restored in part ({part.files} of {part.total_files} files)"
    own = (status.components or {}).get(COMPONENT)
    progress = own.progress if own is not None else None
    if seen.run.never_ran:
        return None
    if progress is None or not progress.total_files:
        return _SOMEHOW
    return f"restored in part (at least {progress.files_done} of {progress.total_files} files)"


def _pushed(seen: Observed, status: RestoreSessionStatus, now: datetime) -> RestoreSessionStatus:
    created = seen.restore.metadata.creation_timestamp or now
    duration = max((seen.run.finished or now) - created, timedelta())
    return set_condition(status, metrics_pushed(now)).model_copy(
        update={"duration": quantities.format_duration(duration), "paused_backups": None}
    )


def set_condition(status: RestoreSessionStatus, wanted: Condition) -> RestoreSessionStatus:
    """The status with one condition set."""
    return status.model_copy(update={"conditions": with_condition(status.conditions, wanted)})
