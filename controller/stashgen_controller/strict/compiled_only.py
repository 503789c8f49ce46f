"""What strict mode does not serve: objects that nobody compiled.

For plain KubeStash manifests the controller would have to make CronJobs, Repositories and pods that
nobody reviewed, and may not. They get a condition that says so, and nothing else.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from stashgen.api.backup_configuration import BackupConfiguration, BackupConfigurationStatus
from stashgen.api.backup_storage import BackupStorage, BackupStorageStatus
from stashgen.api.base import JsonObject
from stashgen.api.labels import RENDERED_ANNOTATION, is_rendered
from stashgen.api.meta import ObjectMeta
from stashgen.api.repository import Repository, RepositoryStatus
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_STORAGES,
    REPOSITORIES,
    Resource,
)
from stashgen.api.shared import Condition
from stashgen.kubestash import phases
from stashgen_controller.runtime.conditions import NOT_COMPILED, condition, with_condition
from stashgen_controller.runtime.decision import Decision

_WHY = (
    "This controller runs in strict mode, which serves only what stashgen build made "
    f"(annotation {RENDERED_ANNOTATION}): for other objects it would have to start pods that "
    "nobody reviewed."
)


def refuse_plain(resource: Resource, obj: JsonObject, now: datetime) -> Decision | None:
    """The condition of an object that was not compiled; None for all that is served."""
    refuse = _REFUSALS.get(resource)
    if refuse is None or is_rendered(ObjectMeta.model_validate(obj["metadata"])):
        return None
    return Decision(status=refuse(obj, now))


def _configuration(obj: JsonObject, now: datetime) -> JsonObject:
    model = BackupConfiguration.from_wire(obj)
    status = model.status or BackupConfigurationStatus()
    conditions = _refused(status.conditions, "ValidationPassed", now)
    status = status.model_copy(update={"conditions": conditions})
    phase = phases.backup_configuration_phase(model, status)
    return status.model_copy(update={"phase": phase}).to_wire()


def _repository(obj: JsonObject, now: datetime) -> JsonObject:
    status = Repository.from_wire(obj).status or RepositoryStatus()
    conditions = _refused(status.conditions, "RepositoryInitialized", now)
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.repository_phase(status)}).to_wire()


def _storage(obj: JsonObject, now: datetime) -> JsonObject:
    status = BackupStorage.from_wire(obj).status or BackupStorageStatus()
    conditions = _refused(status.conditions, "BackendInitialized", now)
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.backup_storage_phase(status)}).to_wire()


def _refused(conditions: tuple[Condition, ...], type_: str, now: datetime) -> tuple[Condition, ...]:
    refused = condition(type_, status=False, reason=NOT_COMPILED, message=_WHY, now=now)
    return with_condition(conditions, refused)


_REFUSALS: Mapping[Resource, Callable[[JsonObject, datetime], JsonObject]] = {
    BACKUP_CONFIGURATIONS: _configuration,
    REPOSITORIES: _repository,
    BACKUP_STORAGES: _storage,
}
