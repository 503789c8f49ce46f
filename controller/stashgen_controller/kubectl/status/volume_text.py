"""``kubectl stashgen status NAME`` as text or as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import is_rendered
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.repository import Repository
from stashgen.api.resources import PERSISTENT_VOLUME_CLAIMS
from stashgen.kubestash.objectives import from_annotations
from stashgen_controller.kubectl.console import Console
from stashgen_controller.kubectl.status.advice import ADVICE, cause_of, next_command
from stashgen_controller.kubectl.status.view import View, next_tick
from stashgen_controller.kubectl.status.volume import Detail
from stashgen_controller.kubectl.text import NOTHING, age, count, moment, span, table
from stashgen_controller.observability.freshness import (
    CopyState,
    allowed_age,
    session_promise,
    timing,
)
from stashgen_controller.observability.outcomes import upkeep_state
from stashgen_controller.runtime.kind import Reader

_INDENT = "  "
_MOST_RUNS = 6


def detail_text(found: Detail, view: View, console: Console) -> str:
    """The state of one volume's backups as text."""
    blocks = [
        _heading(found, view, console),
        *_sessions(found, view, console.width),
        *_copies(found, view, console.width),
        *_runs(found, view.now, console.width),
        *_pod(found, console.width),
        *_events(found, view.now, console.width),
        _next(found, view),
    ]
    return "\n\n".join(blocks)


def _heading(found: Detail, view: View, console: Console) -> str:
    subject = found.subject
    verdict = console.painted("green", "nothing needs attention")
    if found.problems:
        verdict = console.painted("red", count(len(found.problems), "problem"))
    lines = [f"{subject.namespace}/{subject.name}, {moment(view.now)}: {verdict}"]
    if found.problems:
        rows = [[f"{number}.", text] for number, text in enumerate(found.problems, 1)]
        lines += table(["", ""], rows, console.width).splitlines()[1:]
    lines.append(f"volume         {_volume(view.reader, subject.namespace, subject.claim)}")
    configuration = subject.configuration
    if configuration is not None:
        lines.append(f"configuration  {_configuration(configuration, view.now)}")
        if objectives := _objectives(configuration):
            lines.append(f"objectives     {objectives}")
    else:
        lines.append("configuration  none: it is not backed up any more")
    return "\n".join(lines)


def _volume(reader: Reader, namespace: str, name: str) -> str:
    stored = reader.stored(PERSISTENT_VOLUME_CLAIMS, namespace, name)
    if stored is None:
        return f"PersistentVolumeClaim {name} does not exist"
    claim = PersistentVolumeClaim.from_wire(stored)
    status = stored.get("status")
    phase = str(status.get("phase") or "Pending") if isinstance(status, dict) else "Pending"
    requests = claim.spec.resources.requests if claim.spec.resources is not None else None
    parts = [
        f"PersistentVolumeClaim {name}",
        phase,
        str((requests or {}).get("storage") or ""),
        ", ".join(claim.spec.access_modes or ()),
    ]
    return ", ".join(part for part in parts if part)


def _configuration(configuration: BackupConfiguration, now: datetime) -> str:
    phase = configuration.status.phase if configuration.status is not None else None
    made = configuration.metadata.creation_timestamp
    parts = [
        f"BackupConfiguration {configuration.metadata.name}",
        phase or "not reconciled yet",
        "paused" if configuration.spec.paused else "",
        "compiled (its source is in Git)" if is_rendered(configuration.metadata) else "plain",
        f"age {age(made, now)}",
    ]
    return ", ".join(part for part in parts if part)


