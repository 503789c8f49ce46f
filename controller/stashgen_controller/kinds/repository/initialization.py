"""How a Repository's restic repositories are made, one a session, and what is said of that."""

from dataclasses import replace
from datetime import datetime
from functools import partial

from stashgen.api.base import JsonObject
from stashgen.api.labels import REPOSITORY_LABEL
from stashgen.api.repository import UpkeepStatus
from stashgen.api.shared import Condition, Executor
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.attempts import Attempts, Progress
from stashgen_controller.jobs.lifecycle import after_end
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.jobs.run import JobRun
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.kinds.repository.resync import after_first_look
from stashgen_controller.listers.claims import waits_for
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import REFUSALS, WAITING_FOR_CLUSTER, Cause
from stashgen_controller.runtime.conditions import (
    condition,
    find,
    not_done,
    waiting,
)


def advance_initialization(seen: Observed, now: datetime) -> Progress:
    """Have what the sessions need made, attempt by attempt; then what is left of the last one."""
    progress = Progress(seen.status.executor)
    why = _why_not(seen)
    if seen.missing_paths and (why is None or _is_under_way(seen.status.executor)):
        progress = Attempts(
            executor=seen.status.executor,
            run=seen.run,
            namespace=seen.repository.metadata.namespace or "",
            job_for=partial(_job, seen, now),
            is_enough=partial(_made_all, seen),
            # What has begun is followed to its end; nothing begins any more.
            waits_for=why or seen.upkeep_claim or waits_for(seen.claimants, now),
        ).advance(now)
    if not seen.missing_paths:
        left = after_end(seen.run, seen.repository.key[0], seen.status.executor, now)
        progress = replace(progress, actions=left.actions, requeue_after=left.requeue_after)
    return progress


def _is_under_way(executor: Executor | None) -> bool:
    return executor is not None and not executor.ended


def _why_not(seen: Observed) -> Reason | None:
    """Why nothing can be initialised now."""
    storage = seen.repository.spec.storage_ref
    if seen.refusal is not None:
        return seen.refusal
    if seen.repository.spec.paused:
        return Reason(Cause.PAUSED, "The Repository is paused.")
    if not seen.sessions:
        text = "No BackupConfiguration has a session that writes here."
        return Reason(Cause.NO_SESSION, text)
    if seen.problem is not None:
        return seen.problem
    if not seen.storage_is_ready:
        name = storage.name if storage is not None else ""
        return Reason(Cause.STORAGE_NOT_READY, f"BackupStorage {name} is not Ready.")
    if seen.cluster_uid is None:
        return WAITING_FOR_CLUSTER
    return None


def _made_all(seen: Observed, run: JobRun) -> bool:
    """Whether an attempt made what is wanted now; a session may have been added since."""
    made = run.result.repository if run.result is not None else None
    return made is not None and seen.missing_paths <= set(made.component_paths)


def with_outcome(seen: Observed) -> Observed:
    """With what the successful attempt saw in the bucket."""
    made = seen.run.result.repository if seen.run.result is not None else None
    if made is None:
        return seen
    update: dict[str, object] = {
        "component_paths": made.component_paths,
        "snapshot_count": made.snapshot_count,
        "writer_matches": made.writer_matches,
        "writer_claim_uid": None if made.writer_matches else made.writer_claim,
    }
    if not seen.status.component_paths:
        # The first time that this object looks into the bucket: what is there was there before.
        has_records = bool(made.records or made.snapshot_count)
        update["snapshot_resync"] = after_first_look(seen, has_records=has_records)
        if made.is_damaged:
            # What this object never knew, or forgot: the Snapshots of before say nothing of it.
            known = seen.status.upkeep or UpkeepStatus()
            since = {"last_check_created": seen.run.created}
            update |= {"integrity": False, "upkeep": known.model_copy(update=since)}
    status = seen.status.model_copy(update=update)
    return replace(seen, repository=seen.repository.model_copy(update={"status": status}))


def _job(seen: Observed, now: datetime, attempt: int) -> JsonObject:
    plan = RunSpec(
        verb=Verb.INIT_REPOSITORY,
        attempt=attempt,
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        repository=seen.obj
        | {"status": {"componentPaths": list(seen.status.component_paths or ())}},
    )
    return job_manifest(
        name=names.init_job_name(seen.repository.metadata.name, attempt),
        owner=owner_of(seen.repository),
        template=seen.template or {},
        plan=plan,
        labels={REPOSITORY_LABEL: seen.repository.metadata.name},
        now=now,
    )


def initialized(seen: Observed, progress: Progress, now: datetime) -> Condition:
    """Whether there is a restic repository for each session, and why not."""
    if seen.refusal is not None:
        return _refusal(seen.refusal, now)
    if seen.status.component_paths and not seen.missing_paths:
        return condition(
            ConditionType.REPOSITORY_INITIALIZED,
            status=True,
            reason="RepositoryInitializationSucceeded",
            message="Successfully initialized repository",
            now=now,
        )
    if progress.error is not None:
        return init_failed(progress.error, now)
    why = _why_not(seen) or progress.waits_for
    known = find(seen.status.conditions, ConditionType.REPOSITORY_INITIALIZED)
    if why is not None:
        return _refusal(why, now)
    if known is not None and known.reason == "RepositoryInitializationFailed":
        # The next attempt is running: until it ends the last one's failure is what is known.
        return known
    return condition(
        ConditionType.REPOSITORY_INITIALIZED,
        status=None,
        reason="RepositoryInitializationStarted",
        message="The initializer Job is running.",
        now=now,
    )


def _refusal(why: Reason, now: datetime) -> Condition:
    """Why nothing is initialised: Unknown, or False where only another manifest mends it."""
    if why.name not in REFUSALS:
        return waiting(ConditionType.REPOSITORY_INITIALIZED, why, now)
    return condition(
        ConditionType.REPOSITORY_INITIALIZED,
        status=False,
        reason=why.name,
        message=why.message,
        now=now,
    )


def init_failed(why: Reason, now: datetime) -> Condition:
    """The last attempt failed, or its Job was refused."""
    return not_done(
        ConditionType.REPOSITORY_INITIALIZED, "RepositoryInitializationFailed", why, now
    )
