"""Plain KubeStash manifests: the controller makes, changes and removes exactly its own children."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from tests.support import manifests
from tests.support.harness import (
    Harness,
    conditions,
    failing_worker,
    good_worker,
    metadata,
    name_of,
)

CRON_JOB = "trigger-library-backup-backup"


def protect(harness: Harness) -> None:
    """Apply a plain set and let it become Ready."""
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    harness.settle(work=good_worker)


def configuration(harness: Harness) -> JsonObject:
    return harness.status(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")


def scheduled(harness: Harness) -> JsonObject:
    (session,) = cast("list[JsonObject]", configuration(harness)["sessions"])
    return conditions(session)["SchedulerEnsured"]


def cron_spec(harness: Harness, name: str = CRON_JOB) -> JsonObject:
    return cast("JsonObject", harness.get(known.CRON_JOBS, "demo", name)["spec"])


def test_children_are_made_with_the_owner_that_the_design_says(harness: Harness) -> None:
    protect(harness)
    assert configuration(harness)["phase"] == "Ready"
    assert harness.names(known.REPOSITORIES, "demo") == ["repo-local"]
    assert harness.names(known.CRON_JOBS, "demo") == [CRON_JOB]
    accounts = set(harness.names(known.SERVICE_ACCOUNTS, "demo")) - {"default"}
    assert accounts == {"stashgen-trigger", "stashgen-worker"}
    uid = metadata(harness.get(known.BACKUP_CONFIGURATIONS, "demo", "library-backup"))["uid"]
    (owner,) = cast(
        "list[JsonObject]",
        metadata(harness.get(known.CRON_JOBS, "demo", CRON_JOB))["ownerReferences"],
    )
    assert (owner["uid"], owner["controller"]) == (uid, True)
    assert "ownerReferences" not in metadata(harness.get(known.REPOSITORIES, "demo", "repo-local"))
    assert harness.names(known.POD_TEMPLATES, "demo") == []
    assert {verb for verb, _ in harness.server.requests} <= {"create", "update", "patch", "get"}
    assert not {plural for _, plural in harness.server.requests} & {"secrets", "roles"}


def test_a_second_look_at_everything_makes_no_request(harness: Harness) -> None:
    protect(harness)
    with harness.counted() as requests:
        harness.look_at_everything()
        harness.settle()
    assert not requests


def test_a_changed_schedule_changes_the_cron_job_and_nothing_else(harness: Harness) -> None:
    protect(harness)
    uid = metadata(harness.get(known.CRON_JOBS, "demo", CRON_JOB))["uid"]
    changed = manifests.session("demo", schedule="5 3 * * *")
    harness.apply(manifests.configuration("demo", changed))
    with harness.counted() as requests:
        harness.settle(work=good_worker)
    assert cron_spec(harness)["schedule"] == "5 3 * * *"
    assert metadata(harness.get(known.CRON_JOBS, "demo", CRON_JOB))["uid"] == uid
    (session,) = cast("list[JsonObject]", configuration(harness)["sessions"])
    assert session["nextSchedule"] == "2026-03-02T03:05:00Z"
    assert requests["patch", "cronjobs"] == 1
    assert requests["create", "jobs"] == 0


def test_a_field_that_is_taken_away_leaves_the_cron_job(harness: Harness) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    session = manifests.session("demo")
    scheduler = cast("JsonObject", session["scheduler"])
    template: JsonObject = {"spec": {"nodeSelector": {"disk": "fast"}}}
    scheduler |= {
        "startingDeadlineSeconds": 60,
        "jobTemplate": {"backoffLimit": 1, "template": template},
    }
    harness.apply(manifests.configuration("demo", session))
    harness.settle(work=good_worker)
    assert cron_spec(harness)["startingDeadlineSeconds"] == 60
    assert "nodeSelector" in str(cron_spec(harness))

    harness.apply(manifests.configuration("demo"))
    harness.settle()
    assert "startingDeadlineSeconds" not in cron_spec(harness)
    assert "nodeSelector" not in str(cron_spec(harness))
    with harness.counted() as requests:
        harness.look_at_everything()
    assert not requests


def test_what_somebody_changes_in_a_child_is_changed_back(harness: Harness) -> None:
    protect(harness)
    harness.client.patch(known.CRON_JOBS, "demo", CRON_JOB, {"spec": {"suspend": True}})
    harness.delete(known.SERVICE_ACCOUNTS, "demo", "stashgen-worker")
    harness.settle()
    assert cron_spec(harness)["suspend"] is False
    assert "stashgen-worker" in harness.names(known.SERVICE_ACCOUNTS, "demo")


def test_a_deleted_cron_job_is_made_again(harness: Harness) -> None:
    protect(harness)
    harness.delete(known.CRON_JOBS, "demo", CRON_JOB)
    harness.settle()
    assert harness.names(known.CRON_JOBS, "demo") == [CRON_JOB]
    assert configuration(harness)["phase"] == "Ready"


def test_pausing_suspends_the_cron_job_and_unpausing_resumes_it(harness: Harness) -> None:
    protect(harness)
    harness.apply(manifests.configuration("demo", paused=True))
    harness.settle()
    assert cron_spec(harness)["suspend"] is True
    (session,) = cast("list[JsonObject]", configuration(harness)["sessions"])
    assert "nextSchedule" not in session
    harness.apply(manifests.configuration("demo"))
    harness.settle()
    assert cron_spec(harness)["suspend"] is False
    (session,) = cast("list[JsonObject]", configuration(harness)["sessions"])
    assert session["nextSchedule"] == "2026-03-01T12:17:00Z"


def test_a_renamed_session_gets_a_new_cron_job_and_a_new_history(harness: Harness) -> None:
    protect(harness)
    harness.apply(manifests.configuration("demo", manifests.session("demo", "hourly")))
    harness.settle(work=good_worker)
    assert harness.names(known.CRON_JOBS, "demo") == ["trigger-library-backup-hourly"]
    repository = harness.status(known.REPOSITORIES, "demo", "repo-local")
    assert repository["phase"] == "Ready"
    assert repository["componentPaths"] == [
        "repository/v1/backup/dump",
        "repository/v1/hourly/dump",
    ]
    # The Job of the first attempt went when the second one was made.
    jobs = [name for name in harness.names(known.JOBS, "demo") if name.startswith("init-repo")]
    assert jobs == ["init-repo-local-2"]
    # The bucket's directory has a history: no initial backup.
    assert harness.names(known.BACKUP_SESSIONS, "demo") == ["library-backup-backup-1772366400"]


def test_a_removed_session_that_could_not_be_initialised_does_not_hold_up_the_others(
    harness: Harness,
) -> None:
    protect(harness)
    added = manifests.session("demo", "weekly", schedule="1 2 * * 0")
    harness.apply(manifests.configuration("demo", manifests.session("demo"), added))
    wrong = RunError(reason=ErrorClass.WRONG_PASSWORD, message="wrong password")
    harness.settle(work=failing_worker(wrong, Verb.INIT_REPOSITORY))
    assert harness.status(known.REPOSITORIES, "demo", "repo-local")["phase"] == "NotReady"
    harness.apply(manifests.configuration("demo"))
    harness.settle(work=good_worker)
    assert harness.status(known.REPOSITORIES, "demo", "repo-local")["phase"] == "Ready"


@pytest.mark.parametrize("policy", [None, "Retain", "Delete"])
def test_deleting_the_configuration_takes_its_cron_jobs_and_keeps_history(
    harness: Harness, policy: str | None
) -> None:
    """Delete too: a prune that nobody meant must not take the way to the backups with it."""
    protect(harness)
    written = manifests.configuration("demo")
    (session,) = cast("list[JsonObject]", cast("JsonObject", written["spec"])["sessions"])
    (repository,) = cast("list[JsonObject]", session["repositories"])
    if policy is not None:
        repository["deletionPolicy"] = policy
        harness.apply(written)
        harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Ready"
    other = manifests.configuration("demo", name="other-backup", claim="other")
    sessions = cast("list[JsonObject]", cast("JsonObject", other["spec"])["sessions"])
    sessions[0] = manifests.session("demo", claim="other")
    cast("list[JsonObject]", sessions[0]["repositories"])[0]["name"] = "repo-other"
    harness.apply(manifests.claim("demo", "other"))
    harness.apply(other)
    harness.settle(work=good_worker)
    harness.delete(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")
    harness.settle(work=good_worker)
    assert harness.names(known.CRON_JOBS, "demo") == ["trigger-other-backup-backup"]
    assert harness.names(known.REPOSITORIES, "demo") == ["repo-local", "repo-other"]
    assert "repo-local-library-backup-backup-1772366400" in harness.names(known.SNAPSHOTS, "demo")
    assert harness.status(known.REPOSITORIES, "demo", "repo-local")["phase"] == "Ready"


def test_a_cron_job_of_somebody_else_is_left_alone_and_named(harness: Harness) -> None:
    foreign: JsonObject = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": CRON_JOB, "namespace": "demo"},
        "spec": {
            "schedule": "0 0 * * *",
            "jobTemplate": {
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [{"name": "x", "image": "x"}],
                        }
                    }
                }
            },
        },
    }
    harness.apply(foreign)
    protect(harness)
    assert cron_spec(harness)["schedule"] == "0 0 * * *"
    assert scheduled(harness)["reason"] == "NameCollision"
    assert configuration(harness)["phase"] == "NotReady"


def test_backends_and_retention_that_are_left_out_are_the_defaults(harness: Harness) -> None:
    storage, retention = manifests.storage("demo"), manifests.retention("demo")
    for item in (storage, retention):
        cast("JsonObject", item["spec"])["default"] = True
    wanted = manifests.configuration("demo")
    del cast("JsonObject", wanted["spec"])["backends"]
    session = cast("list[JsonObject]", cast("JsonObject", wanted["spec"])["sessions"])[0]
    del cast("list[JsonObject]", session["repositories"])[0]["backend"]
    harness.apply(wanted)
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Invalid"

    harness.apply(storage)
    harness.apply(retention)
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Ready"
    assert harness.status(known.REPOSITORIES, "demo", "repo-local")["phase"] == "Ready"
    session_status = harness.status(
        known.BACKUP_SESSIONS, "demo", "library-backup-backup-1772366400"
    )
    (applied,) = cast("list[JsonObject]", session_status["retentionPolicy"])
    assert applied["ref"] == {"name": "keep-2", "namespace": "demo"}
    assert applied["phase"] == "Applied"


def test_another_directory_for_an_existing_repository_is_refused(harness: Harness) -> None:
    protect(harness)
    moved = manifests.session("demo")
    cast("list[JsonObject]", moved["repositories"])[0]["directory"] = "demo/elsewhere"
    harness.apply(manifests.configuration("demo", moved))
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Invalid"
    text = str(conditions(configuration(harness))["ValidationPassed"]["message"])
    assert "cannot be moved to 'demo/elsewhere'" in text


def test_another_key_is_written_to_the_repository(harness: Harness) -> None:
    protect(harness)
    changed = manifests.session("demo")
    repository = cast("list[JsonObject]", changed["repositories"])[0]
    repository["encryptionSecret"] = {"name": "other-key", "namespace": "demo"}
    harness.apply(manifests.configuration("demo", changed))
    harness.settle(work=good_worker)
    spec = cast("JsonObject", harness.get(known.REPOSITORIES, "demo", "repo-local")["spec"])
    assert spec["encryptionSecret"] == {"name": "other-key", "namespace": "demo"}


def test_a_missing_addon_is_shown_and_its_sessions_wait_for_it(harness: Harness) -> None:
    addon = harness.get(known.ADDONS, None, "pvc-addon")
    harness.delete(known.ADDONS, None, "pvc-addon")
    protect(harness)
    assert configuration(harness)["phase"] == "NotReady"
    assert scheduled(harness)["message"] == "Addon pvc-addon does not exist"
    (dependency,) = cast("list[JsonObject]", configuration(harness)["dependencies"])
    assert dependency == {"kind": "Addon", "name": "pvc-addon", "found": False}
    assert harness.names(known.BACKUP_SESSIONS, "demo") == []
    name = harness.trigger(configuration="library-backup")
    harness.settle(work=good_worker)
    session = harness.status(known.BACKUP_SESSIONS, "demo", name)
    assert session["phase"] == "Skipped"
    assert "NoAddon: Addon pvc-addon does not exist" in str(
        conditions(session)["BackupSkipped"]["message"]
    )
    harness.apply(
        {key: value for key, value in addon.items() if key != "metadata"}
        | {"metadata": {"name": "pvc-addon"}}
    )
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Ready"


def test_an_unknown_function_is_an_unsupported_addon(harness: Harness) -> None:
    addon = harness.get(known.ADDONS, None, "pvc-addon")
    spec = cast("JsonObject", addon["spec"])
    tasks = cast("list[JsonObject]", spec["backupTasks"])
    task: JsonObject = {**tasks[0], "function": "mysql-backup"}
    changed: JsonObject = {**spec, "backupTasks": [task]}
    harness.client.replace(known.ADDONS, None, {**addon, "spec": changed})
    protect(harness)
    assert configuration(harness)["phase"] == "Invalid"
    message = conditions(configuration(harness))["ValidationPassed"]["message"]
    assert str(message).startswith("session 'backup': Function 'mysql-backup'")
    assert harness.names(known.BACKUP_SESSIONS, "demo") == []
    assert harness.names(known.CRON_JOBS, "demo") == []


def test_a_storage_of_another_namespace_is_refused(harness: Harness) -> None:
    harness.apply(manifests.namespace("vault"))
    storage = manifests.storage("vault")
    cast("JsonObject", storage["spec"])["usagePolicy"] = {"allowedNamespaces": {"from": "All"}}
    harness.apply(storage)
    harness.apply(manifests.retention("demo"))
    wanted = manifests.configuration("demo")
    backends = cast("list[JsonObject]", cast("JsonObject", wanted["spec"])["backends"])
    backends[0]["storageRef"] = {"name": "local", "namespace": "vault"}
    harness.apply(wanted)
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Invalid"
    message = str(conditions(configuration(harness))["ValidationPassed"]["message"])
    assert message.startswith("spec.backends[0].storageRef.namespace: another namespace")
    assert harness.names(known.REPOSITORIES, "demo") == []
    # One that somebody writes instead is refused likewise.
    repository: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Repository",
        "metadata": {"name": "repo-local", "namespace": "demo"},
        "spec": {
            "storageRef": {"name": "local", "namespace": "vault"},
            "encryptionSecret": {"name": "restic-key"},
            "path": "demo/library/local",
        },
    }
    harness.apply(repository)
    harness.settle(work=good_worker)
    initialized = conditions(harness.status(known.REPOSITORIES, "demo", "repo-local"))[
        "RepositoryInitialized"
    ]
    assert (initialized["status"], initialized["reason"]) == ("False", "GrantMissing")
    assert "BackupStorage vault/local is not in namespace demo" in str(initialized["message"])
    assert [plan_of(job).verb for job in harness.reader.stored_items(known.JOBS, "demo")] == []


def test_a_storage_whose_provider_is_not_supported_says_so(harness: Harness) -> None:
    storage = manifests.storage("demo")
    cast("JsonObject", storage["spec"])["storage"] = {
        "provider": "gcs",
        "gcs": {"bucket": "b", "prefix": "p", "secretName": "s"},
    }
    harness.apply(storage)
    harness.settle(work=good_worker)
    status = harness.status(known.BACKUP_STORAGES, "demo", "local")
    assert status["phase"] == "NotReady"
    initialized = conditions(status)["BackendInitialized"]
    assert initialized["reason"] == "UnsupportedField"
    assert initialized["message"] == "spec.storage.provider: provider 'gcs' is not supported yet"
    assert harness.errors == []


def test_a_missing_secret_is_tried_again_until_it_is_there(harness: Harness) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    missing = RunError(reason=ErrorClass.SECRET_MISSING, message="Secret restic-key is not there")
    harness.settle(work=failing_worker(missing, Verb.INIT_REPOSITORY))
    initialized = conditions(harness.status(known.REPOSITORIES, "demo", "repo-local"))[
        "RepositoryInitialized"
    ]
    assert initialized["message"] == "SecretMissing: Secret restic-key is not there"
    harness.advance(timedelta(seconds=11))
    harness.settle(work=failing_worker(missing, Verb.INIT_REPOSITORY))
    jobs = [name for name in harness.names(known.JOBS, "demo") if name.startswith("init-repo")]
    assert jobs == ["init-repo-local-2"]
    harness.advance(timedelta(seconds=21))
    harness.settle(work=good_worker)
    assert harness.status(known.REPOSITORIES, "demo", "repo-local")["phase"] == "Ready"


@pytest.mark.parametrize("is_known", [True, False])
def test_an_initial_backup_is_made_only_where_the_bucket_has_no_history(
    harness: Harness, is_known: bool
) -> None:
    if is_known:
        harness.bucket["demo:file:///local:demo/library/local"] = ["an-old-snapshot"]
    protect(harness)
    (session,) = cast("list[JsonObject]", configuration(harness)["sessions"])
    triggered = conditions(session)["InitialBackupTriggered"]
    assert triggered["status"] == "True"
    assert bool(harness.names(known.BACKUP_SESSIONS, "demo")) is not is_known
    assert ("has a history" in str(triggered["message"])) is is_known


def test_a_changed_storage_is_initialised_again_and_stays_ready_meanwhile(
    harness: Harness,
) -> None:
    harness.apply(manifests.storage("demo"))
    harness.settle(work=good_worker)
    changed = manifests.storage("demo", claim="library")
    harness.apply(changed)
    harness.settle()
    (job,) = harness.open_jobs()
    assert name_of(job) == "init-storage-local-2"
    assert harness.status(known.BACKUP_STORAGES, "demo", "local")["phase"] == "Ready"
    harness.settle(work=good_worker)
    initialized = conditions(harness.status(known.BACKUP_STORAGES, "demo", "local"))[
        "BackendInitialized"
    ]
    assert initialized["observedGeneration"] == 2
    assert harness.names(known.JOBS, "demo") == ["init-storage-local-2"]


def test_a_bucket_that_is_named_in_another_way_is_tried_again(harness: Harness) -> None:
    """The setting is no part of the spec, and changes nothing but how the bucket is reached."""
    storage = manifests.storage("demo")
    cast("JsonObject", storage["spec"])["storage"] = {
        "provider": "s3",
        "s3": {"endpoint": "s3.corp.test", "bucket": "corp-backup", "secretName": "keys"},
    }
    harness.apply(storage)
    error = RunError(reason=ErrorClass.NO_BUCKET, message="no bucket")
    harness.settle(work=failing_worker(error, Verb.INIT_STORAGE))
    assert harness.status(known.BACKUP_STORAGES, "demo", "local")["phase"] == "NotReady"
    annotations: JsonObject = {"stashgen.dev/addressing-style": "virtual"}
    patch: JsonObject = {"metadata": {"annotations": annotations}}
    harness.client.patch(known.BACKUP_STORAGES, "demo", "local", patch)
    harness.advance(timedelta(minutes=10))
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_STORAGES, "demo", "local")["phase"] == "Ready"
    *_, job = harness.reader.stored_items(known.JOBS, "demo")
    assert "--addressing-style=virtual" in str(job["spec"])