def _objectives(configuration: BackupConfiguration) -> str:
    """What the policy demands; empty if it demands nothing."""
    try:
        demanded = from_annotations(configuration.metadata.annotations or {})
    except ValueError as error:
        return str(error)
    parts = [
        f"rpo {span(demanded.rpo)}" if demanded.rpo is not None else "",
        f"keepFor {span(demanded.keep_for)}" if demanded.keep_for is not None else "",
        f"minCopies {demanded.min_copies}" if demanded.min_copies is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def _sessions(found: Detail, view: View, width: int | None) -> Iterator[str]:
    configuration = found.subject.configuration
    if configuration is None:
        return
    rows = []
    for session in configuration.spec.sessions:
        schedule, zone = timing(view.reader, configuration, session)
        promised = session_promise(view.reader, configuration, session, view.now)
        allowed = allowed_age(configuration, promised)
        rows.append(
            [
                session.name or "",
                schedule,
                zone,
                session.backup_timeout or NOTHING,
                span(allowed) if allowed is not None else NOTHING,
                _next_tick(next_tick(configuration, session.name or ""), view.now),
            ]
        )
    headings = ["SESSION", "SCHEDULE", "ZONE", "TIMEOUT", "ALLOWED AGE", "NEXT"]
    yield table(headings, rows, width)


def _next_tick(tick: datetime | None, now: datetime) -> str:
    if tick is None:
        return NOTHING
    return f"{moment(tick)} (in {span(tick - now)})" if tick > now else f"{moment(tick)} (due now)"


def _copies(found: Detail, view: View, width: int | None) -> Iterator[str]:
    """A line for each copy, and for each Repository that no session writes to any longer."""
    repositories = {item.metadata.name: item for item in found.subject.repositories}
    keys = [(copy.repository, copy) for copy in found.copies]
    written = {name for name, _ in keys}
    rest = [(name, None) for name in repositories if name not in written]
    rows = [_copy(found, view.now, repositories.get(name), name, copy) for name, copy in keys]
    rows += [_copy(found, view.now, repositories[name], name, copy) for name, copy in rest]
    if rows:
        headings = ["REPOSITORY", "SESSION", "LAST GOOD", "STORAGE", "POINTS", "SIZE", "RETENTION"]
        headings.append("LAST CHECK")
        yield table(headings, rows, width)


def _copy(
    found: Detail, now: datetime, repository: Repository | None, name: str, copy: CopyState | None
) -> list[str]:
    status = repository.status if repository is not None else None
    is_ready = status is not None and status.phase == "Ready"
    newest = NOTHING
    if copy is not None:
        newest = age(copy.newest, now) if copy.newest is not None else "never"
    state = found.retention.get((found.subject.namespace, name))
    retention = NOTHING
    if state is not None and state.is_applied is not None:
        retention = "applied" if state.is_applied else "failed"
        if state.last_success is not None:
            word = "" if state.is_applied else ", applied"
            retention += f"{word} {age(state.last_success, now)} ago"
    if copy is not None and copy.unreadable:
        newest += f", lacks {count(copy.unreadable, 'file')}"
    return [
        name if is_ready else f"{name} (NotReady)",
        copy.session if copy is not None else NOTHING,
        newest if copy is None or copy.is_met else f"{newest}, late",
        repository.storage_key[1] if repository is not None else NOTHING,
        str(status.snapshot_count or 0) if status is not None else NOTHING,
        (status.size if status is not None else None) or NOTHING,
        retention,
        _last_check(repository, copy, now) if repository is not None else NOTHING,
    ]


def _last_check(repository: Repository, copy: CopyState | None, now: datetime) -> str:
    """What the last check found, and when: of a backup since then it says nothing."""
    state = upkeep_state(repository, now, is_written=copy is not None)
    if state.checked is None and state.is_intact is None:
        return "none yet"
    word = {True: "intact", False: "damaged", None: "failed"}[state.is_intact]
    when = f" {age(state.checked, now)} ago" if state.checked is not None else ""
    return f"{word}{when}{', overdue' if state.is_overdue else ''}"


def _runs(found: Detail, now: datetime, width: int | None) -> Iterator[str]:
    rows = [
        [
            f"{run.kind.lower()}/{run.name}",
            age(run.time, now),
            run.phase or "Pending",
            run.duration,
            run.why,
        ]
        for run in found.runs[:_MOST_RUNS]
    ]
    if rows:
        yield table(["RUN", "AGE", "PHASE", "DURATION", "WHY"], rows, width)


def _pod(found: Detail, width: int | None) -> Iterator[str]:
    pod = found.pod
    if pod is not None:
        row = [pod.name, pod.job, pod.node, pod.state]
        yield table(["NEWEST POD", "JOB", "NODE", "STATE"], [row], width)


def _events(found: Detail, now: datetime, width: int | None) -> Iterator[str]:
    rows = [
        [age(item.time, now), item.type, item.reason, item.object, item.message]
        for item in found.events
    ]
    if rows:
        yield table(["EVENT", "TYPE", "REASON", "OBJECT", "MESSAGE"], rows, width)


def _next(found: Detail, view: View) -> str:
    commands = next_commands(found, view)
    lines = []
    for problem in found.problems[:1]:
        cause = cause_of(problem)
        if cause is not None:
            lines.append(f"{cause.value}: {ADVICE[cause].text}")
    return "\n".join([*lines, "next:", *(f"{_INDENT}{command}" for command in commands)])


def next_commands(found: Detail, view: View) -> list[str]:
    """What to run next: for the first problem, then the generally useful commands."""
    subject = found.subject
    where = f"-n {subject.namespace}"
    commands = []
    if found.problems:
        repository = next(
            (
                item.metadata.name
                for item in subject.repositories
                if item.metadata.name in found.problems[0]
            ),
            subject.repositories[0].metadata.name if subject.repositories else "",
        )
        known = view.place(subject.namespace, subject.name, repository)
        pod = found.pod.name if found.pod is not None and found.pod.is_bad else ""
        place = replace(known, pod=pod)
        if found.failed_into:
            place = replace(place, into=found.failed_into)
        commands.append(next_command(found.problems[0], place))
        if pod:
            commands += [f"kubectl stashgen logs {subject.name} {where}"]
    commands += [
        f"kubectl stashgen snapshots {subject.name} {where}",
        f"kubectl stashgen trigger {subject.name} {where} --wait",
    ]
    own = f"kubectl stashgen status {subject.name} {where}"
    return [command for command in dict.fromkeys(commands) if command != own]


def detail_json(found: Detail, view: View, notes: Sequence[str]) -> JsonObject:
    """The state of one volume's backups as JSON."""
    subject = found.subject
    pod = found.pod
    return {
        "time": format_time(view.now),
        "namespace": subject.namespace,
        "name": subject.name,
        "claim": subject.claim,
        "isWell": not found.problems,
        "problems": list(found.problems),
        "copies": [
            {
                "session": copy.session,
                "repository": copy.repository,
                "lastGood": format_time(copy.newest) if copy.newest is not None else None,
                "allowedSeconds": (
                    copy.allowed.total_seconds() if copy.allowed is not None else None
                ),
                "isMet": copy.is_met,
                "unreadableFiles": copy.unreadable,
            }
            for copy in found.copies
        ],
        "runs": [
            {
                "kind": run.kind,
                "name": run.name,
                "time": format_time(run.time),
                "phase": run.phase,
                "duration": run.duration,
                "why": run.why,
            }
            for run in found.runs
        ],
        "pod": (
            {"name": pod.name, "job": pod.job, "node": pod.node, "state": pod.state}
            if pod is not None
            else None
        ),
        "events": [
            {
                "time": format_time(item.time),
                "type": item.type,
                "reason": item.reason,
                "object": item.object,
                "message": item.message,
            }
            for item in found.events
        ],
        "next": list(next_commands(found, view)),
        "notLookedAt": list(notes),
    }
