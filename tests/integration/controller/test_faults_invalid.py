"""What we cannot do makes the object invalid: nothing is made for it, and nothing starts."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kube.client import ApiError
from stashgen_controller.runtime.decision import Key
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker

HOOKS: JsonObject = {"hooks": {"preBackup": [{"name": "quiesce"}]}}


def configuration(harness: Harness) -> JsonObject:
    return harness.status(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")


def why_invalid(harness: Harness) -> str:
    validated = conditions(configuration(harness))["ValidationPassed"]
    assert (configuration(harness)["phase"], validated["status"]) == ("Invalid", "False")
    return str(validated["message"])


def spec_of(manifest: JsonObject) -> JsonObject:
    return cast("JsonObject", manifest["spec"])


def verbs(harness: Harness) -> list[Verb]:
    """What Jobs were made for, but for the storages'."""
    jobs = harness.reader.stored_items(known.JOBS, "demo")
    return [plan_of(job).verb for job in jobs if plan_of(job).verb is not Verb.INIT_STORAGE]


def apply(harness: Harness, wanted: JsonObject) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(wanted)
    harness.settle(work=good_worker)


def changed(**spec: object) -> JsonObject:
    """A BackupConfiguration with some of its spec replaced."""
    wanted = manifests.configuration("demo")
    return {**wanted, "spec": cast("JsonObject", {**spec_of(wanted), **spec})}


def with_session(**more: object) -> JsonObject:
    return manifests.configuration("demo", manifests.session("demo", more=more))


def with_repository(**more: object) -> JsonObject:
    session = manifests.session("demo")
    (repository,) = cast("list[JsonObject]", session["repositories"])
    repository.update(cast("JsonObject", more))
    return manifests.configuration("demo", session)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (
            changed(
                target={
                    "apiGroup": "",
                    "kind": "PersistentVolumeClaim",
                    "name": "library",
                    "namespace": "payments",
                }
            ),
            "spec.target.namespace: namespace 'payments' is another one",
        ),
        (changed(target={"apiGroup": "apps", "kind": "Deployment", "name": "db"}), "spec.target: "),
        (changed(target=None), "spec.target: only a PersistentVolumeClaim"),
        (with_session(**HOOKS), "spec.sessions[0].hooks: "),
        (with_repository(deletionPolicy="WipeOut"), "repositories[0].deletionPolicy: "),
        (with_repository(backupVerifier={"name": "v"}), "repositories[0].backupVerifier: "),
        (
            with_session(
                addon={
                    "name": "pvc-addon",
                    "tasks": [{"name": "logical-backup"}],
                    "containerRuntimeSettings": {"nice": {"adjustment": 5}},
                }
            ),
            "spec.sessions[0].addon.containerRuntimeSettings.nice: ",
        ),
    ],
)
def test_a_configuration_that_asks_for_what_is_not_done_starts_nothing(
    harness: Harness, wanted: JsonObject, field: str
) -> None:
    harness.apply(manifests.namespace("payments"))
    harness.apply(manifests.claim("payments", "library"))
    apply(harness, wanted)
    assert field in why_invalid(harness)
    fault("A BackupConfiguration asks for what is not supported").check([configuration(harness)])
    assert harness.names(known.REPOSITORIES, "demo") == []
    assert harness.names(known.CRON_JOBS, "demo") == []
    assert harness.names(known.BACKUP_SESSIONS, "demo") == []
    name = harness.trigger()
    harness.settle(work=good_worker)
    session = harness.status(known.BACKUP_SESSIONS, "demo", name)
    assert session["phase"] == "Skipped"
    message = str(conditions(session)["BackupSkipped"]["message"])
    assert message.startswith("the BackupConfiguration is Invalid: ")
    assert field in message
    assert verbs(harness) == []
    assert harness.names(known.SNAPSHOTS, "demo") == []


def test_fields_that_say_nothing_are_no_reason(harness: Harness) -> None:
    addon: JsonObject = {
        "name": "pvc-addon",
        "tasks": [{"name": "logical-backup", "targetVolumes": {}}],
        "jobTemplate": {"spec": {"hostNetwork": False, "lifecycle": {}, "dnsConfig": {}}},
        "containerRuntimeSettings": {"livenessProbe": {}},
    }
    wanted = with_session(addon=addon, hooks={"preBackup": [], "postBackup": []})
    apply(harness, wanted)
    assert configuration(harness)["phase"] == "Ready"


