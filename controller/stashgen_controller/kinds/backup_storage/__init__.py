"""BackupStorage: have the backend initialised once by a Job, sum up the repositories in it."""

from collections.abc import Iterator

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, mapping_of, namespace_of
from stashgen.api.repository import Repository
from stashgen.api.resources import BACKUP_STORAGES, JOBS
from stashgen_controller.kinds.backup_storage.decide import decide
from stashgen_controller.kinds.backup_storage.observe import observe
from stashgen_controller.kinds.watches import (
    cluster_identity,
    owned_jobs,
    pod_templates,
    spec,
)
from stashgen_controller.listers.indexes.keys import reference
from stashgen_controller.listers.indexes.storages import (
    DEFAULT_STORAGES,
    STORAGES_BY_PLACE,
    STORAGES_BY_TEMPLATE,
)
from stashgen_controller.runtime.kind import Kind, Place, Reader, Watch
from stashgen_controller.runtime.permission import (
    CREATE,
    Permission,
    blocks_deletion,
    writes_status,
)


def _of_repository(_reader: Reader, repository: JsonObject) -> Iterator[Place]:
    yield reference(mapping_of(repository, "spec"), "storageRef", repository)


def _place_and_size(repository: JsonObject) -> object:
    return repository.get("spec"), mapping_of(repository, "status").get("size")


def _beside(reader: Reader, storage: JsonObject) -> Iterator[Place]:
    """Those of which one may be refused because of the other: defaults, and the same place."""
    for key in STORAGES_BY_PLACE.keys(storage):
        yield from reader.places(STORAGES_BY_PLACE, *key)
    for other in reader.by(DEFAULT_STORAGES):
        if other.key[0] == namespace_of(storage):
            yield other.key


KIND = Kind(
    BackupStorage,
    observe,
    decide,
    permissions=(
        writes_status(BACKUP_STORAGES),
        blocks_deletion(BACKUP_STORAGES),
        Permission(JOBS, (*CREATE, "delete")),
    ),
    watches=(
        *owned_jobs(BackupStorage),
        Watch(Repository, _of_repository, _place_and_size),
        Watch(BackupStorage, _beside, spec),
        pod_templates(STORAGES_BY_TEMPLATE),
        cluster_identity(BackupStorage),
    ),
    malformed_phase="NotReady",
    waiting_phase="NotReady",
)
