"""What is to be known about one RestoreSession before anything is decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.labels import ORDER_ANNOTATION
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    ADDONS,
    RESTORE_REQUESTS,
    SNAPSHOTS,
)
from stashgen.api.restore_request import LATEST
from stashgen.api.restore_session import RestorePhase, RestoreSession, RestoreSessionStatus
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.jobs.observe import observe_job
from stashgen_controller.jobs.run import JobRun, RunState
from stashgen_controller.jobs.templates import UnresolvedError, restore_template
from stashgen_controller.listers.claims import Claimant, claimants, restore_keys
from stashgen_controller.listers.indexes.configurations import CONFIGURATIONS_BY_TARGET
from stashgen_controller.listers.objects import claim_uid, cluster_uid, why_not_bound
from stashgen_controller.listers.pods import terminated_pods
from stashgen_controller.listers.snapshots import find_snapshot, why_incomplete, why_not_back
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_spec import RestoreOrder, order_of
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import is_true
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one RestoreSession.

    Attributes:
        restore: As stored, but with the spec that is in effect.
        was_changed: Its own spec says something else by now.
        run: The restore Job.
        repository: That the snapshot is of; None where there is none.
        snapshot: The one to restore; None where none matches.
        incomplete: Why another one may still come back from the bucket that would match; only while
            there is no Job.
        snapshot_object: The same with its status, for the plan.
        template: The restore pod; None with a ``problem``, and once there is a Job.
        problem: Why no Job can be made now.
        addon_found: The Addon exists.
        claimants: Who keeps it from beginning; only while it has not begun.
        configurations: Names of the BackupConfigurations of the target.
        order: Of a RestoreRequest; None for a plain restore.
        request_is_gone: Nobody asks for it any more.
        order_problem: Why the order cannot be read.
        claim_uid, cluster_uid: For the record of writers.
        not_bound: Why there is no volume behind the target.
        terminated_pods: That worked on the repository and are gone, for the plan.
    """

    restore: RestoreSession
    was_changed: bool
    run: JobRun
    repository: Repository | None
    snapshot: Snapshot | None
    incomplete: Reason | None
    snapshot_object: JsonObject | None
    template: JsonObject | None
    problem: Reason | None
    addon_found: bool
    claimants: Sequence[Claimant]
    configurations: tuple[str, ...]
    order: RestoreOrder | None
    request_is_gone: bool
    order_problem: str | None
    claim_uid: str | None
    cluster_uid: str | None
    not_bound: Reason | None
    terminated_pods: tuple[str, ...]

    @property
    def status(self) -> RestoreSessionStatus:
        """The stored status, or an empty one."""
        return self.restore.status or RestoreSessionStatus()

    @property
    def claim(self) -> str:
        """The target's name."""
        return self.restore.spec.target.name if self.restore.spec.target is not None else ""

    @property
    def is_in_place(self) -> bool:
        """Whether the target is the claim that the repository is of."""
        app = self.repository.spec.app_ref if self.repository is not None else None
        return app is not None and app.name == self.claim


def observe(reader: Reader, restore: RestoreSession) -> Observed:
    """Collect what ``decide`` needs to know about a restore."""
    was_changed = restore.was_changed
    restore = restore.model_copy(update={"spec": restore.spec_in_effect})
    namespace = restore.metadata.namespace or ""
    source = restore.spec.data_source
    snapshot = (
        find_snapshot(reader, namespace, source.repository, source.snapshot)
        if source is not None and source.snapshot
        else None
    )
    order, order_problem = _order(restore)
    repository_name = (snapshot.spec.repository if snapshot else None) or (
        source.repository if source else None
    )
    repository = reader.get(Repository, namespace, repository_name or "")
    claim = restore.spec.target.name if restore.spec.target is not None else ""
    addon = restore.spec.addon
    run = observe_job(
        reader,
        namespace=namespace,
        name=restore.metadata.name,
        executor=restore.status.executor if restore.status else None,
        owner=restore.metadata,
        reported=_reported(restore),
        is_settled=restore.is_finished and is_pushed(restore),
    )
    # What only a plan needs is not looked for once there is one.
    begins = run.state is RunState.ABSENT
    template, problem = _template(reader, restore, repository) if begins else (None, None)
    return Observed(
        restore=restore,
        was_changed=was_changed,
        run=run,
        repository=repository,
        snapshot=snapshot,
        incomplete=_incomplete(reader, restore, snapshot) if begins else None,
        snapshot_object=(
            reader.stored(SNAPSHOTS, *snapshot.key) if begins and snapshot is not None else None
        ),
        template=template,
        problem=problem,
        addon_found=reader.has(ADDONS, None, (addon.name if addon else None) or ""),
        claimants=claimants(
            reader,
            namespace,
            restore_keys(reader, restore),
            uid=restore.metadata.uid,
            goes_first=True,
        )
        if begins and not restore.is_finished
        else (),
        configurations=_configurations(reader, namespace, claim),
        order=order,
        request_is_gone=order is not None
        and not reader.has(RESTORE_REQUESTS, namespace, order.request),
        order_problem=order_problem,
        claim_uid=claim_uid(reader, namespace, claim),
        not_bound=why_not_bound(reader, namespace, claim),
        cluster_uid=cluster_uid(reader),
        terminated_pods=(
            terminated_pods(reader, namespace, repository_name or "") if begins else ()
        ),
    )


def _reported(restore: RestoreSession) -> Phase | None:
    """How the worker said that it ended; None as long as it says nothing of an end."""
    components = (restore.status.components if restore.status is not None else None) or {}
    found = {item.phase for item in components.values()}
    if not found <= {RestorePhase.SUCCEEDED, RestorePhase.FAILED} or not found:
        return None
    return Phase.FAILED if RestorePhase.FAILED in found else Phase.SUCCEEDED


def is_pushed(restore: RestoreSession) -> bool:
    """Whether the controller has had its last word."""
    conditions = restore.status.conditions if restore.status is not None else ()
    return is_true(conditions, ConditionType.METRICS_PUSHED)


def _incomplete(
    reader: Reader, restore: RestoreSession, snapshot: Snapshot | None
) -> Reason | None:
    """Why it is not final yet which Snapshot is meant."""
    namespace, source = restore.metadata.namespace or "", restore.spec.data_source
    if source is None or not source.snapshot:
        return None
    if not source.repository:
        return why_not_back(reader, namespace, source.snapshot) if snapshot is None else None
    if snapshot is not None and source.snapshot != LATEST:
        return None
    return why_incomplete(reader, namespace, source.repository)


def _order(restore: RestoreSession) -> tuple[RestoreOrder | None, str | None]:
    try:
        return order_of(restore), None
    except ValidationError:
        return None, f"metadata.annotations: {ORDER_ANNOTATION} cannot be read"


def _template(
    reader: Reader, restore: RestoreSession, repository: Repository | None
) -> tuple[JsonObject | None, Reason | None]:
    if repository is None:
        return None, Reason(Cause.NO_REPOSITORY, "the Repository does not exist")
    storage = reader.get(BackupStorage, *repository.storage_key)
    try:
        return restore_template(reader, repository, storage, restore), None
    except UnresolvedError as error:
        return None, error.reason


def _configurations(reader: Reader, namespace: str, claim: str) -> tuple[str, ...]:
    found = reader.by(CONFIGURATIONS_BY_TARGET, namespace, claim)
    return tuple(sorted(item.metadata.name for item in found))