def test_one_that_becomes_invalid_while_its_backup_runs_ends_that_and_begins_no_more(
    harness: Harness,
) -> None:
    """The second copy would run without the hooks that the new specification asks for."""
    for name in ("local", "other"):
        harness.apply(manifests.storage("demo", name))
    harness.apply(manifests.retention("demo"))
    copies = ("local", "other")
    harness.apply(manifests.configuration("demo", copies=copies))
    job = harness.run_until(Verb.BACKUP)
    session = manifests.session("demo", copies=copies, more=HOOKS)
    harness.apply(manifests.configuration("demo", session, copies=copies))
    harness.settle()
    assert "hooks" in why_invalid(harness)
    harness.finish(job, good_worker(harness, job, plan_of(job)))
    harness.settle(work=good_worker)
    (name,) = harness.names(known.BACKUP_SESSIONS, "demo")
    status = harness.status(known.BACKUP_SESSIONS, "demo", name)
    phases = {
        item["repository"]: item["phase"] for item in cast("list[JsonObject]", status["snapshots"])
    }
    assert phases == {"repo-local": "Succeeded", "repo-other": "Failed"}
    fault("A BackupConfiguration becomes invalid while its backup runs").check([status])
    assert "hooks are not supported" in str(conditions(status)["BackupExecutorEnsured"]["message"])
    assert Verb.RETAIN not in verbs(harness), (
        "nothing is removed while nobody can say what is meant"
    )
    held = cast("list[JsonObject]", status["retentionPolicy"])
    assert [item["phase"] for item in held] == ["Pending", "Pending"]
    assert all("hooks are not supported" in str(item["error"]) for item in held)

    # As soon as it is valid again, the retention follows.
    harness.apply(manifests.configuration("demo", copies=copies))
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=1))
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Ready"
    assert Verb.RETAIN in verbs(harness)
    status = harness.status(known.BACKUP_SESSIONS, "demo", name)
    applied = cast("list[JsonObject]", status["retentionPolicy"])
    assert [item["phase"] for item in applied] == ["Applied", "Applied"]


def test_a_session_does_not_begin_before_the_new_specification_was_looked_at(
    harness: Harness,
) -> None:
    apply(harness, manifests.configuration("demo"))
    harness.apply(with_session(**HOOKS))
    assert configuration(harness)["phase"] == "Ready", "as it was found the last time"
    harness.advance(timedelta(minutes=1))
    name = harness.trigger()
    harness.look(Key(known.BACKUP_SESSIONS, "demo", name))
    assert harness.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Skipped"


def test_a_repository_that_is_to_wipe_its_data_is_not_ready_and_stops_its_backups(
    harness: Harness,
) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    patch: JsonObject = {"spec": {"deletionPolicy": "WipeOut"}}
    harness.client.patch(known.REPOSITORIES, "demo", "local-k3f9q", patch)
    harness.settle(work=good_worker)
    repository = harness.status(known.REPOSITORIES, "demo", "local-k3f9q")
    fault("A Repository asks for what is not supported").check([repository])
    initialized = conditions(repository)["RepositoryInitialized"]
    assert (repository["phase"], initialized["reason"]) == ("NotReady", "UnsupportedField")
    status = harness.status(known.BACKUP_CONFIGURATIONS, "demo", "library")
    assert status["phase"] == "NotReady"
    (backend,) = cast("list[JsonObject]", status["backends"])
    reason = str(cast("JsonObject", backend["storage"])["reason"])
    assert reason.startswith("Repository local-k3f9q: spec.deletionPolicy: deleting the data")
    harness.advance(timedelta(minutes=1))
    name = harness.trigger(configuration="library")
    harness.settle(work=good_worker)
    session = harness.status(known.BACKUP_SESSIONS, "demo", name)
    assert session["phase"] == "Skipped"
    assert "spec.deletionPolicy" in str(conditions(session)["BackupSkipped"]["message"])
    # What is there can be restored.
    harness.apply(manifests.restore("demo", "back", repository="local-k3f9q"))
    harness.settle(work=good_worker)
    assert harness.status(known.RESTORE_SESSIONS, "demo", "back")["phase"] == "Succeeded"


