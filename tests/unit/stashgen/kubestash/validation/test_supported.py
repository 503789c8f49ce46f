"""Fields without an implementation: every documented one is either used or told, never ignored."""

from collections.abc import Iterator
from typing import cast

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, Model
from stashgen.api.labels import ADDRESSING_STYLE_ANNOTATION
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.runtime_settings import (
    ContainerRuntimeSettings,
    OffshootPodSpec,
    OffshootPodTemplate,
    PodRuntimeSettings,
)
from stashgen.kubestash.validation import supported
from stashgen.kubestash.validation.supported import unsupported
from tests.support import one_volume

_METADATA = {"name": "x", "namespace": "demo"}
_KEY: JsonObject = {"name": "restic-key"}
_PARAMS = "spec.sessions[0].addon.tasks[0].params"
_TARGET: JsonObject = {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "library"}
_STORAGE: JsonObject = {
    "storage": {"provider": "local", "local": {"persistentVolumeClaim": {"claimName": "c"}}}
}
_ADDON: JsonObject = {"name": "pvc-addon", "tasks": [{"name": "logical-backup"}]}
_SESSION: JsonObject = {
    "name": "backup",
    "scheduler": {"schedule": "0 * * * *", "jobTemplate": {}},
    "addon": _ADDON,
    "repositories": [{"name": "repo", "encryptionSecret": _KEY}],
}
_RESTORE: JsonObject = {
    "target": _TARGET,
    "dataSource": {"repository": "repo", "snapshot": "latest"},
    "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup-restore"}]},
}


_BUCKET: JsonObject = {"bucket": "b", "endpoint": "s3.corp.test", "secretName": "s"}
_STYLE_PATH = 'metadata.annotations["stashgen.dev/addressing-style"]'


def _storage(**spec: object) -> BackupStorage:
    return BackupStorage.model_validate({"metadata": _METADATA, "spec": {**_STORAGE, **spec}})


def _annotated(storage: JsonObject, style: str) -> BackupStorage:
    metadata = {**_METADATA, "annotations": {ADDRESSING_STYLE_ANNOTATION: style}}
    return BackupStorage.model_validate({"metadata": metadata, "spec": {"storage": storage}})


def _repository(**spec: object) -> Repository:
    return Repository.model_validate(
        {"metadata": _METADATA, "spec": {"encryptionSecret": _KEY, **spec}}
    )


def _configuration(session: JsonObject | None = None, **spec: object) -> BackupConfiguration:
    return BackupConfiguration.model_validate(
        {
            "metadata": _METADATA,
            "spec": {"target": _TARGET, "sessions": [{**_SESSION, **(session or {})}], **spec},
        }
    )


def _addon(**block: object) -> BackupConfiguration:
    return _configuration({"addon": cast("JsonObject", {**_ADDON, **block})})


def _task(**block: object) -> BackupConfiguration:
    return _addon(tasks=[{"name": "logical-backup", **block}])


def _trigger(**template: object) -> BackupConfiguration:
    scheduler = {"schedule": "0 * * * *", "jobTemplate": template}
    return _configuration(cast("JsonObject", {"scheduler": scheduler}))


def _copy(**repository: object) -> BackupConfiguration:
    copy = {"name": "repo", "encryptionSecret": _KEY, **repository}
    return _configuration(cast("JsonObject", {"repositories": [copy]}))


def _restore(**spec: object) -> RestoreSession:
    return RestoreSession.model_validate({"metadata": _METADATA, "spec": {**_RESTORE, **spec}})


