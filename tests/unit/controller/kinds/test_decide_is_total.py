"""Whatever the caches hold, every kind has an answer, with a reason, and comes to a standstill."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import (
    ORDER_ANNOTATION,
    PLAN_DIGEST_ANNOTATION,
    RESYNC_ANNOTATION,
    UPKEEP_ANNOTATION,
)
from stashgen.kubestash import addons, names
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from stashgen_controller.runtime.decision import Create, Decision, Delete, Patch
from tests.support import manifests
from tests.support.world import (
    DIGEST,
    NOW,
    RECONCILED,
    World,
    job,
    pending,
    pod,
    reconciled,
    result,
    stored,
    terminated,
)

_UNIX = int(NOW.timestamp())
_WRONG = RunError(reason=ErrorClass.WRONG_PASSWORD, message="wrong password")
_LOCKED = RunError(reason=ErrorClass.LOCKED, message="locked")
_RENDERED: JsonObject = {
    "stashgen.dev/rendered": "v1",
    "stashgen.dev/pod-template.init-storage": "init-storage-local",
    "stashgen.dev/pod-template.maintain": "maintain-local-k3f9q",
    "stashgen.dev/pod-template.backup": "backup-local-k3f9q",
    "stashgen.dev/pod-template.restore": "restore-local-k3f9q",
}
_STATUSES = ["True", "False", "Unknown"]


def _condition(type_: str, status: str, reason: str = "Reason") -> JsonObject:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": "words",
        "lastTransitionTime": format_time(NOW),
        "observedGeneration": 1,
    }


@st.composite
def _conditions(draw: st.DrawFn, *types: str) -> JsonValue:
    chosen = draw(st.lists(st.sampled_from(types), unique=True, max_size=len(types)))
    reasons = st.sampled_from(["Reason", "WaitingForApply"])
    return [_condition(type_, draw(st.sampled_from(_STATUSES)), draw(reasons)) for type_ in chosen]


@st.composite
def _maybe_executor(draw: st.DrawFn, name: str) -> JsonObject:
    kind = draw(st.sampled_from(["none", "planned", "seen", "other"]))
    executor: JsonObject = {"job": name, "attempt": 1, "planDigest": DIGEST}
    if kind == "none":
        return {}
    if kind == "seen":
        executor["jobUID"] = f"uid-{name}"
    if kind == "other":
        executor["jobUID"] = "uid-of-another"
    return {"executor": executor}


@st.composite
def _runs(draw: st.DrawFn, name: str, owner: str) -> list[JsonObject]:
    """A Job and its pod, or nothing."""
    if not draw(st.booleans()):
        return []
    found = job(
        name,
        uid=f"uid-{name}",
        owner=draw(st.sampled_from([owner, "somebody"])),
        ended=draw(st.sampled_from(["", "Complete", "Failed"])),
        reason=draw(st.sampled_from(["", "DeadlineExceeded"])),
    )
    error = draw(st.sampled_from([None, _WRONG, _LOCKED]))
    document = result(error).model_dump_json(by_alias=True)
    statuses: list[JsonObject] = [
        {},
        {"phase": "Running"},
        pending("Unschedulable", "no node"),
        terminated(document, code=1 if error else 0),
        terminated("odd", code=137, reason="OOMKilled"),
    ]
    status = draw(st.sampled_from(statuses))
    waited = draw(st.sampled_from([timedelta(), timedelta(minutes=6), timedelta(hours=1)]))
    pods = [pod(found, status, NOW - waited)] if draw(st.booleans()) else []
    return [found, *pods]


def _annotated(obj: JsonObject, annotations: JsonObject) -> JsonObject:
    metadata = cast("JsonObject", obj["metadata"])
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


@st.composite
def _storages(draw: st.DrawFn) -> list[JsonObject]:
    obj = manifests.storage("demo")
    if draw(st.booleans()):
        obj = _annotated(obj, _RENDERED)
    if draw(st.integers(0, 4)) == 0:
        s3: JsonObject = {"provider": "s3", "s3": {"bucket": "b"}}
        cast("JsonObject", obj["spec"])["storage"] = s3
    job_name = names.init_storage_job_name("local", 1)
    status: JsonObject = {
        "phase": draw(st.sampled_from(["Ready", "NotReady"])),
        "conditions": draw(_conditions("BackendInitialized")),
        **draw(_maybe_executor(job_name)),
    }
    if draw(st.booleans()):
        obj = {**obj, "status": status}
    return [stored(obj, "storage-1"), *draw(_runs(job_name, "storage-1"))]


@st.composite
def _repositories(draw: st.DrawFn) -> list[JsonObject]:
    obj: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Repository",
        "metadata": {"name": "repo-local", "namespace": "demo"},
        "spec": {
            "appRef": {"kind": "PersistentVolumeClaim", "name": "library", "namespace": "demo"},
            "storageRef": {
                "name": "local",
                "namespace": draw(st.sampled_from(["demo", "demo", "vault"])),
            },
            "path": "demo/library/local",
            "paused": draw(st.booleans()),
            "encryptionSecret": {"name": "restic-key"},
            "deletionPolicy": draw(st.sampled_from(["Delete", "Delete", "WipeOut"])),
        },
    }
    if draw(st.booleans()):
        obj = _annotated(obj, _RENDERED)
    job_name = names.init_job_name("repo-local", 1)
    status: JsonObject = {
        "phase": draw(st.sampled_from(["Ready", "NotReady"])),
        "conditions": draw(
            _conditions("RepositoryInitialized", "RestoreExpected", "SnapshotsResynced")
        ),
        "writerMatches": draw(st.booleans()),
        "snapshotCount": draw(st.integers(0, 3)),
        **draw(_maybe_executor(job_name)),
    }
    if draw(st.booleans()):
        status["componentPaths"] = ["repository/v1/backup/dump"]
    page = names.resync_job_name("repo-local", 2)
    if draw(st.booleans()):
        status["snapshotResync"] = {
            "phase": draw(st.sampled_from(["Running", "Finished"])),
            "request": draw(st.sampled_from(["1", "2"])),
            "records": 2,
            **draw(_maybe_executor(page)),
        }
    upkeep = names.upkeep_job_name("repo-local", 1)
    if draw(st.booleans()):
        times = st.sampled_from([NOW - timedelta(days=8), NOW, NOW + timedelta(days=400)])
        status["integrity"] = draw(st.booleans())
        status["upkeep"] = {
            "lastCheckTime": format_time(draw(times)),
            "lastPruneTime": format_time(draw(times)),
            "nextTryTime": format_time(draw(times)),
            "failures": draw(st.integers(0, 20)),
            **draw(_maybe_executor(upkeep)),
        }
    more = draw(
        st.dictionaries(
            st.sampled_from([RESYNC_ANNOTATION, UPKEEP_ANNOTATION]),
            st.sampled_from(["2", "check=1h,prune=1h", "readData=", "check=0s", ""]),
        )
    )
    if more:
        metadata = cast("JsonObject", obj["metadata"])
        annotations = cast("JsonObject", metadata.get("annotations") or {})
        obj = _annotated(obj, {**annotations, **more})
    if draw(st.booleans()):
        obj = {**obj, "status": status}
    return [
        stored(obj, "repository-1"),
        *draw(_runs(job_name, "repository-1")),
        *draw(_runs(page, "repository-1")),
        *draw(_runs(upkeep, "repository-1")),
    ]


@st.composite
def _configurations(draw: st.DrawFn) -> list[JsonObject]:
    session = manifests.session("demo", draw(st.sampled_from(["backup", "other"])))
    if draw(st.booleans()):
        session["retryConfig"] = {"maxRetry": 2, "delay": draw(st.sampled_from(["1m", "0"]))}
    if draw(st.integers(0, 4)) == 0:
        session["hooks"] = {"preBackup": [{"name": "quiesce"}]}
    obj = manifests.configuration("demo", session, paused=draw(st.booleans()))
    if draw(st.booleans()):
        obj = _annotated(obj, _RENDERED)
    if draw(st.integers(0, 4)) == 0:
        del cast("JsonObject", obj["spec"])["backends"]
    if draw(st.booleans()):
        status: JsonObject = {
            "phase": draw(st.sampled_from(["Ready", "NotReady", "Invalid"])),
            "sessions": [
                {
                    "name": "backup",
                    "conditions": draw(_conditions("SchedulerEnsured", "InitialBackupTriggered")),
                }
            ],
        }
        obj = {**obj, "status": status}
    return [stored(obj, "configuration-1")]


@st.composite
def _sessions(draw: st.DrawFn) -> list[JsonObject]:
    found: list[JsonObject] = []
    for age in range(draw(st.integers(0, 2))):
        name = f"library-backup-backup-{_UNIX - 600 * age}"
        uid = f"session-{age}"
        spec: JsonObject = {
            "invoker": {"kind": "BackupConfiguration", "name": "library-backup"},
            "session": "backup",
            "retryLeft": draw(st.integers(0, 1)),
        }
        if draw(st.booleans()):
            spec["backupTimeout"] = "10m"
        snapshot = f"repo-local-{name}"
        status: JsonObject = {
            "conditions": draw(
                _conditions(
                    "MetricsPushed", "BackupExecutorEnsured", "SnapshotsEnsured", "BackupSkipped"
                )
            )
        }
        phases = ["Pending", "Running", "Succeeded", "Failed", "Skipped"]
        if draw(st.booleans()):
            status["phase"] = draw(st.sampled_from(phases))
        if draw(st.booleans()):
            recorded = draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]))
            status["snapshots"] = [
                {"name": snapshot, "phase": recorded, "repository": "repo-local"}
            ]
        if draw(st.booleans()):
            status["nextRetry"] = format_time(NOW + timedelta(minutes=draw(st.integers(-5, 5))))
        obj: JsonObject = {
            "apiVersion": "core.kubestash.com/v1alpha1",
            "kind": "BackupSession",
            "metadata": {"name": name, "namespace": "demo"},
            "spec": spec,
        }
        if draw(st.booleans()):
            obj = {**obj, "status": status}
        found.append(stored(obj, uid, NOW - timedelta(minutes=10 * age)))
        found += draw(_snapshots(snapshot, name, uid))
        found += draw(_runs(names.retain_job_name(name, 0), uid))
    return found


@st.composite
def _snapshots(draw: st.DrawFn, name: str, session: str, uid: str) -> list[JsonObject]:
    if not draw(st.booleans()):
        return draw(_runs(name, uid))
    obj: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Snapshot",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {
            "repository": "repo-local",
            "session": "backup",
            "backupSession": draw(st.sampled_from([session, "library-backup-backup-1"])),
        },
    }
    status: JsonObject = {
        "conditions": draw(_conditions("SnapshotMetadataUploaded", "BackupIncomplete")),
        **draw(_maybe_executor(name)),
    }
    if draw(st.booleans()):
        phases = ["Pending", "Running", "Succeeded", "Failed"]
        status["phase"] = draw(st.sampled_from(phases))
        component: JsonObject = {"phase": draw(st.sampled_from(phases)), "driver": "Restic"}
        status["components"] = {"dump": component}
    if draw(st.booleans()):
        obj = {**obj, "status": status}
    return [stored(obj, f"snapshot-{name}"), *draw(_runs(name, uid))]


@st.composite
def _restores(draw: st.DrawFn) -> list[JsonObject]:
    snapshot = draw(st.sampled_from(["latest", f"repo-local-library-backup-backup-{_UNIX}", ""]))
    obj = manifests.restore("demo", "back", snapshot=snapshot)
    if draw(st.booleans()):
        cast("JsonObject", obj["spec"])["restoreTimeout"] = "10m"
    status: JsonObject = {
        "conditions": draw(
            _conditions("ValidationPassed", "RestoreExecutorEnsured", "MetricsPushed")
        ),
        **draw(_maybe_executor("back")),
    }
    if draw(st.booleans()):
        phases = ["Pending", "Running", "Succeeded", "Failed", "Invalid"]
        status["phase"] = draw(st.sampled_from(phases))
    if draw(st.booleans()):
        obj = {**obj, "status": status}
    created = NOW - timedelta(minutes=draw(st.integers(0, 20)))
    return [stored(obj, "restore-1", created), *draw(_runs("back", "restore-1"))]


@st.composite
def _requests(draw: st.DrawFn) -> list[JsonObject]:
    snapshot = draw(st.sampled_from(["latest", f"repo-local-library-backup-backup-{_UNIX}"]))
    obj = manifests.restore_request(
        "demo",
        "act",
        snapshot=snapshot,
        onMissing=draw(st.sampled_from(["Fail", "Wait"])),
        notAfter=format_time(NOW + timedelta(minutes=draw(st.sampled_from([-60, 60])))),
    )
    found: list[JsonObject] = []
    if draw(st.booleans()):
        found += draw(_attempts(snapshot))
    status: JsonObject = {
        "phase": draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Expired"])),
        "restoreSession": "restore-incident-42-1",
        "attempt": 1,
        "conditions": draw(_conditions("Ready", "Reconciling", "RestoreSessionMissing")),
    }
    if draw(st.booleans()):
        obj = {**obj, "status": status}
    created = NOW - timedelta(minutes=draw(st.sampled_from([0, 120])))
    return [stored(obj, "request-1", created), *found]


@st.composite
def _attempts(draw: st.DrawFn, snapshot: str) -> list[JsonObject]:
    """The RestoreSession of a request, of another one, or of nobody."""
    name = "restore-incident-42-1"
    obj = manifests.restore("demo", name, snapshot=snapshot)
    order: JsonObject = {
        "nonce": "incident-42",
        "namespace": "demo",
        "request": draw(st.sampled_from(["act", "act", "another"])),
        "repository": "repo-local",
        "snapshot": snapshot,
        "target": "library",
        "mode": "Overwrite",
        "notAfter": format_time(NOW + timedelta(hours=1)),
    }
    texts = [json.dumps(order), json.dumps(order), "not an order"]
    if draw(st.integers(0, 4)) > 0:
        obj = _annotated(obj, {ORDER_ANNOTATION: draw(st.sampled_from(texts))})
    errors = ["Killed: exit code 137", "WrongPassword: no", "Expired: too late", "odd"]
    status: JsonObject = {
        "phase": draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed"])),
        "conditions": draw(_conditions("RestoreExecutorEnsured", "MetricsPushed")),
        "components": {"dump": {"phase": "Failed", "error": draw(st.sampled_from(errors))}},
        **draw(_maybe_executor(name)),
    }
    if draw(st.booleans()):
        obj = {**obj, "status": status}
    uid = f"uid-of-{name}"
    return [stored(obj, uid), *draw(_runs(name, uid))]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A namespace with some of everything, in some state."""
    objects = [
        item
        for strategy in (
            _storages(),
            _repositories(),
            _configurations(),
            _sessions(),
            _restores(),
            _requests(),
        )
        if draw(st.integers(0, 5)) > 0
        for item in draw(strategy)
    ]
    optional = [
        stored(manifests.retention("demo"), "retention-1"),
        stored(manifests.claim("demo", "library"), "claim-1"),
        stored(manifests.namespace("kube-system"), "cluster-1"),
        stored(manifests.namespace("demo"), "namespace-1"),
        addons.pvc_addon().to_wire(),
        addons.pvc_backup().to_wire(),
        addons.pvc_restore().to_wire(),
        *[obj for obj in manifests.one_volume("demo") if obj["kind"] == "PodTemplate"],
    ]
    return World([*objects, *[item for item in optional if draw(st.integers(0, 7)) > 0]])


