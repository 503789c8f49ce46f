"""What strict mode does not serve: objects that were not compiled.

For plain KubeStash manifests the controller would have to create CronJobs, Repositories and pods
that have not been reviewed, and may not. They get a condition that says so, and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from stashgen.api.backup_configuration import BackupConfiguration, BackupConfigurationStatus
from stashgen.api.backup_storage import BackupStorage, BackupStorageStatus
from stashgen.api.base import JsonObject
from stashgen.api.labels import RENDERED_ANNOTATION, is_rendered
from stashgen.api.meta import Kind as ApiKind
from stashgen.api.repository import Repository, RepositoryStatus
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_STORAGES,
    REPOSITORIES,
    Resource,
)
from stashgen.api.shared import Condition
from stashgen.kubestash import phases
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import condition, with_condition
from stashgen_controller.runtime.decision import Decision
from stashgen_controller.runtime.kind import Kind, Reader

_WHY = (
    "This controller runs in strict mode and serves only objects rendered by stashgen build "
    f"(annotation {RENDERED_ANNOTATION}): for any other it would have to start pods that have not "
    "been reviewed."
)


def compiled_only(kinds: Iterable[Kind[Any, Any]]) -> tuple[Kind[Any, Any], ...]:
    """The kinds, of which those that would need unreviewed pods serve compiled objects only."""
    return tuple(_wrapped(kind) for kind in kinds)


def _wrapped(kind: Kind[Any, Any]) -> Kind[Any, Any]:
    refuse = _REFUSALS.get(kind.resource)
    if refuse is None:
        return kind

    def observe(reader: Reader, obj: ApiKind) -> object:
        return kind.observe(reader, obj) if is_rendered(obj.metadata) else obj

    def decide(seen: object, now: datetime) -> Decision:
        if isinstance(seen, kind.model):
            return Decision(status=refuse(seen, now))
        return kind.decide(seen, now)

    return replace(kind, observe=observe, decide=decide)


def _configuration(model: BackupConfiguration, now: datetime) -> JsonObject:
    status = model.status or BackupConfigurationStatus()
    conditions = _refused(status.conditions, ConditionType.VALIDATION_PASSED, now)
    status = status.model_copy(update={"conditions": conditions})
    phase = phases.backup_configuration_phase(model, status)
    return status.model_copy(update={"phase": phase}).to_wire()


def _repository(model: Repository, now: datetime) -> JsonObject:
    status = model.status or RepositoryStatus()
    conditions = _refused(status.conditions, ConditionType.REPOSITORY_INITIALIZED, now)
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.repository_phase(status)}).to_wire()


def _storage(model: BackupStorage, now: datetime) -> JsonObject:
    status = model.status or BackupStorageStatus()
    conditions = _refused(status.conditions, ConditionType.BACKEND_INITIALIZED, now)
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.backup_storage_phase(status)}).to_wire()


def _refused(conditions: tuple[Condition, ...], type_: str, now: datetime) -> tuple[Condition, ...]:
    refused = condition(type_, status=False, reason=Cause.NOT_COMPILED, message=_WHY, now=now)
    return with_condition(conditions, refused)


_REFUSALS: Mapping[Resource, Callable[[Any, datetime], JsonObject]] = {
    BACKUP_CONFIGURATIONS: _configuration,
    REPOSITORIES: _repository,
    BACKUP_STORAGES: _storage,
}