def _source(**source: object) -> RestoreSession:
    return _restore(dataSource={"repository": "repo", "snapshot": "latest", **source})


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        (_storage(storage={"provider": "gcs", "gcs": {}}), "spec.storage.provider"),
        (_storage(storage={"provider": "s3", "s3": {}}), "spec.storage.s3.secretName"),
        (_annotated({"provider": "s3", "s3": _BUCKET}, "dns"), _STYLE_PATH),
        (
            _annotated({"provider": "s3", "s3": _BUCKET | {"endpoint": "[::1]"}}, "virtual"),
            _STYLE_PATH,
        ),
        (_annotated({"provider": "local", "local": {}}, "path"), _STYLE_PATH),
        (_storage(storage=None, deletionPolicy="WipeOut"), "spec.deletionPolicy"),
        (_storage(deletionPolicy="WipeOut"), "spec.deletionPolicy"),
        (_storage(runtimeSettings={"pod": {"nodeName": "n"}}), "spec.runtimeSettings.pod.nodeName"),
        (
            _storage(runtimeSettings={"container": {"nice": {"adjustment": 0}}}),
            "spec.runtimeSettings.container.nice",
        ),
        (_repository(deletionPolicy="WipeOut"), "spec.deletionPolicy"),
        (_repository(encryptionSecret=None), "spec.encryptionSecret"),
        (
            _repository(encryptionSecret={"name": "k", "namespace": "far"}),
            "spec.encryptionSecret.namespace",
        ),
        (_repository(storageRef={"name": "s", "namespace": "far"}), "spec.storageRef.namespace"),
        (_configuration(target=None), "spec.target"),
        (_configuration(target={"kind": "Deployment", "name": "d"}), "spec.target"),
        (_configuration(target={**_TARGET, "namespace": "far"}), "spec.target.namespace"),
        (_configuration(target={**_TARGET, "apiGroup": "apps"}), "spec.target"),
        (_repository(appRef={**_TARGET, "namespace": "far"}), "spec.appRef.namespace"),
        (_repository(appRef={"kind": "Deployment", "name": "d"}), "spec.appRef"),
        (
            _configuration(backends=[{"storageRef": {"name": "s", "namespace": "far"}}]),
            "spec.backends[0].storageRef.namespace",
        ),
        (
            _configuration({"hooks": {"preBackup": [{"name": "h"}]}}),
            "spec.sessions[0].hooks",
        ),
        (
            _configuration({"hooks": {"postBackup": [{"name": "h"}]}}),
            "spec.sessions[0].hooks",
        ),
        (_trigger(suspend=True), "spec.sessions[0].scheduler.jobTemplate.suspend"),
        (_trigger(parallelism=0), "spec.sessions[0].scheduler.jobTemplate.parallelism"),
        (_trigger(completions=2), "spec.sessions[0].scheduler.jobTemplate.completions"),
        (
            _trigger(ttlSecondsAfterFinished=0),
            "spec.sessions[0].scheduler.jobTemplate.ttlSecondsAfterFinished",
        ),
        (
            _trigger(completionMode="Indexed"),
            "spec.sessions[0].scheduler.jobTemplate.completionMode",
        ),
        (
            _trigger(template={"spec": {"hostNetwork": True}}),
            "spec.sessions[0].scheduler.jobTemplate.template.spec.hostNetwork",
        ),
        (_task(name="volume-snapshot"), "spec.sessions[0].addon.tasks[0].name"),
        (_task(name="logical-backup-restore"), "spec.sessions[0].addon.tasks[0].name"),
        (_task(name=None), "spec.sessions[0].addon.tasks[0].name"),
        (_task(params={"paths": "/kubestash-data,/etc"}), f"{_PARAMS}.paths"),
        (_task(params={"paths": "data"}), f"{_PARAMS}.paths"),
        (_task(params={"paths": "/kubestash-data/../etc"}), f"{_PARAMS}.paths"),
        (_task(params={"exclude": "*.tmp,[a-"}), f"{_PARAMS}.exclude"),
        (_task(params={"exclude": "**"}), f"{_PARAMS}.exclude"),
        (_task(params={"enableCache": "yes"}), f"{_PARAMS}.enableCache"),
        (_task(params={"exclude": ["a"]}), f"{_PARAMS}.exclude"),
        (_task(params={"scratchDir": "/kubestash-data/tmp"}), f"{_PARAMS}.scratchDir"),
        (_task(params={"scratchDir": "tmp"}), f"{_PARAMS}.scratchDir"),
        (_configuration(target={**_TARGET, "name": ""}), "spec.target.name"),
        (
            _copy(encryptionSecret={"name": ""}),
            "spec.sessions[0].repositories[0].encryptionSecret",
        ),
        (
            _task(params={"paths": "/kubestash-data/a", "exlude": "*.tmp"}),
            "spec.sessions[0].addon.tasks[0].params.exlude",
        ),
        (_task(variables=[{"name": "A"}]), "spec.sessions[0].addon.tasks[0].variables"),
        (
            _task(targetVolumes={"volumes": [{"name": "v"}]}),
            "spec.sessions[0].addon.tasks[0].targetVolumes",
        ),
        (
            _task(addonVolumes=[{"name": "kubestash-data-volume"}]),
            "spec.sessions[0].addon.tasks[0].addonVolumes[0].name",
        ),
        (
            _addon(tasks=[{"name": "logical-backup"}, {"name": "logical-backup"}]),
            "spec.sessions[0].addon.tasks",
        ),
        (
            _addon(jobTemplate={"controller": {"labels": {"a": "b"}}}),
            "spec.sessions[0].addon.jobTemplate.controller",
        ),
        (
            _addon(jobTemplate={"spec": {"args": ["x"]}}),
            "spec.sessions[0].addon.jobTemplate.spec.args",
        ),
        (
            _addon(containerRuntimeSettings={"ionice": {"class": 2}}),
            "spec.sessions[0].addon.containerRuntimeSettings.ionice",
        ),
        *(
            (
                _addon(containerRuntimeSettings={"env": [{"name": name, "value": value}]}),
                "spec.sessions[0].addon.containerRuntimeSettings.env[0].value",
            )
            for name, value in (
                ("RESTIC_PACK_SIZE", "banana"),
                ("RESTIC_PACK_SIZE", "3"),
                ("RESTIC_COMPRESSION", "MAX"),
                ("RESTIC_READ_CONCURRENCY", "4294967295"),
                ("RESTIC_READ_CONCURRENCY", "-1"),
            )
        ),
        (
            _addon(containerRuntimeSettings={"env": [{"name": "GOGC"}, {"name": "RESTIC_HOST"}]}),
            "spec.sessions[0].addon.containerRuntimeSettings.env[1].name",
        ),
        (
            _addon(jobTemplate={"spec": {"env": [{"name": "AWS_SESSION_TOKEN", "value": "x"}]}}),
            "spec.sessions[0].addon.jobTemplate.spec.env[0].name",
        ),
        (
            _trigger(template={"spec": {"env": [{"name": "JOB_NAME", "value": "x"}]}}),
            "spec.sessions[0].scheduler.jobTemplate.template.spec.env[0].name",
        ),
        (
            _storage(runtimeSettings={"container": {"env": [{"name": "VERB", "value": "retain"}]}}),
            "spec.runtimeSettings.container.env[0].name",
        ),
        (_copy(deletionPolicy="WipeOut"), "spec.sessions[0].repositories[0].deletionPolicy"),
        (
            _copy(backupVerifier={"name": "v"}),
            "spec.sessions[0].repositories[0].backupVerifier",
        ),
        (_copy(encryptionSecret=None), "spec.sessions[0].repositories[0].encryptionSecret"),
        (
            _copy(encryptionSecret={"name": "k", "namespace": "far"}),
            "spec.sessions[0].repositories[0].encryptionSecret.namespace",
        ),
        (
            BackupSession.model_validate(
                {
                    "metadata": _METADATA,
                    "spec": {"invoker": {"kind": "BackupBatch", "name": "b"}},
                }
            ),
            "spec.invoker.kind",
        ),
        (_restore(target=None), "spec.target"),
        (_restore(target={**_TARGET, "namespace": "far"}), "spec.target.namespace"),
        (_restore(hooks={"preRestore": [{"name": "h"}]}), "spec.hooks"),
        (_restore(hooks={"postRestore": [{"name": "h"}]}), "spec.hooks"),
        (_restore(manifestOptions={"postgres": {"name": "p"}}), "spec.manifestOptions"),
        (_source(pitr={}), "spec.dataSource.pitr"),
        (_source(namespace="far"), "spec.dataSource.namespace"),
        (_source(components=["dump-pod-0"]), "spec.dataSource.components"),
        (_source(components=["dump", "manifest"]), "spec.dataSource.components"),
        (
            _source(encryptionSecret={"name": "k", "namespace": "far"}),
            "spec.dataSource.encryptionSecret.namespace",
        ),
        (
            _restore(addon={"name": "a", "tasks": [{"name": "volume-clone"}]}),
            "spec.addon.tasks[0].name",
        ),
        (
            _restore(
                addon={
                    "name": "a",
                    "tasks": [{"name": "logical-backup-restore", "params": {"include": "a"}}],
                }
            ),
            "spec.addon.tasks[0].params.include",
        ),
    ],
)
def test_field_that_would_do_nothing_is_told(obj: Model, path: str) -> None:
    found = unsupported(obj)
    assert path in [item.path for item in found]
    assert all(item.why for item in found)


