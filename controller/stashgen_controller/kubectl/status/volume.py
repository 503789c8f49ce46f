"""``kubectl stashgen status NAME``: the state of one volume's backups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stashgen.api.backup_session import BackupSession, BackupSessionPhase
from stashgen.api.resources import BACKUP_SESSIONS
from stashgen.api.shared import Executor
from stashgen.kubestash import names
from stashgen_controller.kubectl.lookup import Subject
from stashgen_controller.kubectl.status.diagnosis import (
    why_failed,
    why_running,
)
from stashgen_controller.kubectl.status.entry import FINDINGS, Entry, Section
from stashgen_controller.kubectl.status.events import Event, events_about
from stashgen_controller.kubectl.status.overview import entries_of
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
        problems: Why the volume is not safe, most urgent first; empty if it is. They are the
            overview's lines about it.
        failed_into: The claim of the restore whose failure is the first problem.
        pod: The pod of the newest run that still has one.
        logged: The newest one that has a log.
        events: Newest first.
    """

    subject: Subject
    copies: tuple[CopyState, ...]
    runs: tuple[RunView, ...]
    retention: dict[tuple[str, str], RetentionState]
    problems: tuple[str, ...]
    failed_into: str
    pod: PodView | None
    logged: PodView | None
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
    entries = [
        entry
        for entry in entries_of(view)
        if entry.section in FINDINGS and _concerns(entry, view, subject, restores)
    ]
    jobs = _jobs(view, subject, sessions, restores)
    return Detail(
        subject,
        copies,
        tuple(sorted(runs, key=lambda item: (item.time, item.name), reverse=True)),
        retention,
        tuple(dict.fromkeys(map(_problem, entries))),
        _failed_into(entries[:1], restores),
        newest_pod(view.reader, subject.namespace, *jobs),
        newest_pod(view.reader, subject.namespace, *jobs, with_log=True),
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
    return RunView(item.kind, item.name, item.time, item.phase, duration, item.text)


def _concerns(entry: Entry, view: View, subject: Subject, restores: Sequence[RestoreView]) -> bool:
    """Whether a line of the overview is about the volume, or about what its backups use."""
    place = (entry.namespace, entry.name)
    configuration = subject.configuration
    match entry.kind:
        case "BackupStorage":
            return place in _storages(subject)
        case "BackupConfiguration":
            return configuration is not None and place == configuration.key
        case "BackupSession":
            runs = (item for item in view.sessions if item.key == place)
            return any(session_key(item)[:2] == (subject.namespace, subject.name) for item in runs)
        case "Repository":
            return place in {item.key for item in subject.repositories}
        case "RestoreSession" | "RestoreRequest":
            return any(place == (item.namespace, item.name) for item in restores)
        case _:
            return place == (subject.namespace, subject.claim)


def _storages(subject: Subject) -> set[tuple[str, str]]:
    """The storages that a volume's Repositories are in, or are to be made in."""
    found = {item.storage_key for item in subject.repositories}
    configuration = subject.configuration
    for backend in configuration.spec.backends if configuration is not None else ():
        if backend.storage_ref is not None:
            namespace = backend.storage_ref.namespace or subject.namespace
            found.add((namespace, backend.storage_ref.name))
    return found


def _problem(entry: Entry) -> str:
    """A line of the overview as a sentence about one volume."""
    what = {
        Section.LATE: f"{_copy_of(entry)} is late",
        Section.WITHOUT_BACKUP: f"{_copy_of(entry)} has no backup yet",
        Section.OBJECTIVE: f"objective {entry.what.split(maxsplit=1)[0]} is not met",
        Section.FAILED: f"{entry.what} failed",
    }.get(entry.section, f"{entry.kind} {entry.name}")
    return f"{what}: {entry.why}"


def _copy_of(entry: Entry) -> str:
    """Which session and Repository, without the BackupConfiguration that is on the screen."""
    return f"session {entry.what.removeprefix(entry.name + '/')}"


def _failed_into(first: Sequence[Entry], restores: Sequence[RestoreView]) -> str:
    """The claim that the restore was into, if a failed one is the first problem."""
    names = {(entry.kind, entry.name) for entry in first}
    return next((item.target for item in restores if (item.kind, item.name) in names), "")


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