@pytest.mark.parametrize("is_compiled", [True, False])
def test_a_storage_that_becomes_unusable_stops_what_follows(
    harness: Harness, is_compiled: bool
) -> None:
    if is_compiled:
        for obj in manifests.one_volume("demo"):
            harness.apply(obj)
        harness.settle(work=good_worker)
    else:
        apply(harness, manifests.configuration("demo"))
    name = "library" if is_compiled else "library-backup"
    assert harness.status(known.BACKUP_CONFIGURATIONS, "demo", name)["phase"] == "Ready"
    patch: JsonObject = {"spec": {"deletionPolicy": "WipeOut"}}
    harness.client.patch(known.BACKUP_STORAGES, "demo", "local", patch)
    harness.settle(work=good_worker)
    storage = harness.status(known.BACKUP_STORAGES, "demo", "local")
    fault("A BackupStorage asks for what is not supported").check([storage])
    initialized = conditions(storage)["BackendInitialized"]
    assert (storage["phase"], initialized["reason"]) == ("NotReady", "UnsupportedField")
    assert str(initialized["message"]).startswith("spec.deletionPolicy: deleting the data")
    assert harness.status(known.BACKUP_CONFIGURATIONS, "demo", name)["phase"] == "NotReady"
    harness.advance(timedelta(minutes=1))
    run = harness.trigger(configuration=name)
    harness.settle(work=good_worker)
    session = harness.status(known.BACKUP_SESSIONS, "demo", run)
    assert session["phase"] == "Skipped"
    assert "spec.deletionPolicy" in str(conditions(session)["BackupSkipped"]["message"])

    back: JsonObject = {"spec": {"deletionPolicy": "Delete"}}
    harness.client.patch(known.BACKUP_STORAGES, "demo", "local", back)
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_CONFIGURATIONS, "demo", name)["phase"] == "Ready"


def test_a_repository_is_not_ready_while_its_storage_is_gone(harness: Harness) -> None:
    apply(harness, manifests.configuration("demo"))
    harness.delete(known.BACKUP_STORAGES, "demo", "local")
    harness.settle(work=good_worker)
    repository = harness.status(known.REPOSITORIES, "demo", "repo-local")
    initialized = conditions(repository)["RepositoryInitialized"]
    fault("The storage of a Repository is deleted").check([repository])
    assert initialized["reason"] == "NoStorage"
    assert configuration(harness)["phase"] == "NotReady"
    made = verbs(harness)

    harness.apply(manifests.storage("demo"))
    harness.settle(work=good_worker)
    assert harness.status(known.REPOSITORIES, "demo", "repo-local")["phase"] == "Ready"
    assert verbs(harness) == made, "what was initialised once is not initialised again"


def test_a_repository_is_not_ready_without_the_grant_of_its_storage(harness: Harness) -> None:
    apply(harness, manifests.configuration("demo"))
    only_others: JsonObject = {"from": "Selector", "selector": {"matchLabels": {"team": "b"}}}
    patch: JsonObject = {"spec": {"usagePolicy": {"allowedNamespaces": only_others}}}
    harness.client.patch(known.BACKUP_STORAGES, "demo", "local", patch)
    harness.settle(work=good_worker)
    assert "may not be used from namespace 'demo'" in why_invalid(harness)
    repository = harness.status(known.REPOSITORIES, "demo", "repo-local")
    initialized = conditions(repository)["RepositoryInitialized"]
    fault("The grant of a storage is taken away").check([repository])
    assert initialized["reason"] == "GrantMissing"

    harness.client.patch(known.NAMESPACES, None, "demo", {"metadata": {"labels": {"team": "b"}}})
    harness.settle(work=good_worker)
    assert harness.status(known.REPOSITORIES, "demo", "repo-local")["phase"] == "Ready"
    assert configuration(harness)["phase"] == "Ready"


def _default(manifest: JsonObject) -> JsonObject:
    return {**manifest, "spec": {**spec_of(manifest), "default": True}}


def _without_policy() -> JsonObject:
    wanted = manifests.configuration("demo")
    (backend,) = cast("list[JsonObject]", spec_of(wanted)["backends"])
    del backend["retentionPolicy"]
    return wanted


