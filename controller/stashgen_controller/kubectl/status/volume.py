"""``kubectl stashgen status NAME``: the state of one volume's backups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from stashgen.api.backup_session import BackupSession, BackupSessionPhase
from stashgen.api.resources import BACKUP_SESSIONS
from stashgen.api.shared import Executor
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kubectl.lookup import Subject
from stashgen_controller.kubectl.status.diagnosis import (
    why_failed,
    why_late,
    why_not_ready,
    why_running,
)
from stashgen_controller.kubectl.status.events import Event, events_about
from stashgen_controller.kubectl.status.pods import PodView, newest_pod
from stashgen_controller.kubectl.status.restores import RestoreView, restores_of
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.observability.freshness import CopyState
from stashgen_controller.observability.outcomes import (
    RetentionState,
    created,
    failures,
    retention_states,
    session_key,
)
from stashgen_controller.runtime.conditions import find, is_true

RESTORE_FAILED = "the last restore failed"
_MOST_EVENTS = 8


@dataclass(frozen=True, slots=True)
class RunView:
    """A backup or a restore, with the reason why it failed or what it is waiting for."""

    kind: str
    name: str
    time: datetime
    phase: str
    duration: str
    why: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One volume's backups.

    Attributes:
        subject: The volume, its BackupConfiguration and its Repositories.
        copies: One for each session and Repository.
        runs: Backups and restores, newest first.
        retention: By namespace and name of the Repository.
        problems: Why the volume is not safe, most urgent first; empty if it is.
        failed_into: The claim of the last restore, if it failed.
        pod: The pod of the newest run that still has one.
        events: Newest first.
    """

    subject: Subject
    copies: tuple[CopyState, ...]
    runs: tuple[RunView, ...]
    retention: dict[tuple[str, str], RetentionState]
    problems: tuple[str, ...]
    failed_into: str
    pod: PodView | None
    events: tuple[Event, ...]


def detail(view: View, subject: Subject) -> Detail:
    """Collect the state of one volume's backups."""
    name = subject.configuration.metadata.name if subject.configuration is not None else ""
    key = (subject.namespace, name)
    copies = tuple(c for c in view.copies if (c.namespace, c.configuration) == key)
    sessions = sorted(
        (item for item in view.sessions if session_key(item)[:2] == key), key=created, reverse=True
    )
    restores = [item for item in restores_of(view) if _is_of(item, subject)]
    retention = retention_states(subject.repositories, sessions)
    runs = [_backup(view, item) for item in sessions] + [_restore(view, item) for item in restores]
    problems = [
        *_of_copies(view, subject, copies),
        *_of_runs(view, sessions, restores, {copy.session for copy in copies if not copy.is_met}),
        *_of_repositories(subject, retention),
    ]
    return Detail(
        subject,
        copies,
        tuple(sorted(runs, key=lambda item: (item.time, item.name), reverse=True)),
        retention,
        tuple(dict.fromkeys(problems)),
        next((item.target for item in _failed(restores)), ""),
        newest_pod(view.reader, subject.namespace, *_jobs(view, subject, sessions, restores)),
        tuple(
            events_about(
                view.reader,
                subject.namespace,
                _objects(view, subject, sessions, restores),
                _MOST_EVENTS,
            )
        ),
    )


def _is_of(item: RestoreView, subject: Subject) -> bool:
    repositories = {repository.metadata.name for repository in subject.repositories}
    is_mine = item.target == subject.claim or item.repository in repositories
    return item.namespace == subject.namespace and is_mine


def _backup(view: View, item: BackupSession) -> RunView:
    stored = view.reader.stored(BACKUP_SESSIONS, *item.key) or item.to_wire()
    match item.phase:
        case BackupSessionPhase.SUCCEEDED:
            why = ""
        case BackupSessionPhase.FAILED:
            why = why_failed(view.reader, BACKUP_SESSIONS, stored)
        case BackupSessionPhase.SKIPPED:
            why = failures(view.reader, BACKUP_SESSIONS, stored)
        case _:
            why = why_running(view.reader, item, view.now)
    duration = (item.status.duration if item.status is not None else None) or ""
    return RunView(item.kind, item.metadata.name, created(item), item.phase or "", duration, why)


