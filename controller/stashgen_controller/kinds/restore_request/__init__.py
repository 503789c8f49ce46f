"""RestoreRequest: one RestoreSession for one reviewed act, resumed if it was interrupted."""

from collections.abc import Iterator

from stashgen.api.base import JsonObject, labels_of, namespace_of
from stashgen.api.labels import NONCE_LABEL
from stashgen.api.repository import Repository
from stashgen.api.resources import RESTORE_REQUESTS, RESTORE_SESSIONS
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.snapshot import Snapshot
from stashgen_controller.kinds.restore_request.decide import decide
from stashgen_controller.kinds.restore_request.observe import observe
from stashgen_controller.kinds.watches import keys_of as keys_of
from stashgen_controller.kinds.watches import outcome, spec, waiting_in_namespace, way_back
from stashgen_controller.listers.indexes.keys import is_finished, volume_key
from stashgen_controller.listers.indexes.restores import REQUESTS_BY_NONCE, UNFINISHED_REQUESTS
from stashgen_controller.runtime.kind import IndexKey, Kind, Place, Reader, Watch
from stashgen_controller.runtime.permission import CREATE, Permission, writes_status


def _of_restore(reader: Reader, restore: JsonObject) -> Iterator[Place]:
    nonce = labels_of(restore).get(NONCE_LABEL)
    if nonce:
        yield from reader.places(REQUESTS_BY_NONCE, namespace_of(restore), nonce)


def _uses(_reader: Reader, request: RestoreRequest) -> Iterator[IndexKey]:
    yield volume_key(request.metadata.namespace or "", request.spec.target.name)


KIND = Kind(
    RestoreRequest,
    observe,
    decide,
    # What it makes outlives it: it is nobody's owner.
    permissions=(writes_status(RESTORE_REQUESTS), Permission(RESTORE_SESSIONS, CREATE)),
    watches=(
        Watch(RestoreSession, _of_restore, lambda restore: (spec(restore), restore.get("status"))),
        waiting_in_namespace(Snapshot, UNFINISHED_REQUESTS, outcome),
        waiting_in_namespace(
            Repository,
            UNFINISHED_REQUESTS,
            lambda repository: (spec(repository), way_back(repository)),
        ),
    ),
    is_finished=is_finished,
    uses=_uses,
)
