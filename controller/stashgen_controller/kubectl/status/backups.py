"""Late, failed and running backups: lines of ``kubectl stashgen status``."""

from collections.abc import Iterable, Iterator

from stashgen.api.backup_session import BackupSessionPhase
from stashgen.api.snapshot import Phase
from stashgen_controller.kubectl.status.advice import next_command
from stashgen_controller.kubectl.status.diagnosis import why_copy_failed, why_late, why_running
from stashgen_controller.kubectl.status.entry import Entry, Section
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.kubectl.text import age, count, span
from stashgen_controller.observability.freshness import CopyState
from stashgen_controller.observability.objectives import Objective, objective_states
from stashgen_controller.observability.outcomes import (
    created,
    newest_ended,
    retention_states,
    session_key,
    upkeep_state,
)


def late(view: View) -> Iterator[Entry]:
    """Copies whose newest good snapshot is too old, or missing for too long."""
    yield from _copies(view, Section.LATE, (copy for copy in view.copies if not copy.is_met))


def without_backup(view: View) -> Iterator[Entry]:
    """Copies that have no good snapshot yet, and are not late: what there is not is not good."""
    yield from _copies(
        view,
        Section.WITHOUT_BACKUP,
        (copy for copy in view.copies if copy.is_met and copy.newest is None),
    )


def _copies(view: View, section: Section, copies: Iterable[CopyState]) -> Iterator[Entry]:
    for copy in copies:
        configuration = view.by_key[copy.namespace, copy.configuration]
        runs = view.runs.get(copy.session_key, [])
        why = why_late(view.reader, configuration, copy, runs, view.now)
        place = view.place(copy.namespace, copy.configuration, copy.repository)
        yield Entry(
            section,
            copy.namespace,
            "BackupConfiguration",
            copy.configuration,
            f"{copy.configuration}/{copy.session} in {copy.repository}",
            copy.newest,
            allowed(copy),
            why,
            next_command(why, place),
        )


def allowed(copy: CopyState) -> str:
    """The allowed age of a copy's newest good snapshot, as text."""
    return span(copy.allowed) if copy.allowed is not None else ""


def missed_objectives(view: View, known: set[tuple[str, str, str, str]]) -> Iterator[Entry]:
    """Objectives that are not met; a volume with a copy that is listed already is not repeated."""
    listed = {key[:2] for key in known}
    for item in objective_states(view.configurations, view.copies, view.now):
        key = (item.namespace, item.configuration)
        if not item.is_met and (item.objective is Objective.KEEP_FOR or key not in listed):
            yield Entry(
                Section.OBJECTIVE,
                item.namespace,
                "BackupConfiguration",
                item.configuration,
                f"{item.objective} of {item.configuration}",
                None,
                "",
                item.why,
                f"kubectl stashgen status {item.configuration} -n {item.namespace}",
            )


def failed_backups(view: View, known: set[tuple[str, str, str, str]]) -> Iterator[Entry]:
    """Sessions whose newest run failed; copies that are listed already (``known``) are not."""
    for key, run in newest_ended(view.sessions).items():
        if run.phase is not BackupSessionPhase.FAILED or key[:2] not in view.by_key:
            continue
        for item in (run.status.snapshots if run.status is not None else None) or ():
            repository = item.repository or ""
            if item.phase is not Phase.SUCCEEDED and (*key, repository) not in known:
                why = why_copy_failed(view.reader, run, repository)
                yield Entry(
                    Section.FAILED,
                    key[0],
                    "BackupSession",
                    run.metadata.name,
                    f"backup {key[1]}/{key[2]} to {repository}",
                    created(run),
                    "",
                    why,
                    next_command(why, view.place(key[0], key[1], repository)),
                )


def incomplete_backups(view: View) -> Iterator[Entry]:
    """Copies whose newest good snapshot lacks files that could not be read."""
    for copy in view.copies:
        if copy.newest is not None and copy.unreadable:
            yield Entry(
                Section.INCOMPLETE,
                copy.namespace,
                "BackupConfiguration",
                copy.configuration,
                f"{copy.configuration}/{copy.session} in {copy.repository}",
                copy.newest,
                "",
                unreadable_text(copy),
                f"kubectl stashgen snapshots {copy.configuration} -n {copy.namespace}",
            )


def unreadable_text(copy: CopyState) -> str:
    """What the newest good snapshot of a copy lacks, as text."""
    files = count(copy.unreadable, "file")
    return f"the newest restore point lacks {files} that could not be read"


def failed_retention(view: View) -> Iterator[Entry]:
    """Repositories whose last retention run failed or is held."""
    for key, state in retention_states(view.repositories, view.sessions).items():
        if state.is_applied is False:
            why = state.why or "no reason was reported"
            if state.last_success is not None:
                why += f" (last applied {age(state.last_success, view.now)} ago)"
            yield Entry(
                Section.FAILED,
                key[0],
                "Repository",
                key[1],
                f"retention of {key[1]}",
                None,
                "",
                why,
                next_command(why, view.place(key[0], view.owner(key), key[1])),
            )


def failed_upkeep(view: View) -> Iterator[Entry]:
    """Repositories that are damaged, could not be pruned or checked, or were not for too long."""
    for repository in view.repositories:
        is_written = bool(view.owner(repository.key))
        state = upkeep_state(repository, view.now, is_written=is_written)
        known = "never" if state.checked is None else f"{age(state.checked, view.now)} ago"
        if state.is_intact is False:
            why = f"RepositoryDamaged: restic found damage (last check: {known})"
        elif state.why:
            why = f"{state.why} (last check: {known})"
        elif state.is_overdue:
            why = f"it was not checked or pruned in time (last check: {known})"
        else:
            continue
        namespace, name = repository.key
        place = view.place(namespace, view.owner(repository.key), name)
        yield Entry(
            Section.FAILED,
            namespace,
            "Repository",
            name,
            f"upkeep of {name}",
            None,
            "",
            why,
            next_command(why, place),
        )


def running_backups(view: View) -> Iterator[Entry]:
    """Backups in progress, and what they are waiting for."""
    for run in view.sessions:
        if not run.is_finished:
            namespace, name, session = session_key(run)
            yield Entry(
                Section.RUNNING,
                namespace,
                "BackupSession",
                run.metadata.name,
                f"backup {name}/{session}",
                created(run),
                "",
                why_running(view.reader, run, view.now),
                f"kubectl stashgen status {name} -n {namespace}",
            )
