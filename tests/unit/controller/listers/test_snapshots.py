"""Which Snapshots retention is told of: failed, without a record, and nobody works on them."""

from collections.abc import Sequence

import pytest

from stashgen.api.base import JsonObject
from stashgen_controller.listers.snapshots import MOST_UNRECORDED, unrecorded_failures
from tests.support.world import World, pod, stored, terminated


def snapshot(
    name: str,
    *,
    phase: str = "Failed",
    uploaded: str | None = None,
    pod_name: str | None = None,
    time: str = "2026-03-01T11:00:00Z",
) -> JsonObject:
    executor: JsonObject = {"job": name, "attempt": 1, "planDigest": "d", "jobUID": "u"}
    if pod_name is not None:
        executor["pod"] = pod_name
    uploading: JsonObject = {
        "type": "SnapshotMetadataUploaded",
        "status": uploaded,
        "lastTransitionTime": "2026-03-01T11:00:00Z",
    }
    status: JsonObject = {
        "phase": phase,
        "snapshotTime": time,
        "executor": executor,
        "conditions": [uploading] if uploaded is not None else [],
    }
    obj: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Snapshot",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {"repository": "repo-local", "session": "backup"},
        "status": status,
    }
    return stored(obj, f"uid-{name}")


def told(*objects: JsonObject) -> Sequence[str]:
    return [item.name for item in unrecorded_failures(World(objects), "demo", "repo-local")]


@pytest.mark.parametrize("uploaded", [None, "False"])
def test_a_failed_one_without_a_record_is_told(uploaded: str | None) -> None:
    assert told(snapshot("a", uploaded=uploaded)) == ["a"]


def test_one_with_a_record_is_not_told() -> None:
    assert told(snapshot("a", uploaded="True")) == []


@pytest.mark.parametrize("phase", ["Succeeded", "Running", "Pending"])
def test_one_that_has_not_failed_is_not_told(phase: str) -> None:
    assert told(snapshot("a", phase=phase)) == []


def test_one_whose_pod_may_write_its_record_yet_is_not_told() -> None:
    killed = snapshot("a", pod_name="a-x")
    assert told(killed, pod(killed, {"phase": "Running"})) == []
    assert told(killed, pod(killed, terminated(code=137))) == ["a"]
    assert told(killed) == []


def test_one_whose_pods_end_nobody_reported_is_told_once_no_worker_can_run_any_more() -> None:
    killed = snapshot("a", pod_name="a-x")
    later = snapshot("b", phase="Succeeded", time="2026-03-08T10:59:00Z")
    assert told(killed, later) == []
    assert told(killed, snapshot("b", phase="Succeeded", time="2026-03-08T11:00:01Z")) == ["a"]


def test_one_of_another_repository_or_namespace_is_not_told() -> None:
    found = World([snapshot("a")])
    assert unrecorded_failures(found, "demo", "repo-other") == ()
    assert unrecorded_failures(found, "other", "repo-local") == ()


def test_the_oldest_are_told_first_and_never_more_than_an_annotation_holds() -> None:
    times = {
        f"s{number:03}": f"2026-02-01T{number // 60:02}:{number % 60:02}:00Z"
        for number in range(MOST_UNRECORDED + 5)
    }
    objects = [snapshot(name, time=time) for name, time in reversed(times.items())]
    assert told(*objects) == list(times)[:MOST_UNRECORDED]
