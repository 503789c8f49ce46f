"""How RestoreSessions and RestoreRequests are found, what they work on and what they pin."""

from collections.abc import Iterator
from dataclasses import dataclass

from stashgen.api.base import (
    JsonObject,
    mapping_of,
    namespace_of,
)
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen_controller.listers.indexes.keys import (
    is_being_deleted,
    is_finished,
    is_restore_over,
    repository_key,
    spec_of,
    starting,
    unfinished,
    volume_key,
)
from stashgen_controller.runtime.kind import Index, IndexKey, phase_of
from stashgen_controller.runtime.malformed import is_marked


@dataclass(frozen=True, slots=True)
class RestoreNames:
    """What a restore works on; each is empty where it is not named.

    Attributes:
        target: The claim that it writes.
        repository: The Repository that it reads.
        snapshot: The one that it restores, or ``latest``.
    """

    target: str
    repository: str
    snapshot: str


def restore_names(restore: JsonObject) -> RestoreNames:
    """What a RestoreSession, as stored, works on.

    From its claim on that is what was recorded then: its spec may be changed at any time, its Job
    may not.
    """
    recorded = mapping_of(mapping_of(restore, "status"), "inEffect")
    source = recorded or mapping_of(spec_of(restore), "dataSource")
    target = recorded.get("target") or mapping_of(spec_of(restore), "target").get("name")
    repository, snapshot = source.get("repository"), source.get("snapshot")
    return RestoreNames(str(target or ""), str(repository or ""), str(snapshot or ""))


def _restored_into(restore: JsonObject) -> Iterator[IndexKey]:
    yield namespace_of(restore), restore_names(restore).target


def _restored_from(restore: JsonObject) -> Iterator[IndexKey]:
    yield namespace_of(restore), restore_names(restore).repository


def restore_uses(restore: JsonObject) -> Iterator[IndexKey]:
    """The volume that a restore writes and the Repository that it reads, where it names one."""
    namespace, names = namespace_of(restore), restore_names(restore)
    yield volume_key(namespace, names.target)
    if names.repository:
        yield repository_key(namespace, names.repository)


def restore_claims(restore: JsonObject) -> Iterator[IndexKey]:
    """Those while it runs: it records that before it makes its Job."""
    if mapping_of(restore, "status").get("executor") and not is_restore_over(restore):
        yield from restore_uses(restore)


def pins_by_restore(restore: JsonObject) -> bool:
    """Whether a RestoreSession, as stored, may need a Snapshot yet.

    One that cannot be read is Invalid only until somebody corrects it. One that was deleted and
    that a finalizer keeps begins no more.
    """
    if is_being_deleted(restore):
        return any(restore_claims(restore))
    return not is_restore_over(restore) or (is_marked(restore) and phase_of(restore) == "Invalid")


def pins_by_request(request: JsonObject) -> bool:
    """The same for a RestoreRequest, which is Failed as long as it cannot be read."""
    if is_being_deleted(request):
        return False
    return not is_finished(request) or (is_marked(request) and phase_of(request) == "Failed")


RESTORES_BY_TARGET = Index(RestoreSession, _restored_into)
# Under the empty name those that name a Snapshot only.
RESTORES_BY_REPOSITORY = Index(RestoreSession, _restored_from)
UNFINISHED_RESTORES = Index(
    RestoreSession, lambda obj: () if is_restore_over(obj) else ((namespace_of(obj),),)
)
STARTING_RESTORES = Index(RestoreSession, starting)
RESTORES_IN_TURN = Index(
    RestoreSession, lambda obj: () if is_restore_over(obj) else restore_uses(obj)
)
REQUESTS_BY_NONCE = Index(
    RestoreRequest, lambda obj: ((namespace_of(obj), str(spec_of(obj).get("nonce") or "")),)
)
UNFINISHED_REQUESTS = Index(RestoreRequest, unfinished)
# By namespace, those that cannot be read among them.
PINNING_RESTORES = Index(
    RestoreSession, lambda obj: ((namespace_of(obj),),) if pins_by_restore(obj) else ()
)
PINNING_REQUESTS = Index(
    RestoreRequest, lambda obj: ((namespace_of(obj),),) if pins_by_request(obj) else ()
)