def _looks(world: World) -> Iterator[tuple[JsonObject, Decision]]:
    for resource in RECONCILED:
        for obj in world.stored_items(resource):
            yield obj, reconciled(world, resource, obj)


_MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_MANY
@given(worlds())
def test_every_answer_is_complete(world: World) -> None:
    for obj, decision in _looks(world):
        for action in decision.actions:
            if isinstance(action, Create):
                _check_create(action)
            elif isinstance(action, Delete):
                assert action.uid
        if decision.status is None:
            # A Snapshot that was made this moment gets its first status with its Job's pod, and a
            # session gets its own with its first Job, which the Snapshots have to come before.
            is_new = obj["kind"] == "Snapshot" and decision.requeue_after is not None
            makes = any(isinstance(action, Create) for action in decision.actions)
            assert is_new or makes or _is_over(obj), obj
            continue
        assert decision.status.get("phase"), (obj, decision.status)
        _check_words(decision.status)
        _check_components(obj, decision.status)
        for action in decision.actions if decision.refused is not None else ():
            assert decision.refused is not None
            refused = decision.refused(Reason("Forbidden", "quota exceeded"), action)
            assert "quota exceeded" in str(refused) or not isinstance(action, Create)


def _is_over(obj: JsonObject) -> bool:
    phase = cast("JsonObject", obj.get("status") or {}).get("phase")
    return phase in {"Succeeded", "Failed", "Skipped", "Invalid", "Expired"}


