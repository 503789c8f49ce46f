"""A compiled set may be applied in any order: the end is the same, and git's things stay git's."""

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from typing import cast

import pytest
from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.support import manifests
from tests.support.harness import WRITES, Harness, conditions, good_worker, name_of
from tests.support.world import RECONCILED

_COUNT = len(manifests.one_volume("demo"))
_ORDER = tuple(range(_COUNT))
# What git holds; of everything else the controller may make only the last three.
_OF_GIT = (
    known.BACKUP_STORAGES,
    known.REPOSITORIES,
    known.RETENTION_POLICIES,
    known.BACKUP_CONFIGURATIONS,
    known.POD_TEMPLATES,
    known.CRON_JOBS,
    known.SERVICE_ACCOUNTS,
)
_MADE = {("create", item) for item in ("jobs", "snapshots", "backupsessions")}
# One volume, from the first object to the retention of its initial backup.
_MOST_REQUESTS = 45
_ids = itertools.count()


def _last(index: int) -> tuple[int, ...]:
    return (*_ORDER[:index], *_ORDER[index + 1 :], index)


def _first(index: int) -> tuple[int, ...]:
    return (index, *_ORDER[:index], *_ORDER[index + 1 :])


def _swapped(pair: tuple[int, int]) -> tuple[int, ...]:
    order = list(_ORDER)
    order[pair[0]], order[pair[1]] = order[pair[1]], order[pair[0]]
    return tuple(order)


def _shuffled(seed: int) -> tuple[int, ...]:
    order = list(_ORDER)
    random.Random(seed).shuffle(order)
    return tuple(order)


def _groups() -> Iterator[tuple[str, list[tuple[int, ...]]]]:
    yield "each last", [_last(index) for index in _ORDER]
    yield "each first", [_first(index) for index in _ORDER]
    pairs = list(itertools.combinations(_ORDER, 2))
    yield "each pair swapped", [_swapped(pair) for pair in pairs]
    for start in range(0, 200, 50):
        name = f"shuffled {start} to {start + 49}"
        yield name, [_shuffled(seed) for seed in range(start, start + 50)]


_GROUPS = dict(_groups())


@pytest.fixture(scope="module")
def end_state(shared_harness: Harness) -> JsonObject:
    """What the set in its own order comes to."""
    return _apply(shared_harness, _ORDER)


@pytest.mark.parametrize("group", _GROUPS)
def test_every_order_comes_to_the_same_end(
    shared_harness: Harness, end_state: JsonObject, group: str
) -> None:
    for order in dict.fromkeys(_GROUPS[group]):
        assert _apply(shared_harness, order) == end_state, order


def test_the_end_is_a_protected_volume(end_state: JsonObject) -> None:
    phases = {key: status["phase"] for key, status in _statuses(end_state)}
    assert phases == {
        "BackupStorage local": "Ready",
        "Repository local-k3f9q": "Ready",
        "BackupConfiguration library": "Ready",
        "BackupSession library-backup-1772366400": "Succeeded",
        "Snapshot local-k3f9q-library-backup-1772366400": "Succeeded",
    }
    found = dict(_statuses(end_state))
    session = found["BackupSession library-backup-1772366400"]
    assert [item["phase"] for item in _list(session["retentionPolicy"])] == ["Applied"]


def test_what_git_has_not_applied_is_waited_for_by_name(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        if obj["kind"] not in {"CronJob", "PodTemplate"}:
            harness.apply(obj)
    harness.settle(work=good_worker)

    storage = conditions(harness.status(known.BACKUP_STORAGES, "demo", "local"))
    assert storage["BackendInitialized"]["reason"] == "WaitingForApply"
    assert "PodTemplate init-storage-local" in str(storage["BackendInitialized"]["message"])
    repository = conditions(harness.status(known.REPOSITORIES, "demo", "local-k3f9q"))
    assert repository["RepositoryInitialized"]["reason"] == "WaitingForApply"
    configuration = harness.status(known.BACKUP_CONFIGURATIONS, "demo", "library")
    assert configuration["phase"] == "NotReady"
    scheduled = conditions(_list(configuration["sessions"])[0])["SchedulerEnsured"]
    assert (scheduled["status"], scheduled["reason"]) == ("Unknown", "WaitingForApply")
    for missing in ("CronJob trigger-library-backup", "PodTemplate backup-local-k3f9q"):
        assert missing in str(scheduled["message"])
    assert harness.names(known.JOBS, "demo") == []
    assert harness.names(known.CRON_JOBS, "demo") == []


def _apply(harness: Harness, order: Sequence[int]) -> JsonObject:
    """Apply one object after the other, each time until nothing changes; returns the end."""
    namespace = f"demo-{next(_ids)}"
    harness.apply(manifests.namespace(namespace))
    for claim in ("library", "backup-store"):
        harness.apply(manifests.claim(namespace, claim))
    objects = manifests.one_volume(namespace)
    by_git = {resource: set[str]() for resource in _OF_GIT}
    with harness.counted() as requests:
        for index in order:
            applied = harness.apply(objects[index])
            harness.settle(work=good_worker)
            for resource in _OF_GIT:
                if applied["kind"] == resource.kind:
                    by_git[resource].add(name_of(applied))
                # Every namespace has its own ServiceAccount "default".
                found = set(harness.names(resource, namespace)) - {"default"}
                assert found == by_git[resource]
    assert harness.errors == []
    _assert_budget(requests, objects, harness.names(known.PODS, namespace))
    with harness.counted() as requests:
        harness.look_at_everything()
    assert not requests, f"a second look makes requests: {requests}"
    end = _end(harness, namespace)
    harness.client.delete(known.NAMESPACES, None, namespace)
    harness.settle()
    return end


def _assert_budget(
    requests: dict[tuple[str, str], int], objects: Sequence[JsonObject], pods: Sequence[str]
) -> None:
    """The controller's requests are those that neither git nor the acting worker made."""
    worker = 3 * len(pods) + 1
    writes = sum(count for (verb, _), count in requests.items() if verb in WRITES)
    assert writes - len(objects) - worker <= _MOST_REQUESTS, requests
    assert {key for key in requests if key[0] == "create" and key[1] in {"jobs", "snapshots"}} <= (
        _MADE
    )


def _end(harness: Harness, namespace: str) -> JsonObject:
    """All statuses and all names, without what differs from one run to the next."""
    found: JsonObject = {}
    for resource in RECONCILED:
        for obj in harness.reader.stored_items(resource, namespace):
            status = obj.get("status") or {}
            found[f"{resource.kind} {name_of(obj)}"] = _plain(status, namespace)
    found["Jobs"] = list(harness.names(known.JOBS, namespace))
    return found


def _plain(value: object, namespace: str) -> JsonValue:
    if isinstance(value, dict):
        hidden = {"jobUID", "planDigest"}
        return {key: _plain(item, namespace) for key, item in value.items() if key not in hidden}
    if isinstance(value, list):
        items = [_plain(item, namespace) for item in value]
        # The order of conditions tells in which order things came, not what they came to.
        return sorted(items, key=str)
    if isinstance(value, str):
        return re.sub(rf"\b{re.escape(namespace)}\b", "<namespace>", value)
    return cast("JsonValue", value)


def _statuses(end: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for key, value in end.items():
        if isinstance(value, dict):
            yield key, value


def _list(value: object) -> list[JsonObject]:
    assert isinstance(value, list)
    return value
