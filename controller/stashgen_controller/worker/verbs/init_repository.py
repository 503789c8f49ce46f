"""maintain, verb init-repository: create a repository's restic repositories, each only once."""

from argparse import Namespace
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.kubestash import layout
from stashgen.yaml import emitter
from stashgen_controller.protocol.run_result import ErrorClass, RepositoryState
from stashgen_controller.worker.repository.damage import is_recorded_as_damaged
from stashgen_controller.worker.repository.records import read_records
from stashgen_controller.worker.repository.writer import record_writer
from stashgen_controller.worker.restic.process import ResticError
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.maintenance import (
    MaintainOrder,
    add_arguments,
    order_of,
    subject,
)

__all__ = ["add_arguments", "prepare", "subject"]


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Make the restic repositories."""
    del reporter
    order = order_of(args)
    return Work(lambda run: init_repository(run, order))


def init_repository(run: RunContext, order: MaintainOrder) -> None:
    """Create each session's restic repository if there is none, and write ``repository.yaml``.

    A path that was initialised before is never initialised again: an empty repository in its
    place would hide a lost history. The run spec and the records in the bucket, which outlive the
    cluster, tell whether it was.

    Raises:
        RunFailedError, ResticError, StorageError: not all of them exist.
    """
    writer = record_writer(run)
    known = _known_paths(run)
    found = read_records(run, order.component)
    records = found.records
    used = {*known, *(item.path for item in records if item.ids)}
    for path in order.paths:
        _ensure(run, path, used)
    if run.plan.repository is not None:
        _store(run, run.plan.repository)
        run.uploaded = True
    run.repository = RepositoryState(
        component_paths=tuple(dict.fromkeys((*known, *order.paths))),
        snapshot_count=len(records),
        records=len(found.names),
        writer_matches=writer.matches,
        writer_claim=writer.claim_uid,
        is_damaged=is_recorded_as_damaged(run),
    )


def _store(run: RunContext, repository: JsonObject) -> None:
    """Write the Repository's YAML; keys that may only read leave the one that is there.

    Raises:
        StorageError: it could not be written, and there is none.
    """
    path = layout.repository_file(run.directory)
    stored = {key: value for key, value in repository.items() if key != "status"}
    try:
        run.bucket.write(path, emitter.emit(stored).encode())
    except StorageError as error:
        if error.reason is not ErrorClass.ACCESS_DENIED or run.bucket.read(path) is None:
            raise
        run.read_only = True


def _ensure(run: RunContext, path: str, used: set[str]) -> None:
    restic = run.restic(path)
    try:
        restic.run("cat", "config", "--no-lock")
    except ResticError as error:
        if error.reason is not ErrorClass.NO_REPOSITORY:
            raise
        if path in used:
            msg = f"{path} was initialised before and is missing: it will not be recreated"
            raise RunFailedError(ErrorClass.NO_REPOSITORY, msg) from error
        restic.run("init")


def _known_paths(run: RunContext) -> tuple[str, ...]:
    status = cast("JsonObject", (run.plan.repository or {}).get("status") or {})
    return tuple(str(path) for path in cast("list[str]", status.get("componentPaths") or []))
