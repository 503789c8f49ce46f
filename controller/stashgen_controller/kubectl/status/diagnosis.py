"""Why something is wrong, in the words of the objects' own statuses and conditions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession, BackupSessionPhase
from stashgen.api.base import JsonObject, parse_time
from stashgen.api.job import Job
from stashgen.api.resources import (
    BACKUP_SESSIONS,
    CRON_JOBS,
    SNAPSHOTS,
    Resource,
)
from stashgen.api.shared import Condition, ConditionStatus
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.jobs.observe import observe_run
from stashgen_controller.kubectl.status.lost_pods import why_unheard
from stashgen_controller.kubectl.status.view import next_tick
from stashgen_controller.kubectl.text import moment, span
from stashgen_controller.listers.pods import pods_of
from stashgen_controller.observability.freshness import CopyState, timing
from stashgen_controller.observability.outcomes import created, failures
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import Reader
from stashgen_controller.runtime.malformed import message_of

# A working controller reconciles a new object within seconds.
UNSEEN = timedelta(minutes=1)
NOT_RECONCILED = "no controller has reconciled it: kubectl get pods -n stashgen-system"
# Conditions that report a problem when they are True.
_BAD_NEWS = frozenset(
    {
        ConditionType.RESTORE_EXPECTED,
        ConditionType.BACKUP_INCOMPLETE,
        ConditionType.RESTORE_INCOMPLETE,
    }
)
# Shown elsewhere on the screen.
_ASIDE = frozenset(
    {
        ConditionType.RETENTION_APPLIED,
        ConditionType.UPKEEP_SUCCEEDED,
        ConditionType.REPOSITORY_DAMAGED,
    }
)


def why_late(
    reader: Reader,
    configuration: BackupConfiguration,
    copy: CopyState,
    runs: Sequence[BackupSession],
    now: datetime,
) -> str:
    """Why a copy has no recent enough good snapshot; ``runs`` are newest first."""
    if configuration.spec.paused:
        return "it is paused (spec.paused of the BackupConfiguration)"
    if copy.promised is None:
        session = configuration.session(copy.session)
        schedule = timing(reader, configuration, session)[0] if session is not None else ""
        return f'its schedule "{schedule}" never fires or is invalid'
    newest = runs[0] if runs else None
    if newest is not None and not newest.is_finished:
        before = next((item for item in runs if item.is_finished), None)
        last = ""
        if before is not None and before.phase is BackupSessionPhase.FAILED:
            last = f"; the last one failed: {why_copy_failed(reader, before, copy.repository)}"
        return f"{why_running(reader, newest, now)}{last}"
    if newest is not None and newest.phase is BackupSessionPhase.FAILED:
        return why_copy_failed(reader, newest, copy.repository)
    not_ready = why_not_ready(configuration, now)
    if newest is not None and newest.phase is BackupSessionPhase.SKIPPED:
        text = failures(reader, BACKUP_SESSIONS, _stored(reader, newest))
        return f"the last run was skipped: {'; '.join(filter(None, (text, not_ready)))}"
    return not_ready or _why_no_run(reader, configuration, copy, newest, now)


def why_running(reader: Reader, run: BackupSession, now: datetime) -> str:
    """What a run is waiting for, or since when it has been running."""
    name = run.metadata.name
    if not run.phase and now - created(run) > UNSEEN:
        return f"BackupSession {name}: {NOT_RECONCILED}"
    conditions = run.status.conditions if run.status is not None else ()
    waiting = [
        item.message
        for item in conditions
        if item.message and item.status is ConditionStatus.UNKNOWN
    ]
    waiting += [why for why in (_why_pending(reader, run), message_of(_stored(reader, run))) if why]
    since = f"{created(run):%Y-%m-%d %H:%M}Z"
    return f"BackupSession {name} has been running since {since}" + (
        f": {'; '.join(waiting)}" if waiting else ""
    )


def _why_pending(reader: Reader, run: BackupSession) -> str:
    """Why the pod of a run's Job does not start, or is waited for although it is gone."""
    namespace = run.metadata.namespace or ""
    for item in (run.status.snapshots if run.status is not None else None) or ():
        snapshot = reader.get(Snapshot, namespace, item.name or "")
        executor = snapshot.status.executor if snapshot and snapshot.status else None
        if item.phase is Phase.RUNNING and executor is not None:
            unheard = why_unheard(reader, run, item.name or "", executor)
            if unheard:
                return unheard
        job = reader.get(Job, namespace, item.name or "")
        if job is not None:
            pods = pods_of(reader, namespace, item.name or "")
            seen = observe_run(job=job, pods=pods, executor=None, owner=run.metadata)
            if seen.pending_reason:
                return seen.pending_reason
    return ""


