"""Which pods a plan may call gone: recorded for this repository, over, and not there any more."""

from datetime import timedelta

import pytest

from stashgen.api.base import JsonObject
from stashgen_controller.listers.pods import MOST_PODS, terminated_pods
from tests.support.world import NOW, World, job, pod, stored, terminated

_RUNNING: JsonObject = {"state": {"running": {"startedAt": "2026-03-01T12:00:00Z"}}}


def snapshot(
    name: str, pod_name: str | None, phase: str = "Failed", *, has_ended: bool = False
) -> JsonObject:
    executor: JsonObject = {"job": name, "attempt": 1, "planDigest": "d", "jobUID": "u"}
    if pod_name:
        executor["pod"] = pod_name
    if has_ended:
        executor["podTerminated"] = True
    obj: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Snapshot",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {"repository": "repo-local"},
        "status": {"phase": phase, "executor": executor},
    }
    return stored(obj, f"uid-{name}")


def session(repository: str, pod_name: str, phase: str) -> JsonObject:
    entry: JsonObject = {
        "repository": repository,
        "phase": phase,
        "executor": {
            "job": "retain-s",
            "attempt": 1,
            "planDigest": "d",
            "pod": pod_name,
            "podTerminated": True,
        },
    }
    obj: JsonObject = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "BackupSession",
        "metadata": {"name": "s", "namespace": "demo"},
        "spec": {},
        "status": {"retentionPolicy": [entry]},
    }
    return stored(obj, "uid-s")


def restore(source: JsonObject, pod_name: str, phase: str) -> JsonObject:
    pushed: JsonObject = {
        "type": "MetricsPushed",
        "status": "True",
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
    obj: JsonObject = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "RestoreSession",
        "metadata": {"name": "r", "namespace": "demo"},
        "spec": {"dataSource": source},
        "status": {
            "phase": phase,
            "executor": {
                "job": "r",
                "attempt": 1,
                "planDigest": "d",
                "pod": pod_name,
                "podTerminated": True,
            },
            "conditions": [pushed] if phase in {"Succeeded", "Failed"} else [],
        },
    }
    return stored(obj, "uid-r")


def gone(*objects: JsonObject) -> tuple[str, ...]:
    return terminated_pods(World(objects), "demo", "repo-local")


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Pending"},
        {"phase": "Running"},
        {"phase": "Unknown"},
        {},
        {"phase": "Failed", "containerStatuses": [{"name": "worker", **_RUNNING}]},
    ],
)
def test_a_pod_that_may_be_at_work_is_not_gone(status: JsonObject) -> None:
    assert gone(snapshot("copy", "copy-x"), pod(job("copy"), status)) == ()


@pytest.mark.parametrize("status", [terminated(code=137, reason="Error"), terminated()])
def test_a_recorded_pod_that_the_kubelet_says_has_ended_is_gone(status: JsonObject) -> None:
    assert gone(snapshot("copy", "copy-x"), pod(job("copy"), status)) == ("copy-x",)


def test_a_pod_whose_end_was_recorded_is_gone_without_its_object() -> None:
    assert gone(snapshot("copy", "copy-x", has_ended=True)) == ("copy-x",)


def test_a_pod_that_is_not_there_is_not_gone_for_that() -> None:
    """It may have been deleted by force, and run on on a node that is cut off."""
    assert gone(snapshot("copy", "copy-x")) == ()


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_pod_whose_run_is_not_over_may_only_be_missing_from_a_late_cache(phase: str) -> None:
    assert gone(snapshot("copy", "copy-x", phase=phase)) == ()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (session("repo-local", "retain-x", "FailedToApply"), ("retain-x",)),
        (session("repo-local", "retain-x", "Applied"), ("retain-x",)),
        (session("repo-local", "retain-x", "Pending"), ()),
        (session("repo-other", "retain-x", "FailedToApply"), ()),
        (restore({"repository": "repo-local", "snapshot": "latest"}, "r-x", "Failed"), ("r-x",)),
        (restore({"snapshot": "copy"}, "r-x", "Succeeded"), ("r-x",)),
        (restore({"snapshot": "other"}, "r-x", "Failed"), ()),
        (restore({"repository": "repo-other", "snapshot": "latest"}, "r-x", "Failed"), ()),
        (restore({"repository": "repo-local", "snapshot": "latest"}, "r-x", "Running"), ()),
    ],
)
def test_retention_and_restores_of_the_repository_count(
    record: JsonObject, expected: tuple[str, ...]
) -> None:
    assert gone(snapshot("copy", None), record) == expected


def test_pods_of_another_repository_or_namespace_do_not_count() -> None:
    world = World([snapshot("copy", "copy-x")])
    assert terminated_pods(world, "demo", "repo-other") == ()
    assert terminated_pods(world, "other", "repo-local") == ()


def test_only_the_newest_are_named_newest_first() -> None:
    count = MOST_PODS + 5
    records = [
        stored(
            snapshot(f"s{number}", f"pod-{number}", has_ended=True),
            f"u{number}",
            NOW + timedelta(hours=number),
        )
        for number in range(count)
    ]
    wanted = tuple(f"pod-{number}" for number in reversed(range(5, count)))
    assert gone(*records) == wanted
