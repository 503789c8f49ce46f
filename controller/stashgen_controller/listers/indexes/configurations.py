"""How BackupConfigurations and RetentionPolicies are found."""

from collections.abc import Iterator

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import (
    JsonObject,
    list_of,
    name_of,
    namespace_of,
)
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.kubestash import names
from stashgen_controller.listers.indexes.keys import reference, spec_of, target_of
from stashgen_controller.runtime.kind import Index, IndexKey


def repository_names(configuration: JsonObject) -> Iterator[str]:
    """The Repositories that a BackupConfiguration's sessions write to, some more than once."""
    for session in list_of(spec_of(configuration), "sessions"):
        for repository in list_of(session, "repositories"):
            yield str(repository.get("name", ""))


def _backends(configuration: JsonObject, field: str) -> Iterator[IndexKey]:
    for backend in list_of(spec_of(configuration), "backends"):
        yield reference(backend, field, configuration)


def _lacks_defaults(configuration: JsonObject) -> Iterator[IndexKey]:
    backends = list_of(spec_of(configuration), "backends")
    if not backends or not all(backend.get("retentionPolicy") for backend in backends):
        yield ()


def _cron_jobs(configuration: JsonObject) -> Iterator[IndexKey]:
    namespace, name = namespace_of(configuration), name_of(configuration)
    for session in list_of(spec_of(configuration), "sessions"):
        yield namespace, names.cron_job_name(name, str(session.get("name") or ""))


CONFIGURATIONS_BY_TARGET = Index(BackupConfiguration, target_of)
CONFIGURATIONS_BY_REPOSITORY = Index(
    BackupConfiguration,
    lambda obj: ((namespace_of(obj), name) for name in repository_names(obj)),
)
CONFIGURATIONS_BY_STORAGE = Index(BackupConfiguration, lambda obj: _backends(obj, "storageRef"))
CONFIGURATIONS_BY_POLICY = Index(BackupConfiguration, lambda obj: _backends(obj, "retentionPolicy"))
# Those that take a default storage or retention policy, under the empty key.
CONFIGURATIONS_WITH_DEFAULTS = Index(BackupConfiguration, _lacks_defaults)
CONFIGURATIONS_BY_CRON_JOB = Index(BackupConfiguration, _cron_jobs)
# Under the empty key.
DEFAULT_POLICIES = Index(RetentionPolicy, lambda obj: ((),) if spec_of(obj).get("default") else ())
