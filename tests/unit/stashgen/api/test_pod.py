"""When a worker's pod has ended, whatever else was put into it."""

from typing import cast

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.pod import WORKER_CONTAINERS, Pod, has_ended
from stashgen.kubestash.addons import BACKUP_TASK, RESTORE_TASK
from stashgen.kubestash.verbs import Template

_RUNNING: JsonObject = {"running": {}}
_ENDED: JsonObject = {"terminated": {"exitCode": 0, "message": "done"}}
_FAILED: JsonObject = {"terminated": {"exitCode": 1, "reason": "Error", "message": "no rights"}}
_WAITING: JsonObject = {"waiting": {"reason": "PodInitializing"}}
_WORKER = "logical-backup-0"
_DATA: JsonObject = {"name": "data", "persistentVolumeClaim": {"claimName": "library"}}
_SCRATCH: JsonObject = {"name": "scratch", "emptyDir": {}}


def _pod(
    phase: str,
    states: dict[str, JsonObject],
    *,
    init: dict[str, JsonObject] | None = None,
    mounts: dict[str, str] | None = None,
) -> JsonObject:
    mounts = {_WORKER: "data", **(mounts or {})}

    def statuses(of: dict[str, JsonObject]) -> JsonObject:
        found: list[JsonObject] = [{"name": name, "state": state} for name, state in of.items()]
        return cast("JsonObject", found)

    def containers(of: dict[str, JsonObject]) -> JsonObject:
        found: list[JsonObject] = [
            {"name": name, "volumeMounts": [{"name": mounts[name]}] if name in mounts else []}
            for name in of
        ]
        return cast("JsonObject", found)

    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "copy-x", "namespace": "demo"},
        "spec": {
            "containers": containers(states),
            "initContainers": containers(init or {}),
            "volumes": [_DATA, _SCRATCH],
        },
        "status": {
            "phase": phase,
            "containerStatuses": statuses(states),
            "initContainerStatuses": statuses(init or {}),
        },
    }


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (_pod("Running", {_WORKER: _RUNNING}), False),
        (_pod("Running", {"istio-proxy": _RUNNING, _WORKER: _RUNNING}), False),
        (_pod("Running", {"istio-proxy": _ENDED, _WORKER: _RUNNING}), False),
        (_pod("Running", {"istio-proxy": _RUNNING, _WORKER: _ENDED}), True),
        (_pod("Running", {"istio-proxy": _RUNNING, _WORKER: _FAILED}), True),
        (_pod("Running", {_WORKER: _ENDED}, init={"native": _RUNNING}), True),
        (_pod("Running", {"a": _RUNNING, "b": _ENDED}), False),
        (_pod("Failed", {"istio-proxy": _FAILED, _WORKER: _ENDED}), True),
        (_pod("Failed", {"istio-proxy": _FAILED, _WORKER: _RUNNING}), False),
        (_pod("Succeeded", {_WORKER: _ENDED}), True),
        (_pod("Pending", {"istio-proxy": _ENDED, _WORKER: _WAITING}), False),
    ],
)
def test_pod_has_ended_with_our_own_container(pod: JsonObject, *, expected: bool) -> None:
    assert has_ended(pod) is expected
    assert Pod.from_wire(pod).has_ended is expected


@pytest.mark.parametrize("state", [_RUNNING, _WAITING, {}])
@pytest.mark.parametrize("is_init", [True, False])
def test_sidecar_with_a_claim_keeps_the_volume_in_use(state: JsonObject, *, is_init: bool) -> None:
    others = {"scanner": state}
    pod = _pod(
        "Running",
        {_WORKER: _ENDED, **({} if is_init else others)},
        init=others if is_init else None,
        mounts={"scanner": "data"},
    )
    assert not has_ended(pod)
    scratch = _pod("Running", {_WORKER: _ENDED, **others}, mounts={"scanner": "scratch"})
    assert has_ended(scratch)


def test_container_with_a_claim_that_has_no_status_may_run() -> None:
    pod = _pod("Running", {_WORKER: _ENDED, "scanner": _RUNNING}, mounts={"scanner": "data"})
    status = cast("JsonObject", pod["status"])
    statuses = cast("list[JsonObject]", status["containerStatuses"])
    status["containerStatuses"] = [item for item in statuses if item["name"] == _WORKER]
    assert not has_ended(pod)


def test_odd_pod_has_not_ended() -> None:
    pod = _pod("Running", {_WORKER: _ENDED})
    pod["spec"] = {"containers": [{"volumeMounts": "all"}]}
    assert not has_ended(pod)


def test_result_is_our_own_containers() -> None:
    pod = Pod.from_wire(_pod("Running", {"istio-proxy": _FAILED, _WORKER: _ENDED}))
    assert pod.termination is not None
    assert pod.termination.message == "done"
    unknown = Pod.from_wire(_pod("Failed", {"a": _ENDED, "b": _FAILED}))
    assert unknown.termination is None


def test_container_that_kept_ours_from_starting_is_named() -> None:
    pod = Pod.from_wire(_pod("Failed", {_WORKER: _WAITING}, init={"istio-init": _FAILED}))
    assert pod.never_ran
    assert pod.failed_other is not None
    assert pod.failed_other[0] == "istio-init"
    ran = Pod.from_wire(_pod("Failed", {_WORKER: _ENDED, "istio-proxy": _FAILED}))
    assert not ran.never_ran


@pytest.mark.parametrize(
    ("states", "init", "expected"),
    [
        (
            {_WORKER: _WAITING},
            {"istio-init": {"waiting": {"reason": "ImagePullBackOff", "message": "no image"}}},
            "container istio-init: ImagePullBackOff: no image",
        ),
        (
            {
                "proxy": {"waiting": {"reason": "ErrImagePull", "message": "theirs"}},
                _WORKER: {"waiting": {"reason": "ErrImagePull", "message": "ours"}},
            },
            {},
            "ErrImagePull: ours",
        ),
    ],
)
def test_start_that_another_container_holds_up_names_it(
    states: dict[str, JsonObject], init: dict[str, JsonObject], expected: str
) -> None:
    assert Pod.from_wire(_pod("Pending", states, init=init)).pending_reason == expected


def test_init_container_that_never_ends_is_the_reason() -> None:
    pod = _pod("Pending", {_WORKER: _WAITING}, init={"wait-for-mesh": _RUNNING})
    message = "containers with incomplete status: [wait-for-mesh]"
    conditions: list[JsonObject] = [
        {
            "type": "Initialized",
            "status": "False",
            "reason": "ContainersNotInitialized",
            "message": message,
        }
    ]
    cast("JsonObject", pod["status"])["conditions"] = cast("JsonObject", conditions)
    assert Pod.from_wire(pod).pending_reason == f"ContainersNotInitialized: {message}"


def test_names_of_our_containers_are_those_of_the_templates() -> None:
    tasks = {f"{BACKUP_TASK}-0", f"{RESTORE_TASK}-0"}
    assert {Template.INIT_STORAGE, Template.MAINTAIN} | tasks == WORKER_CONTAINERS
