"""Where a Job's pod comes from: the reviewed PodTemplate in git, or the same resolver at run time.

For a rendered object only what git has applied counts. For plain KubeStash manifests Addon and
Function are resolved here by the functions that the compiler uses.
"""

from typing import cast

from pydantic import JsonValue

from stashgen.api.addon import Addon
from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.repository import Repository
from stashgen.api.resources import ADDONS, BACKUP_CONFIGURATIONS, FUNCTIONS, RETENTION_POLICIES
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import AddonInfo, ObjectReference, TaskReference
from stashgen.kubestash import executor
from stashgen.kubestash.addons import DATA_VOLUME
from stashgen.kubestash.executor import UnsupportedAddonError
from stashgen.kubestash.pod_settings import settings_from_addon
from stashgen_controller.observing import is_rendered, rendered_template
from stashgen_controller.reconciler import Reader

COMPONENT = "dump"


class UnresolvedError(Exception):
    """Something that a pod is made of is missing or not supported; the text says what."""


def maintain_template(
    reader: Reader, repository: Repository, storage: BackupStorage | None
) -> JsonObject | None:
    """The pod of init-repository and retain; None while something that it needs is missing."""
    if is_rendered(repository.metadata):
        return rendered_template(reader, repository.metadata, "maintain")
    if storage is None:
        return None
    sessions: list[str] = []
    retention: RetentionPolicy | None = None
    addon: AddonInfo | None = None
    for configuration in configurations_of(reader, repository):
        for session in configuration.spec.sessions:
            for item in session.repositories or ():
                if item.name == repository.metadata.name:
                    sessions.append(session.name or "")
                    addon = addon or session.addon
                    reference = _retention_reference(configuration, item.backend)
                    retention = retention or retention_policy(
                        reader, configuration.metadata.namespace or "", reference
                    )
    if retention is None:
        return None
    return executor.maintain_template(
        repository=repository,
        storage=storage,
        sessions=sorted(set(sessions)),
        retention=retention.spec,
        # Who backs up owns the repository's files, so the same user has to maintain them.
        settings=settings_from_addon(addon, verb="backup"),
    )


def backup_template(
    reader: Reader, repository: Repository, storage: BackupStorage, session: Session
) -> JsonObject:
    """The pod that backs up a repository's target for a session.

    Raises:
        UnresolvedError: the PodTemplate, the Addon or the Function is missing or not supported.
    """
    if is_rendered(repository.metadata):
        return _required(reader, repository, "backup")
    addon, task, function = _task(reader, session.addon, "backup")
    return executor.backup_template(
        repository=repository,
        storage=storage,
        addon=addon,
        function=function,
        task=task,
        component=COMPONENT,
        settings=settings_from_addon(session.addon, verb="backup"),
    )


def restore_template(
    reader: Reader, repository: Repository, storage: BackupStorage, restore: RestoreSession
) -> JsonObject:
    """The pod that restores into a RestoreSession's target.

    Raises:
        UnresolvedError: the PodTemplate, the Addon or the Function is missing or not supported.
    """
    target = restore.spec.target
    claim = target.name if target is not None else ""
    if is_rendered(repository.metadata):
        return _with_claim(_required(reader, repository, "restore"), claim)
    addon, task, function = _task(reader, restore.spec.addon, "restore")
    template = executor.restore_template(
        repository=repository,
        storage=storage,
        addon=addon,
        function=function,
        task=task,
        component=COMPONENT,
        settings=settings_from_addon(restore.spec.addon, verb="restore"),
    )
    return _with_claim(template, claim)


def configurations_of(reader: Reader, repository: Repository) -> list[BackupConfiguration]:
    """The BackupConfigurations with a session that writes to a repository, sorted by name."""
    name = repository.metadata.name
    found = [
        configuration
        for configuration in map(
            BackupConfiguration.from_wire,
            reader.items(BACKUP_CONFIGURATIONS, repository.metadata.namespace),
        )
        if name in configuration.repository_names
    ]
    return sorted(found, key=lambda item: item.metadata.name)


def retention_policy(
    reader: Reader, namespace: str, reference: ObjectReference | None
) -> RetentionPolicy | None:
    """The RetentionPolicy that a reference means; its namespace defaults to the referrer's."""
    if reference is None:
        return None
    found = reader.get(RETENTION_POLICIES, reference.namespace or namespace, reference.name)
    return RetentionPolicy.from_wire(found) if found is not None else None


def _required(reader: Reader, repository: Repository, verb: str) -> JsonObject:
    template = rendered_template(reader, repository.metadata, verb)
    if template is None:
        msg = f"WaitingForApply: the {verb} PodTemplate of this repository is not applied yet"
        raise UnresolvedError(msg)
    return template


def _task(
    reader: Reader, info: AddonInfo | None, verb: str
) -> tuple[Addon, TaskReference, Function]:
    if info is None or not info.tasks:
        msg = "no addon task is given"
        raise UnresolvedError(msg)
    addon_obj = reader.get(ADDONS, None, info.name or "")
    if addon_obj is None:
        msg = f"Addon {info.name} does not exist"
        raise UnresolvedError(msg)
    addon = Addon.from_wire(addon_obj)
    try:
        name = executor.function_name(addon, info.tasks[0], verb)
    except UnsupportedAddonError as error:
        raise UnresolvedError(str(error)) from error
    function_obj = reader.get(FUNCTIONS, None, name)
    if function_obj is None:
        msg = f"Function {name} does not exist"
        raise UnresolvedError(msg)
    return addon, info.tasks[0], Function.from_wire(function_obj)


def _with_claim(template: JsonObject, claim: str) -> JsonObject:
    """The template with only the data volume's claim replaced."""
    spec = cast("JsonObject", template["spec"])
    volumes = [
        {**volume, "persistentVolumeClaim": {"claimName": claim}}
        if volume.get("name") == DATA_VOLUME
        else volume
        for volume in cast("list[JsonObject]", spec.get("volumes") or [])
    ]
    return {**template, "spec": {**spec, "volumes": cast("JsonValue", volumes)}}


def _retention_reference(
    configuration: BackupConfiguration, backend: str | None
) -> ObjectReference | None:
    found = configuration.backend(backend)
    return found.retention_policy if found is not None else None
