"""Decisions that only a cache behind the cluster, or an odd name, would show."""

from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject
from stashgen_controller.kinds.backup_session.observe import observe
from stashgen_controller.runtime.decision import Create
from tests.support import manifests
from tests.support.world import World, reconciled, stored

_NAME = "library-backup-backup-1772366400"


def _ready() -> list[JsonObject]:
    """Everything that a rendered configuration needs, with good statuses."""
    good: JsonObject = {"phase": "Ready", "componentPaths": ["repository/v1/backup/dump"]}
    statuses = {"BackupStorage": {"phase": "Ready"}, "Repository": good}
    objects = [manifests.namespace("demo"), manifests.claim("demo", "library")]
    for obj in manifests.one_volume("demo"):
        status = statuses.get(str(obj["kind"]))
        objects.append({**obj, "status": cast("JsonObject", status)} if status else obj)
    return [stored(obj, f"uid-{index}") for index, obj in enumerate(objects)]


@pytest.mark.parametrize("before", [None, "NotReady", "Ready"])
def test_the_initial_backup_waits_until_the_stored_phase_is_ready(before: str | None) -> None:
    world = World(_ready())
    (configuration,) = world.stored_items(known.BACKUP_CONFIGURATIONS)
    if before is not None:
        world.objects.remove(configuration)
        configuration = {**configuration, "status": {"phase": before}}
        world.objects.append(configuration)
    decision = reconciled(world, known.BACKUP_CONFIGURATIONS, configuration)
    assert decision.status is not None
    assert decision.status["phase"] == "Ready"
    created = [item.resource for item in decision.actions if isinstance(item, Create)]
    assert created == ([known.BACKUP_SESSIONS] if before == "Ready" else [])


def test_a_status_says_which_generation_it_is_about() -> None:
    world = World(_ready())
    (configuration,) = world.stored_items(known.BACKUP_CONFIGURATIONS)
    metadata = cast("JsonObject", configuration["metadata"])
    changed: JsonObject = {**configuration, "metadata": {**metadata, "generation": 7}}
    status = reconciled(world, known.BACKUP_CONFIGURATIONS, changed).status or {}
    (passed,) = (
        item
        for item in cast("list[JsonObject]", status["conditions"])
        if item["type"] == "ValidationPassed"
    )
    assert passed["observedGeneration"] == 7


@pytest.mark.parametrize(
    ("session", "repository", "collides"),
    [
        (_NAME, "repo-local", False),
        (_NAME, "repo-other", True),
        ("library-backup-backup-1", "repo-local", True),
    ],
)
def test_a_snapshot_is_ours_only_with_session_and_repository(
    session: str, repository: str, collides: bool
) -> None:
    obj: JsonObject = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "BackupSession",
        "metadata": {"name": _NAME, "namespace": "demo"},
        "spec": {
            "invoker": {"kind": "BackupConfiguration", "name": "library-backup"},
            "session": "backup",
        },
    }
    snapshot: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Snapshot",
        "metadata": {"name": f"repo-local-{_NAME}", "namespace": "demo"},
        "spec": {"backupSession": session, "repository": repository, "session": "backup"},
    }
    world = World([stored(manifests.configuration("demo"), "c"), stored(snapshot, "s")])
    (copy,) = observe(world, BackupSession.from_wire(stored(obj, "b"))).copies
    assert copy.collides is collides


@pytest.mark.parametrize(
    ("other", "is_refused"),
    [({"bucket": "corp/"}, True), ({"bucket": "corp", "prefix": "b"}, False), ({"x": 1}, False)],
)
def test_storage_in_the_place_of_another_is_refused(other: JsonObject, is_refused: bool) -> None:
    storages = [_bucket("one", {"bucket": "corp"}), _bucket("other", other)]
    status = reconciled(World(storages), known.BACKUP_STORAGES, storages[1]).status
    says = "is the same place as that of BackupStorage demo/one" in str(status)
    assert says is is_refused


def _bucket(name: str, block: JsonObject) -> JsonObject:
    obj: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "BackupStorage",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {"storage": {"provider": "s3", "s3": {"endpoint": "https://s3.corp", **block}}},
    }
    return stored(obj, f"uid-{name}")
