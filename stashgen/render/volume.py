"""The objects of one volume: configuration, repositories, pods and triggers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import cast

from stashgen.api.addon import Addon
from stashgen.api.backup_configuration import BackupConfiguration, SessionRepository
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.labels import UPKEEP_ANNOTATION, pod_template_annotation
from stashgen.api.repository import Repository
from stashgen.api.shared import TaskReference
from stashgen.kubestash import addons, children
from stashgen.kubestash.objectives import to_annotations
from stashgen.kubestash.pods import templates
from stashgen.kubestash.pods.settings import PodSettings
from stashgen.kubestash.quantities import format_duration
from stashgen.kubestash.verbs import REPOSITORY_TEMPLATES, Template
from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession
from stashgen.render.annotations import COMPILED, KEPT, WITHOUT_HEALTH, annotated
from stashgen.render.settings import (
    for_backup,
    for_restore,
    trigger_settings,
    with_identity,
    worker_settings,
)
from stashgen.render.storage import pod_template, with_keys_to_delete
from stashgen.render.task import backup_params

_RESTORE_TASK = TaskReference(name=addons.RESTORE_TASK)
_STARTING_DEADLINE_SECONDS = 600

Storages = Callable[[ResolvedCopy], BackupStorage]


@cache
def _catalogue() -> tuple[Addon, Function, Function]:
    return addons.pvc_addon(), addons.pvc_backup(), addons.pvc_restore()


def volume_objects(protection: Protection, storages: Storages) -> tuple[JsonObject, ...]:
    """The objects of ``<volume>.yaml``.

    Args:
        protection: How the volume is backed up.
        storages: The BackupStorage of a copy, as rendered.
    """
    data = _configuration(protection)
    configuration = BackupConfiguration.model_validate(data)
    worker = worker_settings(protection.job.value, protection.cluster)
    trigger = trigger_settings(protection.job.value)
    repositories = list(_repositories(protection, configuration))
    return (
        *(repository for _, repository in repositories),
        data,
        *(
            template
            for copy, repository in repositories
            for template in _templates(protection, copy, repository, storages(copy), worker)
        ),
        *(
            annotated(
                children.trigger_cron_job(configuration, session, trigger, resolved.time_zone),
                WITHOUT_HEALTH,
            )
            for session, resolved in zip(
                configuration.spec.sessions, protection.sessions, strict=True
            )
        ),
    )


def _configuration(protection: Protection) -> JsonObject:
    namespace = protection.volume.key.namespace
    backends = _backends(protection)
    return cast(
        "JsonObject",
        {
            "apiVersion": "core.kubestash.com/v1alpha1",
            "kind": "BackupConfiguration",
            "metadata": {
                "name": protection.configuration,
                "namespace": namespace,
                "annotations": _annotations(protection),
            },
            "spec": {
                "target": {
                    "apiGroup": "",
                    "kind": "PersistentVolumeClaim",
                    "name": protection.volume.key.name,
                    "namespace": namespace,
                },
                "backends": [
                    {
                        "name": name,
                        "storageRef": {"name": storage, "namespace": namespace},
                        "retentionPolicy": {"name": retention, "namespace": namespace},
                    }
                    for (storage, retention), name in backends.items()
                ],
                "sessions": [
                    _session(session, protection, backends) for session in protection.sessions
                ],
                "paused": protection.paused,
            },
        },
    )


def _annotations(protection: Protection) -> dict[str, str]:
    return COMPILED | dict(protection.acknowledged) | to_annotations(protection.objectives)


def _backends(protection: Protection) -> dict[tuple[str, str], str]:
    """Backend names by storage and retention: the storage's name, as long as that is unique."""
    names: dict[tuple[str, str], str] = {}
    for session in protection.sessions:
        for copy in session.copies:
            storage = copy.storage.name
            is_first = storage not in names.values()
            name = storage if is_first else f"{storage}-{copy.retention_name}"
            names.setdefault((storage, copy.retention_name), name)
    return names


def _session(
    session: ResolvedSession, protection: Protection, backends: dict[tuple[str, str], str]
) -> dict[str, object]:
    namespace = protection.volume.key.namespace
    params = backup_params(session, protection.on_unreadable)
    task = {"name": addons.BACKUP_TASK, "params": params}
    return {
        "name": session.name,
        "scheduler": {
            "schedule": session.schedule,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": _STARTING_DEADLINE_SECONDS,
            "suspend": session.suspend,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {"backoffLimit": 1},
        },
        "backupTimeout": format_duration(timedelta(seconds=session.timeout_seconds)),
        "sessionHistoryLimit": session.history_limit,
        "addon": {"name": addons.ADDON, "tasks": [task]},
        "repositories": [
            {
                "name": copy.repository,
                "backend": backends[copy.storage.name, copy.retention_name],
                "directory": copy.directory,
                "encryptionSecret": {
                    "name": copy.encryption.value.secret_name,
                    "namespace": namespace,
                },
                "deletionPolicy": "Retain",
            }
            for copy in session.copies
        ],
    }


def _repositories(
    protection: Protection, configuration: BackupConfiguration
) -> Iterator[tuple[ResolvedCopy, JsonObject]]:
    """Each Repository once, with the first copy that writes to it."""
    seen: set[str] = set()
    for session, resolved in zip(configuration.spec.sessions, protection.sessions, strict=True):
        for wanted, copy in zip(session.repositories or (), resolved.copies, strict=True):
            if copy.repository not in seen:
                seen.add(copy.repository)
                yield copy, _repository(protection, configuration, wanted, copy.repository)


def _repository(
    protection: Protection,
    configuration: BackupConfiguration,
    wanted: SessionRepository,
    name: str,
) -> JsonObject:
    named = {
        pod_template_annotation(template): templates.template_name(template, name)
        for template in REPOSITORY_TEMPLATES
    }
    ours = COMPILED | named | {UPKEEP_ANNOTATION: protection.upkeep.annotation()}
    return annotated(children.repository_for(configuration, wanted), ours | KEPT)


def _templates(
    protection: Protection,
    copy: ResolvedCopy,
    repository: JsonObject,
    storage: BackupStorage,
    settings: PodSettings,
) -> Iterator[JsonObject]:
    """The pods that back up, restore and maintain one Repository."""
    addon, backup, restore = _catalogue()
    model = Repository.model_validate(repository)
    namespace = protection.volume.key.namespace
    # They back up the same files: a Repository has one pod for all of its sessions.
    sessions = [
        session
        for session in protection.sessions
        if any(other.repository == copy.repository for other in session.copies)
    ]
    params = backup_params(sessions[0], protection.on_unreadable)
    worker = with_identity(settings, copy.storage)
    made = {
        Template.BACKUP: templates.backup_template(
            repository=model,
            storage=storage,
            addon=addon,
            function=backup,
            task=TaskReference(name=addons.BACKUP_TASK, params=params),
            component=templates.COMPONENT,
            settings=for_backup(worker, protection),
        ),
        Template.RESTORE: templates.restore_template(
            repository=model,
            storage=storage,
            addon=addon,
            function=restore,
            task=_RESTORE_TASK,
            component=templates.COMPONENT,
            settings=for_restore(worker, protection, copy.storage.backend),
        ),
        Template.MAINTAIN: templates.maintain_template(
            repository=model,
            storage=with_keys_to_delete(storage, copy.storage),
            sessions=[session.name for session in sessions],
            retention=copy.retention,
            settings=with_identity(settings, copy.storage, deletes=True),
        ),
    }
    for template, pod in made.items():
        yield pod_template(templates.template_name(template, copy.repository), namespace, pod)
