"""What is to be known about one BackupStorage before anything is decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from stashgen.api.backup_storage import BackupStorage, BackupStorageStatus
from stashgen.api.base import JsonObject
from stashgen.api.labels import is_rendered
from stashgen.api.resources import BACKUP_STORAGES
from stashgen.api.shared import ConditionStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.defaults import with_storage_defaults
from stashgen.kubestash.pods import templates
from stashgen.kubestash.pods.settings import settings_from_storage
from stashgen.kubestash.pods.templates import UnsupportedStorageError
from stashgen.kubestash.validation.storages import storage_place, validate_backup_storage
from stashgen.kubestash.verbs import Template
from stashgen_controller.jobs.observe import observe_job
from stashgen_controller.jobs.refusals import refused_storage
from stashgen_controller.jobs.run import JobRun
from stashgen_controller.jobs.templates import rendered_template
from stashgen_controller.listers.indexes.repositories import (
    REPOSITORIES_BY_STORAGE,
    StoredRepository,
)
from stashgen_controller.listers.indexes.storages import DEFAULT_STORAGES, STORAGES_BY_PLACE
from stashgen_controller.listers.objects import cluster_uid, without_status
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupStorage.

    Attributes:
        obj: As stored, without its status.
        storage: The same as a model.
        template: The pod template of the initialiser; None while git has not applied it yet, and
            with a ``problem`` where there can be none.
        problem: Why no pod can initialise this storage.
        run: The recorded attempt's Job.
        repositories: All Repositories that name this storage, sorted by namespace and name.
        cluster_uid: None only while the cache of namespaces is empty.
    """

    obj: JsonObject
    storage: BackupStorage
    template: JsonObject | None
    problem: Reason | None
    run: JobRun
    repositories: Sequence[StoredRepository]
    cluster_uid: str | None

    @property
    def status(self) -> BackupStorageStatus:
        """The stored status, or an empty one."""
        return self.storage.status or BackupStorageStatus()

    @property
    def is_initialized(self) -> bool:
        """The backend was initialised for the spec as it is now."""
        return is_initialized(self.storage)


def is_initialized(storage: BackupStorage) -> bool:
    """Whether the backend was initialised for the spec as it is now."""
    conditions = storage.status.conditions if storage.status is not None else ()
    known = find(conditions, ConditionType.BACKEND_INITIALIZED)
    return (
        known is not None
        and known.status is ConditionStatus.TRUE
        and known.observed_generation == storage.metadata.generation
    )


def observe(reader: Reader, storage: BackupStorage) -> Observed:
    """Collect what ``decide`` needs to know about a storage."""
    namespace, name = storage.metadata.namespace or "", storage.metadata.name
    template, problem = _template(reader, storage)
    known = storage.status.executor if storage.status else None
    repositories = reader.values(REPOSITORIES_BY_STORAGE, namespace, name)
    return Observed(
        obj=without_status(reader, BACKUP_STORAGES, namespace, name) or {},
        storage=storage,
        template=template,
        problem=problem,
        run=observe_job(
            reader,
            namespace=namespace,
            name=known.job if known else "",
            executor=known,
            owner=storage.metadata,
            is_settled=is_initialized(storage),
        ),
        repositories=sorted(repositories, key=lambda item: (item.namespace, item.name)),
        cluster_uid=cluster_uid(reader),
    )


def _came_first(other: BackupStorage, storage: BackupStorage) -> bool:
    return _rank(other) < _rank(storage)


def _rank(storage: BackupStorage) -> tuple[bool, str, tuple[str, str]]:
    return not is_initialized(storage), str(storage.metadata.creation_timestamp), storage.key


def _template(reader: Reader, storage: BackupStorage) -> tuple[JsonObject | None, Reason | None]:
    storage_as_meant = with_storage_defaults(storage)
    place = storage_place(storage_as_meant.spec.storage)
    candidates = [
        *reader.by(DEFAULT_STORAGES),
        *(reader.by(STORAGES_BY_PLACE, *place) if place is not None else ()),
    ]
    # Whoever makes a second default or another storage of the same place must not stop the one
    # that is there.
    others = {item.key: item for item in candidates if _came_first(item, storage)}
    invalid = validate_backup_storage(
        storage_as_meant, (with_storage_defaults(others[key]) for key in sorted(others))
    )
    if invalid:
        return None, Reason(Cause.INVALID_FIELD, "; ".join(invalid))
    refusal = refused_storage(storage)
    if refusal is not None:
        return None, refusal
    if is_rendered(storage.metadata):
        return rendered_template(reader, storage.metadata, Template.INIT_STORAGE), None
    try:
        return templates.init_storage_template(storage, settings_from_storage(storage)), None
    except UnsupportedStorageError as error:
        return None, Reason(Cause.UNSUPPORTED_FIELD, str(error))
