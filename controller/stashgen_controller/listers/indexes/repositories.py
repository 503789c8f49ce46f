"""How Repositories are found, and what they work on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from stashgen.api.base import (
    JsonObject,
    list_of,
    mapping_of,
    name_of,
    namespace_of,
)
from stashgen.api.repository import Repository
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.listers.indexes.keys import (
    is_being_deleted,
    named_templates,
    reference,
    repository_key,
    spec_of,
    volume_key,
)
from stashgen_controller.runtime.kind import CoveringIndex, Index, IndexKey


def _place(repository: JsonObject) -> Iterator[IndexKey]:
    path = str(spec_of(repository).get("path") or "").strip("/")
    yield (*reference(spec_of(repository), "storageRef", repository), path)


def repository_uses(repository: JsonObject) -> Iterator[IndexKey]:
    """The Repository itself and its volume."""
    namespace, app = namespace_of(repository), mapping_of(spec_of(repository), "appRef")
    yield repository_key(namespace, name_of(repository))
    yield volume_key(namespace, str(app.get("name") or ""))


def repository_claims(repository: JsonObject) -> Iterator[IndexKey]:
    """Those while a Job of its own is at work: it records that before it makes one."""
    status = mapping_of(repository, "status")
    executor, resync = mapping_of(status, "executor"), mapping_of(status, "snapshotResync")
    page = mapping_of(resync, "executor") if resync.get("phase") == "Running" else {}
    is_initializing = executor and not executor.get("ended") and not _is_initialized(repository)
    if is_initializing or (page and not page.get("ended")) or is_in_upkeep(repository):
        yield from repository_uses(repository)


def lost_pod_claims(repository: JsonObject) -> Iterator[IndexKey]:
    """Those of pods that may run on although they and their owners are gone."""
    lost = list_of(mapping_of(repository, "status"), "lostPods")
    if lost:
        yield from repository_uses(repository)
    for item in lost:
        for claim in cast("list[str]", item.get("claims") or []):
            yield volume_key(namespace_of(repository), claim)


def is_in_upkeep(repository: JsonObject) -> bool:
    """Whether a Repository, as stored, is being pruned or checked."""
    upkeep = mapping_of(mapping_of(repository, "status"), "upkeep")
    executor = mapping_of(upkeep, "executor")
    return bool(executor) and not executor.get("ended")


@dataclass(frozen=True, slots=True, order=True)
class WaitingRepository:
    """One that is to be pruned or checked, in the order in which that became due."""

    since: str
    namespace: str
    name: str


def _waiting_since(repository: JsonObject) -> str:
    upkeep = mapping_of(mapping_of(repository, "status"), "upkeep")
    return str(upkeep.get("waitingSince") or "")


def _waits_for_upkeep(repository: JsonObject) -> bool:
    is_ready = mapping_of(repository, "status").get("phase") == "Ready"
    return is_ready and bool(_waiting_since(repository))


def _has_settled(repository: JsonObject) -> bool:
    resync = mapping_of(mapping_of(repository, "status"), "snapshotResync")
    return _is_initialized(repository) and resync.get("phase") in {None, "Finished"}


def _is_initialized(repository: JsonObject) -> bool:
    return any(
        item.get("type") == ConditionType.REPOSITORY_INITIALIZED and item.get("status") == "True"
        for item in list_of(mapping_of(repository, "status"), "conditions")
    )


@dataclass(frozen=True, slots=True)
class StoredRepository:
    """What a BackupStorage sums up of a Repository in it: of thousands, at each backup's end."""

    namespace: str
    name: str
    path: str | None
    size: str | None


def _stored_repository(obj: JsonObject) -> StoredRepository:
    path, size = spec_of(obj).get("path"), mapping_of(obj, "status").get("size")
    return StoredRepository(
        namespace_of(obj),
        name_of(obj),
        path if isinstance(path, str) else None,
        size if isinstance(size, str) else None,
    )


REPOSITORIES_BY_STORAGE: CoveringIndex[Repository, StoredRepository] = CoveringIndex(
    Repository,
    lambda obj: (reference(spec_of(obj), "storageRef", obj) for _ in (1,)),
    _stored_repository,
)
REPOSITORIES_BY_TARGET = Index(
    Repository,
    lambda obj: ((namespace_of(obj), str(mapping_of(spec_of(obj), "appRef").get("name") or "")),),
)
# Storage's namespace and name, and the directory in it.
REPOSITORIES_BY_PLACE = Index(Repository, _place)
CLAIMING_REPOSITORIES = Index(Repository, repository_claims)
# Under the empty key. One that is being deleted is not looked at any more, and a finalizer may keep
# it for ever: it takes nobody's turn.
REPOSITORIES_IN_UPKEEP = Index(
    Repository, lambda obj: ((),) if is_in_upkeep(obj) and not is_being_deleted(obj) else ()
)
# Under the empty key, those for whose upkeep only a turn is missing. Whatever cannot be read, or is
# not Ready, keeps nobody from it.
WAITING_FOR_UPKEEP: CoveringIndex[Repository, WaitingRepository] = CoveringIndex(
    Repository,
    lambda obj: ((),) if _waits_for_upkeep(obj) and not is_being_deleted(obj) else (),
    lambda obj: WaitingRepository(_waiting_since(obj), namespace_of(obj), name_of(obj)),
)
# Under the empty key, those of which the last check found damage.
DAMAGED_REPOSITORIES = Index(
    Repository,
    lambda obj: ((),) if mapping_of(obj, "status").get("integrity") is False else (),
)
UNSETTLED_REPOSITORIES = Index(
    Repository, lambda obj: () if _has_settled(obj) else repository_uses(obj)
)
# By what pods work on that may run although they are gone.
LOST_PODS = Index(Repository, lost_pod_claims)
REPOSITORIES_BY_TEMPLATE = Index(Repository, named_templates)