@pytest.mark.parametrize(
    "obj",
    [
        _storage(deletionPolicy="Delete"),
        _annotated({"provider": "s3", "s3": _BUCKET}, "virtual"),
        _storage(runtimeSettings={"pod": {"automountServiceAccountToken": False, "priority": 0}}),
        _repository(deletionPolicy="Delete", storageRef={"name": "s", "namespace": "demo"}),
        _configuration(target={**_TARGET, "namespace": "demo"}),
        _configuration({"hooks": {"preBackup": []}}),
        _trigger(parallelism=1, completions=1, suspend=False, completionMode="NonIndexed"),
        _trigger(template={"spec": {"dnsPolicy": "ClusterFirst", "hostNetwork": False}}),
        _task(
            name="LogicalBackup",
            params={"paths": "/kubestash-data/a", "exclude": "b", "enableCache": "true"},
        ),
        _task(addonVolumes=[{"name": "${RESTIC_CACHE_VOLUME}", "source": {"emptyDir": {}}}]),
        _addon(
            containerRuntimeSettings={
                "env": [
                    {"name": name, "value": "1"}
                    for name in ("HTTPS_PROXY", "no_proxy", "GOGC", "SSL_CERT_FILE", "LANG")
                ]
            }
        ),
        _addon(jobTemplate={"spec": {"env": [{"name": "RESTIC_PACK_SIZE", "value": "64"}]}}),
        _copy(deletionPolicy="Retain"),
        _copy(deletionPolicy="Delete"),
        _restore(hooks={}, manifestOptions={}),
        _task(targetVolumes={}),
        _addon(jobTemplate={"spec": {"dnsConfig": {"options": []}}}),
        _configuration(target={**_TARGET, "namespace": ""}),
        _source(components=["dump"], namespace="demo", encryptionSecret=_KEY),
        RetentionPolicy.model_validate({"metadata": _METADATA, "spec": {}}),
        one_volume.storage(),
        one_volume.repository(),
        one_volume.configuration(),
    ],
)
def test_default_values_and_what_is_implemented_are_not_told(obj: Model) -> None:
    assert unsupported(obj) == ()


def _names(model: type[Model]) -> Iterator[str]:
    return (field.alias or "" for field in model.model_fields.values())


@pytest.mark.parametrize(
    ("known", "model"),
    [
        (supported._TEMPLATE, OffshootPodTemplate),
        (supported._TEMPLATE_SPEC, OffshootPodSpec),
        (supported._RUNTIME_POD, PodRuntimeSettings),
        (supported._RUNTIME_CONTAINER, ContainerRuntimeSettings),
    ],
)
def test_implemented_fields_are_fields_of_their_model(
    known: frozenset[str], model: type[Model]
) -> None:
    assert known < set(_names(model))
