"""RestoreSession: find the Snapshot, wait until the volume is free, restore by one Job."""

from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.pod_template import PodTemplate
from stashgen.api.resources import JOBS, RESTORE_SESSIONS
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestorePhase, RestoreSession
from stashgen.api.snapshot import Snapshot
from stashgen_controller.kinds.restore_session.decide import decide
from stashgen_controller.kinds.restore_session.observe import observe
from stashgen_controller.kinds.watches import (
    cluster_identity,
    existence,
    is_pushed,
    outcome,
    owned_jobs,
    reviewed_pod,
    waiting_in_namespace,
)
from stashgen_controller.listers.indexes import UNFINISHED_RESTORES
from stashgen_controller.listers.indexes import is_finished as is_finished
from stashgen_controller.runtime.kind import Kind, Reader, phase_of
from stashgen_controller.runtime.permission import (
    CREATE,
    Permission,
    blocks_deletion,
    writes_status,
)


def _is_over(restore: JsonObject) -> bool:
    """A good one is never changed again; the Job of a failed one may still have to be deleted."""
    return phase_of(restore) == RestorePhase.SUCCEEDED and is_pushed(restore)


def _volume(_reader: Reader, restore: RestoreSession) -> str | None:
    return restore.spec.target.name if restore.spec.target is not None else None


def _awaits_start(restore: RestoreSession) -> bool:
    return restore.status is None or restore.status.phase is None


KIND = Kind(
    RestoreSession,
    observe,
    decide,
    permissions=(
        writes_status(RESTORE_SESSIONS),
        blocks_deletion(RESTORE_SESSIONS),
        Permission(JOBS, (*CREATE, "delete")),
    ),
    watches=(
        *owned_jobs(RestoreSession),
        waiting_in_namespace(Snapshot, UNFINISHED_RESTORES, outcome),
        waiting_in_namespace(BackupSession, UNFINISHED_RESTORES, outcome),
        waiting_in_namespace(RestoreSession, UNFINISHED_RESTORES, outcome),
        waiting_in_namespace(RestoreRequest, UNFINISHED_RESTORES, existence),
        waiting_in_namespace(PodTemplate, UNFINISHED_RESTORES, reviewed_pod),
        waiting_in_namespace(PersistentVolumeClaim, UNFINISHED_RESTORES, existence),
        cluster_identity(RestoreSession),
    ),
    is_finished=_is_over,
    is_urgent=_awaits_start,
    volume=_volume,
)
