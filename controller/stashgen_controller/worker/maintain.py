"""maintain: make a repository's restic repositories once, and apply its retention."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from stashgen import yaml_out
from stashgen.api.base import JsonObject
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.kubestash import layout, retention
from stashgen.kubestash.retention import SnapshotFact
from stashgen_controller.restic import ResticError
from stashgen_controller.result import ErrorClass, RepositoryState, Retention
from stashgen_controller.worker.records import Record, read_records, restic_ids
from stashgen_controller.worker.run import Run, RunFailedError
from stashgen_controller.worker.writer import record_writer

# The result must fit a termination message; what is left is for the next run.
MOST_REMOVED = 32


@dataclass(frozen=True, slots=True)
class MaintainOrder:
    """The reviewed arguments: which restic repositories, and what retention keeps."""

    component: str
    sessions: Sequence[str]
    keep: RetentionPolicySpec

    @property
    def paths(self) -> tuple[str, ...]:
        """The component paths, one a session."""
        return tuple(layout.component_path(name, self.component) for name in self.sessions)


def init_repository(run: Run, order: MaintainOrder) -> None:
    """Make each session's restic repository if there is none; leave ``repository.yaml``.

    A path that was initialised before is never initialised again: an empty repository in its
    place would hide that history is lost.

    Raises:
        RunFailedError, ResticError, StorageError: not all of them are there.
    """
    matches = record_writer(run)
    known = _known_paths(run)
    for path in order.paths:
        restic = run.restic(path)
        try:
            restic.run("cat", "config", "--no-lock")
        except ResticError as error:
            if error.reason is not ErrorClass.NO_REPOSITORY:
                raise
            if path in known:
                msg = f"{path} was initialised before and is gone: it is not made anew"
                raise RunFailedError(ErrorClass.NO_REPOSITORY, msg) from error
            restic.run("init")
    if run.plan.repository is not None:
        stored = {key: value for key, value in run.plan.repository.items() if key != "status"}
        run.bucket.write(layout.repository_file(run.directory), yaml_out.emit(stored).encode())
        run.uploaded = True
    run.repository = RepositoryState(
        component_paths=tuple(dict.fromkeys((*known, *order.paths))),
        snapshot_count=len(run.bucket.names(layout.snapshots_folder(run.directory))),
        writer_matches=matches,
    )


def retain(run: Run, order: MaintainOrder) -> None:
    """Remove what the reviewed policy does not keep: restic's data first, then the record.

    Only snapshots that restic itself lists count as good ones.

    Raises:
        RunFailedError, ResticError, StorageError: the policy could not be applied.
    """
    if not record_writer(run):
        msg = "another volume or cluster writes here: nothing is removed"
        raise RunFailedError(ErrorClass.RESTORE_EXPECTED, msg)
    records = [item for item in read_records(run) if item.session in order.sessions]
    now = run.now()
    ahead = [item.name for item in records if item.time > now]
    if ahead:
        msg = f"the clock went back: Snapshot {ahead[-1]} is from the future; nothing is removed"
        raise RunFailedError(ErrorClass.INTERNAL, msg)
    listed = {path: restic_ids(run.restic(path)) for path in order.paths}
    counted = [item for item in records if item.is_listed(listed)]
    facts = [SnapshotFact(item.name, item.time, item.phase, item.session) for item in counted]
    decision = retention.decide(facts, order.keep, now)
    removed = decision.remove[:MOST_REMOVED]
    by_name = {item.name: item for item in counted}
    _forget(run, [by_name[name] for name in removed], listed)
    for name in removed:
        run.bucket.delete(layout.snapshot_file(run.directory, name))
    run.retention = Retention(
        removed=removed,
        remaining=len(decision.remove) - len(removed),
        kept=len(decision.keep),
    )


def _forget(run: Run, records: Sequence[Record], listed: dict[str, set[str]]) -> None:
    for path, there in listed.items():
        ids = [id_ for record in records for id_ in record.ids(path) if id_ in there]
        if ids:
            run.restic(path).run("forget", "--prune", *ids)


def _known_paths(run: Run) -> tuple[str, ...]:
    status = cast("JsonObject", (run.plan.repository or {}).get("status") or {})
    return tuple(str(path) for path in cast("list[str]", status.get("componentPaths") or []))
