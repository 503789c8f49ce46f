"""BackupStorage: have the backend initialised once by a Job, sum up the repositories in it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from stashgen.api.backup_storage import (
    BackupStorageRepository,
    BackupStorageStatus,
)
from stashgen.api.base import JsonObject
from stashgen.api.labels import template_name
from stashgen.api.shared import Condition
from stashgen.kubestash import names, phases, quantities
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Template, Verb
from stashgen_controller.jobs.attempts import Attempts, Progress, released
from stashgen_controller.jobs.lifecycle import after_end
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.kinds.backup_storage.observe import Observed
from stashgen_controller.listers.indexes.repositories import StoredRepository
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import REFUSALS, WAITING_FOR_CLUSTER, Cause, not_applied
from stashgen_controller.runtime.conditions import (
    condition,
    find,
    not_done,
    waiting,
    with_condition,
)
from stashgen_controller.runtime.decision import Decision

_READ_ONLY = (
    "The backend was initialized before, and its keys could only read it: restores work, backups "
    "need keys that may write."
)


def decide(seen: Observed, now: datetime) -> Decision:
    """Initialise the backend, then keep the sums of its repositories up to date."""
    status = seen.status
    left = after_end(seen.run, seen.storage.key[0], status.executor, now)
    progress = Progress(status.executor)
    if seen.is_initialized:
        progress = replace(progress, actions=left.actions, requeue_after=left.requeue_after)
    if not seen.is_initialized and seen.template is not None and seen.cluster_uid is not None:
        progress = Attempts(
            executor=status.executor,
            run=seen.run,
            namespace=seen.storage.metadata.namespace or "",
            job_for=partial(_job, seen, now),
            is_enough=lambda run: run.plan_digest == _plan(seen, _attempt(seen)).digest(),
        ).advance(now)
    conditions = status.conditions
    if not seen.is_initialized or seen.problem is not None:
        conditions = with_condition(conditions, _initialized(seen, progress, now))
    updated = status.model_copy(
        update={
            "executor": progress.executor,
            "repositories": tuple(map(_summary, seen.repositories)) or None,
            "total_size": _total_size(seen.repositories),
        }
    )
    decision = Decision(
        progress.actions,
        _written(updated, conditions),
        progress.requeue_after,
        refused=lambda why, _action: _written(
            status.model_copy(update={"executor": released(status.executor)}),
            with_condition(conditions, _failed(why, now)),
        ),
        is_claim=progress.is_claim,
    )
    if progress.never_started is None:
        return decision
    return progress.never_started.once_confirmed(
        decision, lambda run: decide(replace(seen, run=run), now)
    )


def _written(status: BackupStorageStatus, conditions: tuple[Condition, ...]) -> JsonObject:
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.backup_storage_phase(status)}).to_wire()


def _attempt(seen: Observed) -> int:
    return seen.status.executor.attempt if seen.status.executor is not None else 1


def _plan(seen: Observed, attempt: int) -> RunSpec:
    return RunSpec(
        verb=Verb.INIT_STORAGE,
        attempt=attempt,
        cluster_uid=seen.cluster_uid or "",
        storage=seen.obj,
    )


def _job(seen: Observed, now: datetime, attempt: int) -> JsonObject:
    return job_manifest(
        name=names.init_storage_job_name(seen.storage.metadata.name, attempt),
        owner=owner_of(seen.storage),
        template=seen.template or {},
        plan=_plan(seen, attempt),
        labels={},
        now=now,
    )


def _initialized(seen: Observed, progress: Progress, now: datetime) -> Condition:
    if seen.problem is not None:
        return condition(
            ConditionType.BACKEND_INITIALIZED,
            status=False,
            reason=seen.problem.name,
            message=seen.problem.message,
            now=now,
            generation=seen.storage.metadata.generation,
        )
    if progress.succeeded:
        return condition(
            ConditionType.BACKEND_INITIALIZED,
            status=True,
            reason="BackendInitializationSucceeded",
            message=_READ_ONLY if _is_read_only(seen) else "Successfully initialized backend.",
            now=now,
            generation=seen.storage.metadata.generation,
        )
    if progress.error is not None:
        return _failed(progress.error, now)
    known = find(seen.status.conditions, ConditionType.BACKEND_INITIALIZED)
    if known is not None and known.reason not in {
        Cause.WAITING_FOR_APPLY,
        Cause.WAITING_FOR_CLUSTER,
        *REFUSALS,
    }:
        return known
    if seen.template is None:
        template = template_name(seen.storage.metadata, Template.INIT_STORAGE)
        return waiting(
            ConditionType.BACKEND_INITIALIZED, not_applied(f"PodTemplate {template}"), now
        )
    if seen.cluster_uid is None:
        return waiting(ConditionType.BACKEND_INITIALIZED, WAITING_FOR_CLUSTER, now)
    return condition(
        ConditionType.BACKEND_INITIALIZED,
        status=None,
        reason="BackendInitializationStarted",
        message="The initializer Job is running.",
        now=now,
    )


def _is_read_only(seen: Observed) -> bool:
    return seen.run.result is not None and bool(seen.run.result.read_only)


def _failed(why: Reason, now: datetime) -> Condition:
    return not_done(ConditionType.BACKEND_INITIALIZED, "BackendInitializationFailed", why, now)


def _summary(repository: StoredRepository) -> BackupStorageRepository:
    return BackupStorageRepository(
        name=repository.name,
        namespace=repository.namespace,
        path=repository.path,
        size=repository.size,
    )


def _total_size(repositories: Sequence[StoredRepository]) -> str | None:
    sizes = [
        quantities.parse_size(repository.size) for repository in repositories if repository.size
    ]
    return quantities.format_size(sum(sizes)) if sizes else None
