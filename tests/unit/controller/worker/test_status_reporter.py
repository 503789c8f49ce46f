"""A worker reports to the objects that its plan means, and to no other of their names."""

from collections.abc import Sequence
from typing import cast

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.snapshot import Component, Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.patch import JSON_PATCH, apply_patch
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.api_client import Api, ApiRefusedError
from stashgen_controller.worker.status_reporter import Reporter
from tests.support.world import NOW, result

_PLAN = RunSpec(
    verb=Verb.BACKUP,
    cluster_uid="cluster",
    snapshot={"metadata": {"name": "copy", "uid": "one"}},
    backup_session="session",
    session_uid="two",
    last_copy=True,
)


class Objects(Api):
    """The objects of an API server, by the ends of their paths."""

    def __init__(self, **objects: JsonObject) -> None:
        self.objects, self.requests = objects, 0

    def _request(
        self,
        method: str,
        path: str,
        body: JsonObject | list[JsonObject] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        assert (method, content_type) == ("PATCH", JSON_PATCH)
        self.requests += 1
        name = path.removesuffix("/status").rpartition("/")[2]
        try:
            patched = apply_patch(content_type, self.objects[name], cast("JsonObject", body))
        except StatusError as error:
            raise ApiRefusedError(422, "the patch does not fit") from error
        self.objects[name] = cast("JsonObject", patched)
        return self.objects[name]

    def status(self, name: str) -> object:
        return self.objects[name].get("status")


def obj(uid: str, status: JsonObject | None = None) -> JsonObject:
    return {"metadata": {"uid": uid}, **({"status": status} if status is not None else {})}


def report(api: Api, plan: RunSpec = _PLAN, times: int = 1) -> None:
    reporter = Reporter(api, "demo", lambda: NOW)
    good = result(components={"dump": Component(phase=Phase.SUCCEEDED)})
    for _ in range(times):
        reporter.backup_ended(plan, good)


_REPORTED = {"totalComponents": 1, "components": {"dump": {"phase": "Succeeded"}}}


def test_objects_of_other_uids_are_left_alone() -> None:
    objects = {"copy": obj("other"), "session": obj("other", {"phase": "Running"})}
    api = Objects(**objects)
    report(api)
    assert api.objects == objects


def test_a_plan_without_uids_reports_nothing() -> None:
    api = Objects()
    report(api, _PLAN.model_copy(update={"session_uid": None, "snapshot": {"metadata": {}}}))
    assert api.requests == 0


@pytest.mark.parametrize(
    ("status", "requests"),
    [(None, (1, 1)), ({"phase": "Running", "components": {"dump": {"size": "1 B"}}}, (2, 1))],
)
def test_what_others_wrote_stays_and_no_request_is_made_twice(
    status: JsonObject | None, requests: Sequence[int]
) -> None:
    api = Objects(copy=obj("one", status), session=obj("two", {"phase": "Running", "x": 1}))
    report(api)
    assert api.status("copy") == {**({"phase": "Running"} if status else {}), **_REPORTED}
    assert api.status("session") == {"phase": "Succeeded", "x": 1}
    assert api.requests == requests[0] + 1
    again = Objects(copy=obj("one", status), session=obj("two", {"phase": "Running"}))
    report(again, times=2)
    assert again.requests == requests[0] + 1 + requests[1] + 1