def _check_create(action: Create) -> None:
    metadata = cast("JsonObject", action.manifest["metadata"])
    assert metadata["name"]
    if action.resource is known.JOBS:
        assert len(str(metadata["name"])) <= 63
        annotations = cast("JsonObject", metadata["annotations"])
        assert annotations[PLAN_DIGEST_ANNOTATION]
        spec = cast("JsonObject", action.manifest["spec"])
        assert cast("int", spec["activeDeadlineSeconds"]) >= 1
        assert "cluster-1" in str(spec)
    if action.resource is known.SNAPSHOTS:
        assert "ownerReferences" not in metadata


def _check_words(status: JsonObject) -> None:
    """A condition that is not good has a reason and words for people."""
    sessions = cast("list[JsonObject]", status.get("sessions") or [])
    for holder in (status, *sessions):
        for item in cast("list[JsonObject]", holder.get("conditions") or []):
            assert item.get("reason"), item
            is_bad = item["status"] != "True" or str(item["type"]).endswith(
                ("Incomplete", "Skipped", "Expected")
            )
            assert item.get("message") or not is_bad, item


def _check_components(obj: JsonObject, status: JsonObject) -> None:
    """What we call failed has no part that still seems to run; others' words may come first."""
    before = cast("JsonObject", obj.get("status") or {})
    reported = before.get("phase") == "Failed" or bool(before.get("conditions"))
    components = cast("dict[str, JsonObject]", status.get("components") or {})
    if status.get("phase") == "Failed" and not reported:
        assert all(item.get("phase") != "Running" for item in components.values()), (obj, status)