def why_copy_failed(reader: Reader, run: BackupSession, repository: str) -> str:
    """Why a failed run has no good snapshot in a repository."""
    namespace = run.metadata.namespace or ""
    for item in (run.status.snapshots if run.status is not None else None) or ():
        snapshot = reader.stored(SNAPSHOTS, namespace, item.name or "")
        if item.repository == repository and snapshot is not None:
            text = failures(reader, SNAPSHOTS, snapshot)
            if text:
                return text
    return why_failed(reader, BACKUP_SESSIONS, _stored(reader, run))


def why_failed(reader: Reader, resource: Resource, obj: JsonObject) -> str:
    """All reasons given by a failed object and its Snapshots; never empty."""
    return failures(reader, resource, obj) or "it failed without reporting a reason"


def why_not_ready(configuration: BackupConfiguration, now: datetime) -> str:
    """Why a BackupConfiguration is not Ready; empty if it is."""
    status = configuration.status
    if status is None or status.phase is None:
        age = now - (configuration.metadata.creation_timestamp or now)
        return NOT_RECONCILED if age > UNSEEN else "it was just created"
    validated = find(status.conditions, ConditionType.VALIDATION_PASSED)
    looked_at = validated.observed_generation if validated is not None else None
    if looked_at not in {None, configuration.metadata.generation}:
        return "no controller has reconciled its last change yet"
    if status.phase == "Ready":
        return ""
    target = configuration.spec.target
    found = list(bad_conditions(status.conditions))
    if status.target_found is False and target is not None:
        found.append(f"PersistentVolumeClaim {target.name} does not exist")
    for backend in status.backends or ():
        storage, policy = backend.storage, backend.retention_policy
        if storage is not None and storage.reason and storage.ref is not None:
            found.append(f"BackupStorage {storage.ref.name}: {storage.reason}")
        if policy is not None and policy.reason and policy.ref is not None:
            found.append(f"RetentionPolicy {policy.ref.name}: {policy.reason}")
    found += [
        f"Repository {item.name}: {item.reason}"
        for item in status.repositories or ()
        if item.phase != "Ready" and item.reason
    ]
    for session in status.sessions or ():
        found += bad_conditions(session.conditions)
    return "; ".join(dict.fromkeys(found)) or f"its phase is {status.phase}"


def bad_conditions(conditions: Iterable[Condition]) -> Iterator[str]:
    """The messages of the conditions that report a problem."""
    for item in conditions:
        is_bad = item.status is not ConditionStatus.TRUE
        if item.type in _BAD_NEWS:
            is_bad = item.status is ConditionStatus.TRUE
        if is_bad and item.type not in _ASIDE:
            yield (
                item.message or f"{item.type} is {item.status.value}: {item.reason or 'no reason'}"
            )


def _why_no_run(
    reader: Reader,
    configuration: BackupConfiguration,
    copy: CopyState,
    newest: BackupSession | None,
    now: datetime,
) -> str:
    """Why there was no run although everything is ready: a problem with the trigger."""
    namespace, name = configuration.key
    cron_job_name = names.cron_job_name(name, copy.session)
    cron_job = reader.stored(CRON_JOBS, namespace, cron_job_name)
    if cron_job is None:
        return f"CronJob {cron_job_name} does not exist"
    spec = cast("JsonObject", cron_job.get("spec") or {})
    status = cast("JsonObject", cron_job.get("status") or {})
    if spec.get("suspend"):
        return f"CronJob {cron_job_name} is suspended"
    fired = status.get("lastScheduleTime")
    if not fired:
        tick = next_tick(configuration, copy.session)
        if copy.is_met and tick is not None and tick > now:
            return f"the first backup is due at {moment(tick)} (in {span(tick - now)})"
        return f"CronJob {cron_job_name} has never fired"
    if newest is not None and created(newest) >= parse_time(str(fired)):
        return f"there has been no run since BackupSession {newest.metadata.name}"
    return f"CronJob {cron_job_name} fired at {fired} but created no BackupSession"


def _stored(reader: Reader, run: BackupSession) -> JsonObject:
    namespace, name = run.key
    return reader.stored(BACKUP_SESSIONS, namespace, name) or run.to_wire()
