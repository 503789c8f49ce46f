"""The children of a BackupConfiguration: the proven ones, and those of plain manifests."""

from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.runtime_settings import OffshootPodTemplate
from stashgen.kubestash.children import repository_for, trigger_cron_job
from stashgen.kubestash.pods.settings import settings_from_scheduler
from tests.support import one_volume

_PLAIN = {
    "metadata": {"name": "nfs-pvc-backup", "namespace": "demo"},
    "spec": {
        "target": {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "nfs-pvc"},
        "backends": [
            {
                "name": "gcs-backend",
                "storageRef": {"name": "gcs-storage"},
                "retentionPolicy": {"name": "demo-retention", "namespace": "demo"},
            }
        ],
        "sessions": [
            {
                "name": "frequent-backup",
                "scheduler": {"schedule": "*/5 * * * *", "jobTemplate": {}},
                "repositories": [
                    {
                        "name": "gcs-repository",
                        "backend": "gcs-backend",
                        "directory": "/pvc/foo",
                        "encryptionSecret": {"name": "encrypt-secret"},
                        "deletionPolicy": "WipeOut",
                    }
                ],
            }
        ],
    },
}


def _plain(**spec: object) -> BackupConfiguration:
    known = cast("JsonObject", _PLAIN["spec"])
    return BackupConfiguration.model_validate(_PLAIN | {"spec": known | spec})


def _repository(configuration: BackupConfiguration) -> JsonObject:
    repositories = configuration.spec.sessions[0].repositories
    assert repositories
    return repository_for(configuration, repositories[0])


def _cron_job(configuration: BackupConfiguration) -> JsonObject:
    session = configuration.spec.sessions[0]
    return trigger_cron_job(configuration, session, settings_from_scheduler(None))


def test_repository_has_the_proven_spec() -> None:
    made = _repository(one_volume.configuration())
    assert made["spec"] == one_volume.expected("Repository", "local-k3f9q")["spec"]
    assert made["metadata"] == {"name": "local-k3f9q", "namespace": "demo"}


def test_repository_of_plain_manifests_has_its_namespaces_written_out() -> None:
    made = _repository(_plain())
    assert made["spec"] == {
        "appRef": {
            "apiGroup": "",
            "kind": "PersistentVolumeClaim",
            "name": "nfs-pvc",
            "namespace": "demo",
        },
        "storageRef": {"name": "gcs-storage", "namespace": "demo"},
        "path": "/pvc/foo",
        "deletionPolicy": "WipeOut",
        "encryptionSecret": {"name": "encrypt-secret", "namespace": "demo"},
        "paused": False,
    }
    Repository.model_validate(made)


def test_cron_job_is_the_proven_one_but_for_sync_annotations() -> None:
    configuration = one_volume.configuration()
    made = trigger_cron_job(
        configuration, one_volume.session(), settings_from_scheduler(None), "Etc/UTC"
    )
    expected = dict(one_volume.expected("CronJob", "trigger-library-backup"))
    metadata = dict(cast("JsonObject", expected["metadata"]))
    del metadata["annotations"]
    assert made == expected | {"metadata": metadata}


def test_cron_job_of_plain_manifests_has_kubernetes_defaults() -> None:
    spec = cast("JsonObject", _cron_job(_plain())["spec"])
    assert {key: spec[key] for key in spec if key != "jobTemplate"} == {
        "schedule": "*/5 * * * *",
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }


def test_paused_configuration_suspends_its_cron_jobs() -> None:
    assert cast("JsonObject", _cron_job(_plain(paused=True))["spec"])["suspend"] is True


def test_template_of_the_scheduler_reaches_the_trigger_pod() -> None:
    template = OffshootPodTemplate.model_validate(
        {
            "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
            "spec": {"serviceAccountName": "own", "nodeSelector": {"disk": "ssd"}},
        }
    )
    configuration = _plain()
    made = trigger_cron_job(
        configuration, configuration.spec.sessions[0], settings_from_scheduler(template)
    )
    job = cast("JsonObject", cast("JsonObject", made["spec"])["jobTemplate"])
    pod = cast("JsonObject", cast("JsonObject", job["spec"])["template"])
    assert pod["metadata"] == {
        "labels": {
            "team": "a",
            "app.kubernetes.io/managed-by": "kubestash.com",
            "stashgen.dev/verb": "trigger",
        },
        "annotations": {"note": "b"},
    }
    spec = cast("JsonObject", pod["spec"])
    assert (spec["serviceAccountName"], spec["nodeSelector"]) == ("own", {"disk": "ssd"})
