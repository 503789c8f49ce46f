"""restore: bring a Snapshot's files back to where they were taken."""

import re

from stashgen.api.restore_session import RestoreComponent, RestorePhase
from stashgen.api.snapshot import Component, Driver, Phase, Snapshot
from stashgen.kubestash import layout
from stashgen_controller.result import ErrorClass
from stashgen_controller.worker.locks import clear_stale_locks
from stashgen_controller.worker.reporting import Reporter, restore_progress
from stashgen_controller.worker.run import Run, RunFailedError
from stashgen_controller.worker.writer import adopt

_ID = re.compile(r"[0-9a-f]{8,64}")


def restore(run: Run, component: str, reporter: Reporter) -> None:
    """Restore a component; files that the snapshot does not have stay as they are.

    Raises:
        RunFailedError, ResticError, StorageError: not everything was restored.
    """
    snapshot = Snapshot.from_wire(run.plan.snapshot)
    known = (snapshot.status.components if snapshot.status else None) or {}
    source = known.get(component)
    path = _path(snapshot, component, source)
    run.components[component] = Component(path=path, phase=Phase.RUNNING, driver=Driver.RESTIC)
    name = run.plan.restore_session or ""
    running = RestoreComponent(phase=RestorePhase.RUNNING)
    reporter.restore_session(name, {component: running})
    ids = _ids(source)
    if not ids:
        msg = f"Snapshot {snapshot.metadata.name} has no restic snapshot of component {component!r}"
        raise RunFailedError(ErrorClass.NO_SNAPSHOT, msg)
    restic = run.restic(path)
    clear_stale_locks(run, restic, path)

    def progress(message: dict[str, object]) -> None:
        if reporter.is_due():
            shown = running.model_copy(update={"progress": restore_progress(message)})
            reporter.restore_session(name, {component: shown})

    for id_ in ids:
        restic.run("restore", id_, "--target=/", "--sparse", on_progress=progress)
    if run.plan.adopt:
        adopt(run)
    run.finish_component(component, Phase.SUCCEEDED)


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
