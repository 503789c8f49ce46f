"""What strict mode does not serve: objects that nobody compiled.

For plain KubeStash manifests the controller would have to make CronJobs, Repositories and pods that
nobody reviewed, and may not. They get a condition that says so, and nothing else.
"""

from datetime import datetime

from stashgen.api.backup_configuration import BackupConfiguration, BackupConfigurationStatus
from stashgen.api.backup_storage import BackupStorage, BackupStorageStatus
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository, RepositoryStatus
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_STORAGES,
    REPOSITORIES,
    Resource,
)
from stashgen.api.shared import Condition
from stashgen.kubestash import phases
from stashgen_controller.conditions import NOT_COMPILED, condition, with_condition
from stashgen_controller.decision import Decision
from stashgen_controller.observing import RENDERED_ANNOTATION, is_rendered

_WHY = (
    "This controller runs in strict mode, which serves only what stashgen build made "
    f"(annotation {RENDERED_ANNOTATION}): for other objects it would have to start pods that "
    "nobody reviewed."
)


def refuse_plain(resource: Resource, obj: JsonObject, now: datetime) -> Decision | None:
    """The condition of an object that was not compiled; None for all that is served."""
    if resource == BACKUP_CONFIGURATIONS:
        return _configuration(BackupConfiguration.from_wire(obj), now)
    if resource == REPOSITORIES:
        return _repository(Repository.from_wire(obj), now)
    if resource == BACKUP_STORAGES:
        return _storage(BackupStorage.from_wire(obj), now)
    return None


def _configuration(model: BackupConfiguration, now: datetime) -> Decision | None:
    if is_rendered(model.metadata):
        return None
    status = model.status or BackupConfigurationStatus()
    conditions = _refused(status.conditions, "ValidationPassed", now)
    status = status.model_copy(update={"conditions": conditions})
    phase = phases.backup_configuration_phase(model, status)
    return Decision(status=status.model_copy(update={"phase": phase}).to_wire())


def _repository(model: Repository, now: datetime) -> Decision | None:
    if is_rendered(model.metadata):
        return None
    status = model.status or RepositoryStatus()
    conditions = _refused(status.conditions, "RepositoryInitialized", now)
    status = status.model_copy(update={"conditions": conditions})
    phase = phases.repository_phase(status)
    return Decision(status=status.model_copy(update={"phase": phase}).to_wire())


def _storage(model: BackupStorage, now: datetime) -> Decision | None:
    if is_rendered(model.metadata):
        return None
    status = model.status or BackupStorageStatus()
    conditions = _refused(status.conditions, "BackendInitialized", now)
    status = status.model_copy(update={"conditions": conditions})
    phase = phases.backup_storage_phase(status)
    return Decision(status=status.model_copy(update={"phase": phase}).to_wire())


def _refused(conditions: tuple[Condition, ...], type_: str, now: datetime) -> tuple[Condition, ...]:
    refused = condition(type_, status=False, reason=NOT_COMPILED, message=_WHY, now=now)
    return with_condition(conditions, refused)
