"""Restores that have begun and that nobody reconciles any more."""

import pytest

from stashgen.api.base import JsonObject, format_time, metadata_of
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION
from stashgen.api.resources import RESTORE_SESSIONS
from stashgen_controller.listers.unattended_restores import unattended_runs
from tests.support.objects import NOW, Objects


@pytest.mark.parametrize(
    ("pod", "accepted", "counts"),
    [
        ("back-x", None, True),
        ("back-x", "back-x", False),
        # Said of the Job, when no pod of it was known: this is another word.
        ("back-x", "back", True),
        (None, "back", False),
        (None, "back-x", True),
    ],
)
def test_a_person_accepts_the_pod_that_is_known_and_else_the_job(
    pod: str | None, accepted: str | None, *, counts: bool
) -> None:
    objects = Objects()
    executor: JsonObject = {"job": "back", "attempt": 1, "planDigest": "0" * 16}
    restore = objects.add(
        RESTORE_SESSIONS,
        "back",
        annotations={ACCEPT_LOST_POD_ANNOTATION: accepted} if accepted is not None else {},
        spec={"target": {"name": "library"}, "dataSource": {"snapshot": "a"}},
        status={"phase": "Running", "executor": executor | ({"pod": pod} if pod else {})},
    )
    metadata_of(restore)["deletionTimestamp"] = format_time(NOW)
    assert bool(list(unattended_runs(objects, "demo"))) is counts
