"""Repository: have its restic repositories made once, one a session; sum up its Snapshots.

Its prunes and checks are in ``upkeep.py``.
"""

from dataclasses import replace
from datetime import datetime

from stashgen.api.base import JsonObject
from stashgen.api.repository import RepositoryStatus, ResyncPhase, UpkeepStatus
from stashgen.api.shared import Condition
from stashgen.kubestash import phases
from stashgen_controller.jobs.attempts import Progress, released
from stashgen_controller.kinds.repository.initialization import (
    advance_initialization,
    init_failed,
    initialized,
    with_outcome,
)
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.kinds.repository.resync import (
    ResyncStep,
    advance_resync,
    resync_refused,
)
from stashgen_controller.kinds.repository.summary import (
    retention_awaited,
    summarize,
    with_integrity,
    with_integrity_known,
    with_retention,
    with_upkeep,
    with_writer,
)
from stashgen_controller.kinds.repository.upkeep import advance_upkeep
from stashgen_controller.kinds.repository.upkeep_ended import UpkeepStep, upkeep_refused
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import with_condition
from stashgen_controller.runtime.decision import Action, Decision, Delete


def decide(seen: Observed, now: datetime) -> Decision:
    """Initialise what the sessions need, then keep the summary of the Snapshots up to date."""
    progress = advance_initialization(seen, now)
    if progress.succeeded:
        seen = with_outcome(seen)
    awaited = retention_awaited(seen, now)
    status = seen.status if awaited is not None else summarize(seen)
    conditions = with_condition(status.conditions, initialized(seen, progress, now))
    conditions = with_writer(seen, status, conditions, now)
    conditions = with_retention(seen, conditions, now)
    resync = advance_resync(seen, now)
    is_resyncing = resync.status is not None and resync.status.phase is ResyncPhase.RUNNING
    upkeep = advance_upkeep(
        with_integrity_known(seen), now, is_busy=is_resyncing or progress.is_claim
    )
    for word in (resync.condition, upkeep.condition):
        conditions = with_condition(conditions, word) if word is not None else conditions
    written = status.model_copy(
        update={
            "executor": progress.executor,
            "snapshot_resync": resync.status,
            "open_restore": seen.restores.unsettled,
            "accepted_restore": seen.restores.accepted,
            "good_restore": seen.restores.good,
            "lost_pods": tuple(item for item in seen.lost_pods if now < item.until) or None,
            "upkeep": upkeep.status,
        }
    )
    if upkeep.done is not None:
        written = with_upkeep(written, upkeep.done)
    conditions = with_integrity(written, conditions, now)
    waits = (progress.requeue_after, resync.requeue_after, upkeep.requeue_after, awaited)
    decision = Decision(
        (*progress.actions, *resync.actions, *upkeep.actions),
        _written(written, conditions),
        min((wait for wait in waits if wait), default=None),
        refused=lambda why, action: _refused(
            (progress, resync, upkeep), written, conditions, why, action, now
        ),
        is_claim=progress.is_claim or resync.is_claim or upkeep.is_claim,
    )
    if progress.never_started is not None:
        decision = progress.never_started.once_confirmed(
            decision, lambda run: decide(replace(seen, run=run), now)
        )
    if resync.never_started is not None and decision.question is None:
        decision = resync.never_started.once_confirmed(
            decision, lambda run: decide(replace(seen, resync_run=run), now)
        )
    if upkeep.never_started is not None and decision.question is None:
        decision = upkeep.never_started.once_confirmed(
            decision,
            lambda run: decide(replace(seen, upkeep=replace(seen.upkeep, run=run)), now),
        )
    return decision


def _refused(
    steps: tuple[Progress, ResyncStep, UpkeepStep],
    status: RepositoryStatus,
    conditions: tuple[Condition, ...],
    why: Reason,
    action: Action,
    now: datetime,
) -> JsonObject:
    """The status if an action is refused: what it is of says so, and claims nothing any more.

    A Job that stays although it was to be deleted is no reason not to call anything done.
    """
    progress, resync, upkeep = steps
    update: dict[str, object] = {}
    if isinstance(action, Delete):
        return _written(status, conditions)
    if action in upkeep.actions:
        word = upkeep_refused(why, now)
        kept = upkeep.status or UpkeepStatus()
        update["upkeep"] = kept.model_copy(update={"executor": released(kept.executor)})
    elif action in progress.actions:
        word = init_failed(why, now)
        update["executor"] = released(progress.executor)
    else:
        word = resync_refused(why, now)
        page = status.snapshot_resync
        if page is not None and resync.is_claim:
            page = page.model_copy(update={"executor": released(page.executor)})
        update["snapshot_resync"] = page
    return _written(status.model_copy(update=update), with_condition(conditions, word))


def _written(status: RepositoryStatus, conditions: tuple[Condition, ...]) -> JsonObject:
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.repository_phase(status)}).to_wire()
