"""What the API server refuses is told in the object's status, and tried again."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.integration.controller import manifests
from tests.integration.controller.harness import Harness, conditions, good_worker, name_of

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
    assert set(requests) == {("create", "jobs")}, "the same refusal is not written twice"

    _apply(harness, template, "Never")
    harness.advance(timedelta(minutes=1))
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_SESSIONS, "demo", _INITIAL)["phase"] == "Succeeded"


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
