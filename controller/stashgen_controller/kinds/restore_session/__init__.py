"""RestoreSession: find the Snapshot, wait until the volume is free, restore by one Job."""

from collections.abc import Iterable

from stashgen.api.base import JsonObject
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.pod_template import PodTemplate
from stashgen.api.repository import Repository
from stashgen.api.resources import JOBS, RESTORE_SESSIONS
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestorePhase, RestoreSession
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kinds.restore_session.decide import decide
from stashgen_controller.kinds.restore_session.observe import observe
from stashgen_controller.kinds.watches import (
    claim_state,
    cluster_identity,
    existence,
    outcome,
    owned_jobs,
    reviewed_pod,
    turns,
    waiting_in_namespace,
    way_back,
)
from stashgen_controller.listers.claims import restore_keys
from stashgen_controller.listers.indexes.keys import is_finished as is_finished
from stashgen_controller.listers.indexes.keys import is_pushed
from stashgen_controller.listers.indexes.restores import (
    RESTORES_IN_TURN,
    STARTING_RESTORES,
    UNFINISHED_RESTORES,
)
from stashgen_controller.runtime.conditions import is_true
from stashgen_controller.runtime.kind import IndexKey, Kind, Reader, phase_of
from stashgen_controller.runtime.malformed import holds
from stashgen_controller.runtime.permission import (
    CREATE,
    Permission,
    blocks_deletion,
    writes_status,
)


def _is_over(restore: JsonObject) -> bool:
    """A good one is over, but for the word that its spec was changed.

    The Job of a failed one may still have to be deleted.
    """
    is_good = phase_of(restore) == RestorePhase.SUCCEEDED and is_pushed(restore)
    return is_good and not holds(_lacks_word, restore)


def _lacks_word(restore: JsonObject) -> bool:
    found = RestoreSession.from_wire(restore)
    conditions = found.status.conditions if found.status is not None else ()
    return found.was_changed is not is_true(conditions, ConditionType.CHANGED_AFTER_START)


def _uses(reader: Reader, restore: RestoreSession) -> Iterable[IndexKey]:
    return restore_keys(reader, restore)


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
        waiting_in_namespace(Repository, UNFINISHED_RESTORES, way_back),
        *turns(RESTORES_IN_TURN),
        waiting_in_namespace(RestoreRequest, UNFINISHED_RESTORES, existence),
        waiting_in_namespace(PodTemplate, UNFINISHED_RESTORES, reviewed_pod),
        waiting_in_namespace(PersistentVolumeClaim, UNFINISHED_RESTORES, claim_state),
        cluster_identity(RestoreSession),
    ),
    is_finished=_is_over,
    urgent=STARTING_RESTORES,
    uses=_uses,
    malformed_phase="Invalid",
)
