"""restore: bring a Snapshot's files back to where they were taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from stashgen.api.restore_session import RestoreComponent, RestorePhase
from stashgen.api.snapshot import Component, Driver, Phase, Snapshot
from stashgen.kubestash.quantities import format_duration
from stashgen_controller.restic import ResticError
from stashgen_controller.result import ErrorClass
from stashgen_controller.worker.reporting import Reporter, restore_progress
from stashgen_controller.worker.run import Run, RunFailedError
from stashgen_controller.worker.writer import adopt


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    """The arguments of the restore: which component, and which files of it (all by default)."""

    component: str
    include: Sequence[str]
    exclude: Sequence[str]


def restore(run: Run, order: RestoreOrder, reporter: Reporter) -> None:
    """Restore one component; files that the snapshot does not have stay as they are.

    Raises:
        RunFailedError, ResticError: not everything was restored.
    """
    snapshot = Snapshot.from_wire(run.plan.snapshot)
    known = (snapshot.status.components if snapshot.status else None) or {}
    source = known.get(order.component)
    run.components[order.component] = Component(
        path=source.path if source else None, phase=Phase.RUNNING, driver=Driver.RESTIC
    )
    name = run.plan.restore_session or ""
    reporter.restore_session(name, {order.component: _component(run, order.component)}, None)
    try:
        _restore(run, order, reporter, source, snapshot.metadata.name)
        _finish(run, order.component, Phase.SUCCEEDED)
        if run.plan.adopt:
            adopt(run)
    except (ResticError, RunFailedError) as error:
        _finish(run, order.component, Phase.FAILED, error=str(error))
        raise
    finally:
        shown = _component(run, order.component)
        phase = shown.phase.value if shown.phase is not None else None
        reporter.restore_session(name, {order.component: shown}, phase)


def _restore(
    run: Run, order: RestoreOrder, reporter: Reporter, source: Component | None, snapshot: str
) -> None:
    ids = [
        item.summary.id
        for item in (source.restic_stats if source else None) or ()
        if item.summary is not None and item.summary.id
    ]
    if source is None or not ids:
        msg = f"Snapshot {snapshot} has no restic snapshot of component {order.component!r}"
        raise RunFailedError(ErrorClass.NO_SNAPSHOT, msg)
    restic = run.restic(source.path or "")
    filters = [f"--include={item}" for item in order.include]
    filters += [f"--exclude={item}" for item in order.exclude]

    def progress(message: dict[str, object]) -> None:
        if reporter.is_due():
            shown = _component(run, order.component).model_copy(
                update={"progress": restore_progress(message)}
            )
            reporter.restore_session(run.plan.restore_session or "", {order.component: shown}, None)

    for id_ in ids:
        restic.run("restore", id_, "--target=/", *filters, on_message=progress)


def _component(run: Run, name: str) -> RestoreComponent:
    component = run.components[name]
    return RestoreComponent(
        phase=RestorePhase(component.phase.value) if component.phase is not None else None,
        duration=component.duration,
        error=component.error,
    )


def _finish(run: Run, name: str, phase: Phase, *, error: str | None = None) -> None:
    run.components[name] = run.components[name].model_copy(
        update={
            "phase": phase,
            "error": error,
            "duration": format_duration(run.now() - run.started),
        }
    )
