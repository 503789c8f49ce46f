"""A controller in strict mode on a server that has no admission policies: the embedded one."""

from typing import cast

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.integration.controller_process.conftest import Start
from tests.support import manifests
from tests.support.processes import Cluster, wait_until
from tests.support.strict.render import rendered_objects

_RESOURCES = {
    item.kind: item
    for item in (
        *known.CUSTOM,
        known.POD_TEMPLATES,
        known.SERVICE_ACCOUNTS,
        known.ROLES,
        known.ROLE_BINDINGS,
        known.CRON_JOBS,
    )
}


def _apply(cluster: Cluster, *objects: JsonObject) -> None:
    for item in objects:
        cluster.client.create(_RESOURCES[str(item["kind"])], "demo", item)


def test_it_is_not_ready_and_starts_no_job(cluster: Cluster, start: Start) -> None:
    controller = start("controller", "--strict")
    wait_until(lambda: controller.get("/readyz")[0] == 200, "it is not ready with nothing to do")
    assert controller.metric("stashgen_admission_policy_missing") == 0
    _apply(cluster, *rendered_objects())
    wait_until(lambda: controller.get("/readyz")[0] == 503, "it is ready without policies")
    assert controller.get("/readyz")[1].startswith("AdmissionPolicyMissing: namespace demo: ")
    assert controller.metric("stashgen_admission_policy_missing") == 1

    def reason() -> object:
        storage = cluster.client.get(known.BACKUP_STORAGES, "demo", "local")
        status = cast("dict[str, list[JsonObject]]", storage.get("status") or {})
        found = [
            item["reason"]
            for item in status.get("conditions") or ()
            if item["type"] == "BackendInitialized"
        ]
        return found[0] if found else None

    wait_until(lambda: reason() == "AdmissionPolicyMissing", "nobody says why nothing happens")
    assert cluster.client.list(known.JOBS)[0] == []


def test_it_tells_plain_manifests_why_it_does_not_serve_them(
    cluster: Cluster, start: Start
) -> None:
    start("controller", "--strict")
    _apply(cluster, manifests.storage("demo"))

    def phase() -> object:
        storage = cluster.client.get(known.BACKUP_STORAGES, "demo", "local")
        return cast("JsonObject", storage.get("status") or {}).get("phase")

    wait_until(lambda: phase() == "NotReady", "it says nothing")
    storage = cluster.client.get(known.BACKUP_STORAGES, "demo", "local")
    status = cast("dict[str, list[JsonObject]]", storage["status"])
    (condition,) = status["conditions"]
    assert condition["reason"] == "NotCompiled"
