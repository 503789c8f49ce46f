"""Objects with what an earlier version of the controller wrote."""

from copy import deepcopy
from datetime import timedelta
from typing import Any, cast

import pytest
from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.resources import Resource
from stashgen.kubestash.verbs import Verb
from stashgen_controller.kube.client import Client
from stashgen_controller.runtime.decision import Key
from tests.support import manifests
from tests.support.harness import Harness, conditions, good_worker, name_of

_OLD: JsonObject = {
    "type": "FieldsSupported",
    "status": "False",
    "reason": "UnsupportedField",
    "message": "spec.sessions[0].hooks: hooks are not supported yet",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (known.BACKUP_CONFIGURATIONS, "library-backup"),
        (known.BACKUP_STORAGES, "local"),
        (known.REPOSITORIES, "repo-local"),
    ],
)
def test_what_earlier_versions_said_is_gone_after_one_look(
    protected: Harness, resource: Resource, name: str
) -> None:
    """Argo CD and Flux go by it, and nobody would decide about it any more."""
    protected.look(Key(resource, "demo", name))
    before = protected.status(resource, "demo", name)
    obj = protected.client.get(resource, "demo", name)
    found = cast("list[JsonValue]", [*conditions(before).values(), _OLD])
    status: JsonObject = {**mapping_of(obj, "status"), "conditions": found}
    protected.client.replace(resource, "demo", {**obj, "status": status}, status=True)
    protected.settle(work=good_worker)
    assert protected.status(resource, "demo", name) == before


def _restore_crd(client: Client) -> tuple[JsonObject, JsonObject]:
    """The CRD of RestoreSessions, now and as it was before they recorded what they work on."""
    name = f"{known.RESTORE_SESSIONS.plural}.{known.RESTORE_SESSIONS.group}"
    crd = client.get(known.CUSTOM_RESOURCE_DEFINITIONS, None, name)
    older: Any = deepcopy(crd)
    status = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    del status["properties"]["inEffect"]
    return crd, older


def test_a_restore_that_an_older_crd_keeps_from_beginning_says_so_and_holds_nobody(
    protected: Harness,
) -> None:
    crd, older = _restore_crd(protected.client)
    protected.client.replace(known.CUSTOM_RESOURCE_DEFINITIONS, None, older)
    protected.advance(timedelta(minutes=10))
    protected.apply(manifests.restore("demo", "back"))
    protected.settle()
    status = protected.status(known.RESTORE_SESSIONS, "demo", "back")
    told = conditions(status)["RestoreExecutorEnsured"]
    assert told["status"] == "False"
    assert "apply the CRDs of this controller's version" in str(told["message"])
    assert "executor" not in status
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"

    current = protected.client.get(known.CUSTOM_RESOURCE_DEFINITIONS, None, name_of(crd))
    newer = {**crd, "metadata": current["metadata"]}
    protected.client.replace(known.CUSTOM_RESOURCE_DEFINITIONS, None, newer)
    protected.advance(timedelta(minutes=10))
    protected.settle(work=good_worker)
    status = protected.status(known.RESTORE_SESSIONS, "demo", "back")
    assert status["phase"] == "Succeeded"
    assert "RestoredInPart" not in conditions(status)


def test_a_restore_that_runs_during_an_upgrade_keeps_its_claim_whatever_is_changed_then(
    protected: Harness,
) -> None:
    (snapshot,) = protected.names(known.SNAPSHOTS, "demo")
    protected.advance(timedelta(minutes=10))
    protected.apply(manifests.claim("demo", "other"))
    protected.apply(manifests.restore("demo", "back"))
    protected.start_pod(protected.run_until(Verb.RESTORE), {"phase": "Running"})
    protected.settle()
    running = protected.client.get(known.RESTORE_SESSIONS, "demo", "back")
    before = {
        field: value
        for field, value in mapping_of(running, "status").items()
        if field != "inEffect"
    }
    protected.client.replace(
        known.RESTORE_SESSIONS, "demo", {**running, "status": before}, status=True
    )
    protected.settle()
    elsewhere: JsonObject = {"spec": {"target": {"name": "other"}}}
    protected.client.patch(known.RESTORE_SESSIONS, "demo", "back", elsewhere)
    protected.settle()
    status = protected.status(known.RESTORE_SESSIONS, "demo", "back")
    assert mapping_of(status, "inEffect") == mapping_of(mapping_of(running, "status"), "inEffect")
    assert mapping_of(status, "inEffect")["snapshot"] == snapshot
    assert conditions(status)["ChangedAfterStart"]["status"] == "True"
    protected.apply(manifests.restore("demo", "again"))
    protected.settle()
    waits = conditions(protected.status(known.RESTORE_SESSIONS, "demo", "again"))
    assert waits["RestoreExecutorEnsured"]["reason"] == "WaitingForRestore"
