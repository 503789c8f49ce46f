"""The parts of a BackupConfiguration's status: backends, repositories, addons, sessions."""

from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stashgen.api.backup_configuration import (
    BackendReference,
    BackendStatus,
    RetentionPolicyStatus,
    Session,
    SessionRepositoryStatus,
    SessionStatus,
    StorageStatus,
)
from stashgen.api.base import JsonObject, format_time
from stashgen.api.shared import Condition, Dependency
from stashgen.cron import CronError, Schedule
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.validation.storages import validate_retention_policy
from stashgen_controller.kinds.backup_configuration.observe import Observed
from stashgen_controller.runtime.causes import REFUSALS, Cause, not_applied
from stashgen_controller.runtime.conditions import (
    condition,
    find,
    waiting,
    with_condition,
)


def backend_status(seen: Observed, item: BackendReference) -> BackendStatus:
    """Whether a backend's storage is Ready and its retention policy is there and valid."""
    storage_ref, policy_ref = item.storage_ref, item.retention_policy
    storage = policy = None
    if storage_ref is not None:
        storage = seen.storages.get((storage_ref.namespace or seen.namespace, storage_ref.name))
    if policy_ref is not None:
        policy = seen.policies.get((policy_ref.namespace or seen.namespace, policy_ref.name))
    problems = validate_retention_policy(policy) if policy is not None else ()
    phase = storage.status.phase if storage is not None and storage.status else None
    refused = _refused_repository(seen, item)
    reason = refused if storage is not None else "the BackupStorage does not exist"
    if storage is not None and phase != "Ready":
        initialized = (
            find(storage.status.conditions, ConditionType.BACKEND_INITIALIZED)
            if storage.status
            else None
        )
        reason = initialized.message if initialized is not None else None
    return BackendStatus(
        name=item.name,
        ready=phase == "Ready" and policy is not None and not problems and refused is None,
        storage=StorageStatus(ref=storage_ref, phase=phase or "NotReady", reason=reason),
        retention_policy=RetentionPolicyStatus(
            ref=policy_ref,
            found=policy is not None,
            reason="; ".join(problems) or None
            if policy is not None
            else "the RetentionPolicy does not exist",
        ),
    )


def _refused_repository(seen: Observed, item: BackendReference) -> str | None:
    """Why a Repository may not use the backend, or cannot be used as it is meant."""
    names = {
        wanted.name
        for session in seen.configuration.spec.sessions
        for wanted in session.repositories or ()
        if (wanted.backend or "") == (item.name or "")
    }
    for name, repository in seen.repositories.items():
        conditions = repository.status.conditions if repository.status is not None else ()
        initialized = find(conditions, ConditionType.REPOSITORY_INITIALIZED)
        if name in names and initialized is not None and initialized.reason in REFUSALS:
            return f"Repository {name}: {initialized.message}"
    return None


def repository_status(seen: Observed, name: str) -> SessionRepositoryStatus:
    """Whether a Repository is Ready, and if not, why."""
    found = seen.repositories.get(name)
    if found is None:
        missing = Cause.WAITING_FOR_APPLY if seen.is_rendered else "the Repository is being created"
        return SessionRepositoryStatus(name=name, phase="NotReady", reason=missing)
    phase = (found.status.phase if found.status else None) or "NotReady"
    initialized = (
        find(found.status.conditions, ConditionType.REPOSITORY_INITIALIZED)
        if found.status
        else None
    )
    reason = initialized.message if initialized is not None and phase != "Ready" else None
    return SessionRepositoryStatus(name=name, phase=phase, reason=reason)


def dependencies(seen: Observed) -> tuple[Dependency, ...]:
    """The Addons that the sessions need."""
    wanted = dict.fromkeys(
        session.addon.name or ""
        for session in seen.configuration.spec.sessions
        if session.addon is not None
    )
    return tuple(Dependency(kind="Addon", name=name, found=name in seen.addons) for name in wanted)


def session_status(seen: Observed, session: Session, now: datetime) -> SessionStatus:
    """Whether a session is scheduled, and when it comes next."""
    name = session.name or ""
    known = next(
        (item for item in seen.status.sessions or () if item.name == name),
        SessionStatus(name=name),
    )
    cron_job = seen.cron_jobs.get(seen.cron_job_name(session))
    if cron_job is not None and not seen.is_rendered and not seen.is_owned(cron_job):
        cron_job = None
    ensured = _scheduled(seen, session, now)
    return known.model_copy(
        update={
            "next_schedule": _next_tick(cron_job, now),
            "conditions": with_condition(known.conditions, ensured),
        }
    )


def not_scheduled(why: str, now: datetime) -> Condition:
    """A session whose CronJob could not be made."""
    return condition(
        ConditionType.SCHEDULER_ENSURED,
        status=False,
        reason="SchedulerNotEnsured",
        message=why,
        now=now,
    )


def _scheduled(seen: Observed, session: Session, now: datetime) -> Condition:
    name = seen.cron_job_name(session)
    cron_job = seen.cron_jobs.get(name)
    if seen.is_rendered:
        missing = seen.not_applied(session)
        if missing:
            return waiting(ConditionType.SCHEDULER_ENSURED, not_applied(*missing), now)
    elif cron_job is None:
        return not_scheduled("The CronJob is being created.", now)
    elif not seen.is_owned(cron_job):
        text = f"CronJob {name} exists and is not owned by this BackupConfiguration."
        return condition(
            ConditionType.SCHEDULER_ENSURED,
            status=False,
            reason=Cause.NAME_COLLISION,
            message=text,
            now=now,
        )
    lacks = seen.addon_problems.get(session.name or "")
    if lacks is not None:
        return waiting(ConditionType.SCHEDULER_ENSURED, lacks, now)
    return condition(
        ConditionType.SCHEDULER_ENSURED,
        status=True,
        reason="SchedulerEnsured",
        message="Scheduler has been ensured successfully.",
        now=now,
    )


def _next_tick(cron_job: JsonObject | None, now: datetime) -> str | None:
    spec = cast("JsonObject", (cron_job or {}).get("spec") or {})
    if not spec.get("schedule") or spec.get("suspend"):
        return None
    try:
        zone = ZoneInfo(str(spec.get("timeZone") or "Etc/UTC"))
        tick = Schedule.parse(str(spec["schedule"])).next_tick(now, zone)
    except (CronError, ZoneInfoNotFoundError, ValueError):
        return None
    return format_time(tick) if tick is not None else None
