"""What is wrong with one session, and with the names that sessions make together, as messages.

KubeStash's webhooks leave some of it to run time: durations, schedules and names that cannot be
read, and names that become one by its cuts. Here it makes the BackupConfiguration invalid.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.cron import Code, CronError, Schedule
from stashgen.kubestash import names
from stashgen.kubestash.layout import UnsafePathError, join
from stashgen.kubestash.quantities import parse_duration

_T = TypeVar("_T")
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
# Kubernetes, "Object Names and IDs", DNS subdomain names.
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_SAMPLE_TICK = 1_704_281_100


def session_problems(configuration: BackupConfiguration, session: Session) -> Iterator[str]:
    """What is wrong with one session of a configuration."""
    at = f"session {session.name!r}"
    if not session.name:
        yield "spec.sessions: every session needs a name"
    elif not _NAME.fullmatch(session.name):
        yield f"{at}: its name cannot be a part of a Kubernetes name"
    if session.scheduler is None:
        yield f"{at}: a scheduler is required"
    else:
        yield from _schedule(session.scheduler.schedule, at)
    if session.addon is None or not session.addon.name:
        yield f"{at}: an addon with a name is required"
    elif not session.addon.tasks or any(not task.name for task in session.addon.tasks):
        yield f"{at}: the addon needs at least one task, each with a name"
    yield from duration_problems(session.backup_timeout, f"{at}: backupTimeout")
    retry = session.retry_config
    yield from duration_problems(retry.delay if retry else None, f"{at}: retryConfig.delay")
    yield from _repositories(configuration, session, at)


def duration_problems(text: str | None, at: str) -> Iterator[str]:
    """Why a duration cannot be read; nothing said is no problem."""
    if text:
        try:
            parse_duration(text)
        except ValueError as error:
            yield f"{at}: {error}"


def name_collisions(configuration: BackupConfiguration) -> Iterator[str]:
    """Sessions or repositories whose run-time names become one by KubeStash's cuts.

    Two sessions would share a CronJob, two copies a Snapshot; one would lose its backups.
    """
    name = configuration.metadata.name
    sessions = {session.name: session for session in configuration.spec.sessions if session.name}
    yield from _shared("CronJob", sessions, lambda session: names.cron_job_name(name, session))
    made = {session: names.backup_session_name(name, session, _SAMPLE_TICK) for session in sessions}
    yield from _shared("BackupSession", sessions, made.__getitem__)
    copies = [
        (session.name or "", repository.name)
        for session in sessions.values()
        for repository in session.repositories or ()
        if repository.name
    ]
    yield from _shared("Snapshot", copies, lambda copy: names.snapshot_name(copy[1], made[copy[0]]))


def repeated(found: Iterable[str]) -> list[str]:
    """The values that occur more than once, sorted."""
    return sorted(value for value, count in Counter(found).items() if count > 1)


def _schedule(text: str, at: str) -> Iterator[str]:
    try:
        Schedule.parse(text)
    except CronError as error:
        # One that never fires is odd, but KubeStash and Kubernetes take it.
        if error.code is not Code.SYNTAX:
            return
        yield f"{at}: schedule: {error}"


def _repositories(configuration: BackupConfiguration, session: Session, at: str) -> Iterator[str]:
    repositories = session.repositories or ()
    if not repositories:
        yield f"{at}: at least one repository is required"
    for name in repeated(repository.name or "" for repository in repositories):
        yield f"{at}: repository name {name!r} is used more than once"
    for repository in repositories:
        if not _NAME.fullmatch(repository.name or ""):
            yield f"{at}: {repository.name or ''!r} cannot be the name of a Repository"
        if configuration.backend(repository.backend) is None:
            yield f"{at}: there is no backend {repository.backend or ''!r}"
        try:
            directory = join(repository.directory or "")
        except UnsafePathError as error:
            yield f"{at}: directory {error}"
        else:
            if not directory:
                yield f"{at}: repository {repository.name!r} needs a directory"


def _shared(kind: str, items: Iterable[_T], name_of: Callable[[_T], str]) -> Iterator[str]:
    owners: dict[str, _T] = {}
    for item in items:
        name = name_of(item)
        if owners.setdefault(name, item) != item:
            yield f"{owners[name]!r} and {item!r} would share the {kind} {name!r}"
