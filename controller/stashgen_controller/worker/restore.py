"""restore: bring a Snapshot's files back to where they were taken."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stashgen.api.restore_session import RestoreComponent, RestorePhase
from stashgen.api.snapshot import Component, Driver, Phase, Snapshot
from stashgen.kubestash import layout
from stashgen_controller.restic import Outcome
from stashgen_controller.result import ErrorClass
from stashgen_controller.worker.locks import clear_stale_locks
from stashgen_controller.worker.reporting import Reporter, restore_progress
from stashgen_controller.worker.run import Run, RunFailedError
from stashgen_controller.worker.writer import adopt

_ID = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    """The arguments of the restore: which component, and which files of it (all by default)."""

    component: str
    include: Sequence[str]
    exclude: Sequence[str]


def restore(run: Run, order: RestoreOrder, reporter: Reporter) -> None:
    """Restore one component; files that the snapshot does not have stay as they are.

    Raises:
        RunFailedError, ResticError, StorageError: not everything was restored.
    """
    snapshot = Snapshot.from_wire(run.plan.snapshot)
    known = (snapshot.status.components if snapshot.status else None) or {}
    source = known.get(order.component)
    path = _path(snapshot, order.component, source)
    run.components[order.component] = Component(
        path=path, phase=Phase.RUNNING, driver=Driver.RESTIC
    )
    name = run.plan.restore_session or ""
    running = RestoreComponent(phase=RestorePhase.RUNNING)
    reporter.restore_session(name, {order.component: running})
    ids = _ids(source)
    if not ids:
        msg = (
            f"Snapshot {snapshot.metadata.name} has no restic snapshot of component "
            f"{order.component!r}"
        )
        raise RunFailedError(ErrorClass.NO_SNAPSHOT, msg)
    restic = run.restic(path)
    clear_stale_locks(run, restic, path)
    filters = [f"--include={item}" for item in order.include]
    filters += [f"--exclude={item}" for item in order.exclude]

    def progress(message: dict[str, object]) -> None:
        if reporter.is_due():
            shown = running.model_copy(update={"progress": restore_progress(message)})
            reporter.restore_session(name, {order.component: shown})

    restored = [
        _count(restic.run("restore", id_, "--target=/", "--sparse", *filters, on_progress=progress))
        for id_ in ids
    ]
    if not sum(restored):
        msg = f"nothing of Snapshot {snapshot.metadata.name} was restored: no file matches"
        raise RunFailedError(ErrorClass.NO_SNAPSHOT, msg)
    if run.plan.adopt:
        adopt(run)
    run.finish_component(order.component, Phase.SUCCEEDED)


def _path(snapshot: Snapshot, component: str, source: Component | None) -> str:
    """Where the component's restic repository is; a record may not point elsewhere."""
    expected = layout.component_path(snapshot.spec.session or "", component)
    if source is not None and source.path not in {None, expected}:
        msg = (
            f"Snapshot {snapshot.metadata.name} says its data is at {source.path!r}, "
            f"not at {expected!r}"
        )
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg)
    return expected


def _ids(source: Component | None) -> list[str]:
    """Restic's ids, which come from a status that others write, too."""
    found = [
        item.summary.id
        for item in (source.restic_stats if source else None) or ()
        if item.summary is not None and item.summary.id
    ]
    for id_ in found:
        if _ID.fullmatch(id_) is None:
            raise RunFailedError(
                ErrorClass.INVALID_BUCKET, f"{id_!r} is not a restic snapshot's id"
            )
    return found


def _count(outcome: Outcome) -> int:
    """How many files and folders restic restored, or found to be there already."""
    summary = outcome.output.last("summary") or {}
    return int(str(summary.get("total_files") or 0))
