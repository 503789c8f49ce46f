"""Objects as a reconciler's caches would hold them, made in memory."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import JOB_NAME_LABEL, PLAN_DIGEST_ANNOTATION
from stashgen.api.resources import Resource
from stashgen.api.snapshot import Component, Driver, Phase
from stashgen_controller.kinds import KINDS
from stashgen_controller.protocol.run_result import RunError, RunResult
from stashgen_controller.runtime.decision import Decision
from stashgen_controller.runtime.scanned import ScannedReader

KIND_OF = {kind.resource: kind for kind in KINDS}
RECONCILED = tuple(KIND_OF)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DIGEST = "0123456789abcdef"


def reconciled(world: "World", resource: Resource, obj: JsonObject) -> Decision:
    """What a kind decides about an object as stored."""
    kind = KIND_OF[resource]
    return kind.reconcile(world, kind.model.from_wire(obj), NOW)


class World(ScannedReader):
    """A reader over objects that are given."""

    def __init__(self, objects: Iterable[JsonObject] = ()) -> None:
        self.objects = list(objects)

    def listed(self, resource: Resource) -> list[JsonObject]:
        """The objects of a kind."""
        return [obj for obj in self.objects if obj["kind"] == resource.kind]


def stored(obj: JsonObject, uid: str, created: datetime = NOW) -> JsonObject:
    """An object as an API server returns it: with UID, time and generation."""
    metadata = cast("JsonObject", obj["metadata"])
    added: JsonObject = {"uid": uid, "creationTimestamp": format_time(created), "generation": 1}
    return {**obj, "metadata": {**metadata, **added}}


def job(
    name: str, *, uid: str = "job-1", owner: str = "owner-1", ended: str = "", reason: str = ""
) -> JsonObject:
    """A Job of ours; ``ended`` is Complete or Failed."""
    condition: JsonObject = {
        "type": ended,
        "status": "True",
        "reason": reason,
        "message": "",
        "lastTransitionTime": format_time(NOW),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": "demo",
            "uid": uid,
            "annotations": {PLAN_DIGEST_ANNOTATION: DIGEST},
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Owner",
                    "name": "owner",
                    "uid": owner,
                    "controller": True,
                }
            ],
        },
        "spec": {},
        "status": {"conditions": [condition]} if ended else {},
    }


def pod(of: JsonObject, status: JsonObject, created: datetime = NOW) -> JsonObject:
    """A pod of a Job."""
    metadata = cast("dict[str, str]", of["metadata"])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-x",
            "namespace": "demo",
            "creationTimestamp": format_time(created),
            "labels": {JOB_NAME_LABEL: metadata["name"]},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": {},
        "status": status,
    }


def terminated(message: str = "", *, code: int = 0, reason: str = "Completed") -> JsonObject:
    """A pod's status after its container ended."""
    state: JsonObject = {"exitCode": code, "reason": reason}
    if message:
        state["message"] = message
    return {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{"name": "worker", "state": {"terminated": state}}],
    }


def pending(reason: str, message: str) -> JsonObject:
    """A pod's status while nothing has room for it."""
    condition: JsonObject = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
    }
    return {"phase": "Pending", "conditions": [condition]}


def result(error: RunError | None = None, **fields: object) -> RunResult:
    """A worker's document."""
    return RunResult.model_validate(
        {
            "verb": "backup",
            "phase": "Failed" if error else "Succeeded",
            "error": error,
            "started": NOW,
            "finished": NOW + timedelta(seconds=30),
            **fields,
        }
    )


def component(phase: Phase, error: str | None = None) -> Component:
    """The one component of a stand-alone volume."""
    return Component(
        path="repository/v1/backup/dump", phase=phase, driver=Driver.RESTIC, error=error
    )