def test_two_default_retention_policies_are_refused_by_name(harness: Harness) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(_default(manifests.retention("demo", "z-keep-hundred", 100)))
    harness.apply(_without_policy())
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Ready"
    harness.advance(timedelta(minutes=1))
    name = harness.trigger()
    harness.apply(_default(manifests.retention("demo", "a-keep-one", 1)))
    harness.settle(work=good_worker)
    fault("A namespace gets a second default RetentionPolicy").check([configuration(harness)])
    assert why_invalid(harness) == (
        "spec.backends[].retentionPolicy: is left out, and namespace 'demo' has more than one "
        "default RetentionPolicy: a-keep-one, z-keep-hundred"
    )
    assert harness.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Skipped"
    harness.delete(known.RETENTION_POLICIES, "demo", "a-keep-one")
    harness.settle(work=good_worker)
    assert configuration(harness)["phase"] == "Ready"


def test_a_default_that_comes_later_does_not_change_the_retention_of_what_there_is(
    harness: Harness,
) -> None:
    harness.apply(manifests.namespace("another"))
    shared: JsonObject = {"allowedNamespaces": {"from": "All"}}

    def policy(namespace: str, name: str) -> JsonObject:
        made = _default(manifests.retention(namespace, name))
        return {**made, "spec": {**spec_of(made), "usagePolicy": shared}}

    harness.apply(manifests.storage("demo"))
    harness.apply(policy("demo", "ours"))
    harness.apply(_without_policy())
    harness.settle(work=good_worker)
    harness.apply(policy("another", "aaa"))
    harness.settle(work=good_worker)
    (backend,) = cast("list[JsonObject]", configuration(harness)["backends"])
    taken = cast("JsonObject", backend["retentionPolicy"])
    assert taken["ref"] == {"name": "ours", "namespace": "demo"}
    assert configuration(harness)["phase"] == "Ready"


def test_the_second_default_storage_is_refused_and_the_first_one_stays(harness: Harness) -> None:
    harness.apply(_default(manifests.storage("demo", "zone")))
    harness.settle(work=good_worker)
    harness.apply(_default(manifests.storage("demo", "area")))
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_STORAGES, "demo", "zone")["phase"] == "Ready"
    second = harness.status(known.BACKUP_STORAGES, "demo", "area")
    initialized = conditions(second)["BackendInitialized"]
    fault("A namespace gets a second default BackupStorage").check([second])
    assert initialized["reason"] == "InvalidField"

    harness.delete(known.BACKUP_STORAGES, "demo", "zone")
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_STORAGES, "demo", "area")["phase"] == "Ready"


def test_a_field_that_does_not_exist_is_dropped_and_the_rest_is_in_force(harness: Harness) -> None:
    pod: JsonObject = {"securityContext": {"runAsUsr": 0, "runAsUser": 1000}}
    addon: JsonObject = {"name": "pvc-addon", "tasks": [{"name": "logical-backup"}]}
    apply(harness, with_session(addon={**addon, "jobTemplate": {"spec": pod}}))
    (session,) = cast(
        "list[JsonObject]",
        spec_of(harness.client.get(known.BACKUP_CONFIGURATIONS, "demo", "library-backup"))[
            "sessions"
        ],
    )
    kept = {"spec": {"securityContext": {"runAsUser": 1000}}}
    assert session["addon"] == {**addon, "jobTemplate": kept}
    fault(
        "A manifest has a field that does not exist, and its client asks for no validation"
    ).check([configuration(harness)])


def test_a_snapshot_cannot_be_told_to_wipe_its_data(harness: Harness) -> None:
    apply(harness, manifests.configuration("demo"))
    (name,) = harness.names(known.SNAPSHOTS, "demo")
    patch: JsonObject = {"spec": {"deletionPolicy": "WipeOut"}}
    with pytest.raises(ApiError, match="WipeOut is not supported yet: the data stays"):
        harness.client.patch(known.SNAPSHOTS, "demo", name, patch)
    fault("A Snapshot is to wipe its data when it is deleted").check(
        [harness.status(known.SNAPSHOTS, "demo", name)]
    )


def test_an_initialisation_that_has_begun_is_followed_and_none_is_begun(harness: Harness) -> None:
    """Whoever waits for its volume must not wait for ever."""
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    job = harness.run_until(Verb.INIT_REPOSITORY)
    harness.client.patch(known.REPOSITORIES, "demo", "repo-local", {"spec": {"paused": True}})
    harness.settle()
    harness.finish(job, good_worker(harness, job, plan_of(job)))
    harness.settle()
    status = harness.status(known.REPOSITORIES, "demo", "repo-local")
    assert cast("JsonObject", status["executor"])["ended"] is True
    assert status["phase"] == "Ready"