def _restore(view: View, item: RestoreView) -> RunView:
    made = item.made or item.name
    session = next((r for r in view.restores if r.key == (item.namespace, made)), None)
    status = session.status if session is not None else None
    duration = (status.duration if status is not None else None) or ""
    return RunView(item.kind, item.name, item.time, item.phase, duration, item.why or item.lacks)


def _of_copies(view: View, subject: Subject, copies: Sequence[CopyState]) -> Iterator[str]:
    configuration = subject.configuration
    if configuration is None:
        yield "no BackupConfiguration backs it up any more; its restore points still exist"
        return
    for copy in copies:
        if not copy.is_met:
            runs = view.runs.get(copy.session_key, [])
            why = why_late(view.reader, configuration, copy, runs, view.now)
            yield f"session {copy.session} in {copy.repository} is late: {why}"
    not_ready = why_not_ready(configuration, view.now)
    if not_ready:
        yield f"the BackupConfiguration is not Ready: {not_ready}"


def _of_runs(
    view: View,
    sessions: Sequence[BackupSession],
    restores: Sequence[RestoreView],
    late: set[str],
) -> Iterator[str]:
    """Failed runs, except those of late sessions, which are reported with their copies."""
    seen = set(late)
    for item in sessions:
        if item.phase in {BackupSessionPhase.SUCCEEDED, BackupSessionPhase.FAILED}:
            session = item.spec.session or ""
            if session not in seen and item.phase is BackupSessionPhase.FAILED:
                yield f"the last run of session {session} failed: {_backup(view, item).why}"
            seen.add(session)
    yield from (f"{RESTORE_FAILED}: {restore.why}" for restore in _failed(restores))


def _failed(restores: Sequence[RestoreView]) -> list[RestoreView]:
    """The last restore, if it failed."""
    finished = [item for item in restores if item.is_finished and not item.is_history]
    return [item for item in finished[:1] if item.why]


def _of_repositories(
    subject: Subject, retention: dict[tuple[str, str], RetentionState]
) -> Iterator[str]:
    for repository in subject.repositories:
        conditions = repository.status.conditions if repository.status is not None else ()
        expected = find(conditions, ConditionType.RESTORE_EXPECTED)
        if expected is not None and is_true(conditions, ConditionType.RESTORE_EXPECTED):
            yield f"{ConditionType.RESTORE_EXPECTED}: {expected.message}"
    for (_, name), state in retention.items():
        if state.is_applied is False:
            yield f"retention of {name} failed: {state.why}"


def _jobs(
    view: View,
    subject: Subject,
    sessions: Sequence[BackupSession],
    restores: Sequence[RestoreView],
) -> tuple[set[str], tuple[str, ...]]:
    """Names of Jobs, and name prefixes of the Jobs that CronJobs create."""
    executors: list[Executor | None] = [
        repository.status.executor if repository.status is not None else None
        for repository in subject.repositories
    ]
    found = {item.made or item.name for item in restores}
    for item in sessions:
        status = item.status
        found |= {summary.name or "" for summary in (status.snapshots if status else None) or ()}
        executors += [
            entry.executor for entry in (status.retention_policy if status else None) or ()
        ]
    keys = {repository.storage_key for repository in subject.repositories}
    executors += [
        storage.status.executor
        for storage in view.storages
        if storage.key in keys and storage.status is not None
    ]
    configuration = subject.configuration
    wanted = configuration.spec.sessions if configuration is not None else ()
    triggers = tuple(f"{names.cron_job_name(subject.name, item.name or '')}-" for item in wanted)
    return found | {executor.job for executor in executors if executor is not None}, triggers


def _objects(
    view: View,
    subject: Subject,
    sessions: Sequence[BackupSession],
    restores: Sequence[RestoreView],
) -> set[tuple[str, str]]:
    """Kind and name of everything whose Events are shown."""
    jobs, _ = _jobs(view, subject, sessions, restores)
    pod = newest_pod(view.reader, subject.namespace, jobs, ())
    return {
        ("PersistentVolumeClaim", subject.claim),
        ("BackupConfiguration", subject.name),
        *(("Repository", item.metadata.name) for item in subject.repositories),
        *(("BackupStorage", item.storage_key[1]) for item in subject.repositories),
        *(("BackupSession", item.metadata.name) for item in sessions),
        *((item.kind, item.name) for item in restores),
        *(("Job", name) for name in jobs),
        *((("Pod", pod.name),) if pod is not None else ()),
    }