@_MANY
@given(worlds())
def test_a_standstill_is_reached_and_then_nothing_is_asked_for(world: World) -> None:
    for _ in range(12):
        if not _step(world):
            return
    pytest.fail(f"no standstill: {[decision for _, decision in _looks(world) if decision.actions]}")


def _step(world: World) -> bool:
    """Carry one round of decisions out; says whether anything changed."""
    changed = False
    for resource in RECONCILED:
        for obj in world.stored_items(resource):
            decision = reconciled(world, resource, obj)
            for action in decision.actions:
                changed |= _carry_out(world, action)
            if decision.status is not None and decision.status != obj.get("status"):
                if obj in world.objects:
                    world.objects[world.objects.index(obj)] = {**obj, "status": decision.status}
                changed = True
    return changed


def _carry_out(world: World, action: Create | Patch | Delete) -> bool:
    match action:
        case Create(resource=resource, manifest=manifest):
            metadata = cast("dict[str, str]", manifest["metadata"])
            if world.stored(resource, metadata.get("namespace"), metadata["name"]) is not None:
                # Taken: an error for the manager, tried again later; not a change.
                return False
            uid = f"made-{resource.kind}-{metadata['name']}"
            world.objects.append(stored(manifest, uid))
        case Delete(resource=resource, namespace=namespace, name=name):
            found = world.stored(resource, namespace, name)
            if found is None:
                return False
            world.objects.remove(found)
        case Patch(resource=resource, namespace=namespace, name=name, body=body):
            found = world.stored(resource, namespace, name)
            if found is None:
                return False
            new = {**found}
            for part, value in body.items():
                old = cast("JsonObject", found.get(part) or {})
                new[part] = {**old, **cast("JsonObject", value)}
            world.objects[world.objects.index(found)] = new
    return True
