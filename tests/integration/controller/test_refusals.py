"""What the API server refuses is told in the object's status, and tried again."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.support import manifests
from tests.support.harness import Harness, conditions, good_worker, metadata, name_of

_INITIAL = "library-backup-1772366400"


def _apply(harness: Harness, template: str, policy: str) -> None:
    """Apply the compiled set with one pod template that a Job may have, or may not."""
    for obj in manifests.one_volume("demo"):
        if name_of(obj) == template:
            spec = cast("JsonObject", cast("JsonObject", obj["template"])["spec"])
            spec["restartPolicy"] = policy
        harness.apply(obj)


@pytest.mark.parametrize(
    ("template", "resource", "name", "type_"),
    [
        ("init-storage-local", known.BACKUP_STORAGES, "local", "BackendInitialized"),
        ("maintain-local-k3f9q", known.REPOSITORIES, "local-k3f9q", "RepositoryInitialized"),
        ("backup-local-k3f9q", known.BACKUP_SESSIONS, _INITIAL, "BackupExecutorEnsured"),
    ],
)
def test_a_refused_job_is_told_and_made_once_it_is_not_refused_any_more(
    harness: Harness, template: str, resource: known.Resource, name: str, type_: str
) -> None:
    _apply(harness, template, "Always")
    harness.settle(work=good_worker)
    told = conditions(harness.status(resource, "demo", name))[type_]
    assert told["status"] == "False"
    assert "restartPolicy" in str(told["message"])
    assert harness.status(resource, "demo", name)["phase"] not in {"Ready", "Succeeded"}

    with harness.counted() as requests:
        harness.look_at_everything()
    # The claim comes before the Job, and is given back.
    wanted = {("get", resource.plural), ("create", "jobs"), ("update", resource.plural)}
    assert set(requests) == wanted, "the same refusal is not written to others twice"
    assert requests["update", resource.plural] == 2 * requests["create", "jobs"]

    _apply(harness, template, "Never")
    harness.advance(timedelta(minutes=1))
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_SESSIONS, "demo", _INITIAL)["phase"] == "Succeeded"


def test_a_refused_prune_or_check_is_not_called_a_failed_initialisation(harness: Harness) -> None:
    _apply(harness, "maintain-local-k3f9q", "Never")
    harness.settle(work=good_worker)
    _apply(harness, "maintain-local-k3f9q", "Always")
    harness.advance(timedelta(days=8))
    harness.settle(work=good_worker)
    status = harness.status(known.REPOSITORIES, "demo", "local-k3f9q")
    assert status["phase"] == "Ready"
    told = conditions(status)
    assert told["RepositoryInitialized"]["status"] == "True"
    assert told["UpkeepSucceeded"]["status"] == "False"
    assert "restartPolicy" in str(told["UpkeepSucceeded"]["message"])


def test_a_session_whose_job_is_refused_for_good_ends_and_lets_the_next_one_start(
    harness: Harness,
) -> None:
    _apply(harness, "backup-local-k3f9q", "Always")
    harness.settle(work=good_worker)
    for _ in range(65):
        harness.advance(timedelta(minutes=1))
        harness.settle(work=good_worker)
    session = harness.status(known.BACKUP_SESSIONS, "demo", _INITIAL)
    assert session["phase"] == "Failed"
    message = str(conditions(session)["BackupExecutorEnsured"]["message"])
    assert "could not start in time" in message
    assert "restartPolicy" in message


def test_nothing_is_made_in_a_namespace_that_is_on_its_way_out(harness: Harness) -> None:
    """Its content goes bit by bit, and what is gone already must not be made again."""
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(obj)
    harness.settle(work=good_worker)
    # The embedded server empties a namespace in one go: this is the moment before.
    found = harness.get(known.NAMESPACES, None, "demo")
    key, store = (known.NAMESPACES.group, known.NAMESPACES.plural), harness.server.api.store
    with store.lock:
        leaving: JsonObject = {
            **metadata(found),
            "deletionTimestamp": "2026-03-01T12:30:00Z",
            "resourceVersion": store.next_version(),
        }
        store.put(key, "", "demo", {**found, "metadata": leaving})
    harness.client.delete(known.REPOSITORIES, "demo", "repo-local")
    harness.client.delete(known.CRON_JOBS, "demo", "trigger-library-backup-backup")
    with harness.counted() as requests:
        harness.settle()
        harness.look_at_everything()
    assert not requests
    assert harness.errors == []
