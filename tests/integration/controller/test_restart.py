"""The controller dies at each of its writes; the next one finishes and does no work twice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes.client import ApiClient

from stashgen.api import resources as known
from stashgen_controller.client import Client
from stashgen_controller.session_plan import Verb
from tests.integration.controller import manifests
from tests.integration.controller.harness import (
    Harness,
    good_worker,
    plan_of,
)

ONE, TWO = ("local",), ("local", "nas")
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class DeathError(Exception):
    """The controller is gone in this moment."""


class MortalClient(Client):
    """The real client of a process that dies at one of its writes.

    Args:
        api: The transport.
        writes: How many are still done.
        is_sent: Whether the last one still reaches the server, whose answer nobody reads.
    """

    def __init__(self, api: ApiClient, writes: int, *, is_sent: bool) -> None:
        super().__init__(api)
        self.left = writes
        self._is_sent = is_sent

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        if method in _WRITES:
            if self.left == 0:
                if self._is_sent:
                    super()._request(method, path, **arguments)
                raise DeathError
            self.left -= 1
        return super()._request(method, path, **arguments)


@contextmanager
def mortal(harness: Harness, writes: int, *, is_sent: bool) -> Iterator[MortalClient]:
    """Give the controller a client that ends it; afterwards a new controller has a whole one."""
    transport = harness.client._api
    client = MortalClient(transport, writes, is_sent=is_sent)
    harness.controller = client
    try:
        yield client
    finally:
        harness.controller = harness.client


def _start_over(harness: Harness) -> None:
    harness.client.delete(known.NAMESPACES, None, "demo")
    harness.forget()
    harness.apply(manifests.namespace("demo"))
    for claim in ("library", "backup-store"):
        harness.apply(manifests.claim("demo", claim))


def _apply(harness: Harness, copies: Sequence[str]) -> None:
    for copy in copies:
        harness.apply(manifests.storage("demo", copy))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo", copies=copies))


def _assert_done_once(harness: Harness, copies: Sequence[str]) -> None:
    initial = "library-backup-backup-1772366400"
    snapshots = [f"repo-{copy}-{initial}" for copy in copies]
    assert harness.names(known.SNAPSHOTS, "demo") == snapshots
    assert harness.names(known.BACKUP_SESSIONS, "demo") == [initial]
    assert harness.status(known.BACKUP_SESSIONS, "demo", initial)["phase"] == "Succeeded"
    for snapshot in snapshots:
        assert harness.status(known.SNAPSHOTS, "demo", snapshot)["phase"] == "Succeeded"
        assert harness.created.count(("Job", snapshot)) == 1
        assert harness.created.count(("Snapshot", snapshot)) == 1
    assert len(harness.created) == len(set(harness.created)), "something was made twice"
    assert harness.errors == []


@pytest.mark.parametrize(
    ("copies", "is_sent"), [(TWO, True), (ONE, False)], ids=["answer lost", "not sent"]
)
def test_whenever_the_controller_dies_the_next_one_makes_each_job_once(
    harness: Harness, copies: Sequence[str], is_sent: bool
) -> None:
    done = False
    writes = 0
    while not done:
        _start_over(harness)
        _apply(harness, copies)
        with mortal(harness, writes, is_sent=is_sent):
            try:
                harness.settle(work=good_worker)
                done = True
            except DeathError:
                pass
        harness.look_at_everything()
        harness.settle(work=good_worker)
        _assert_done_once(harness, copies)
        writes += 1
    assert writes > 20, "the story is shorter than it was"


def test_a_new_controller_takes_over_a_running_job(harness: Harness) -> None:
    _start_over(harness)
    _apply(harness, TWO)
    job = harness.run_until(Verb.BACKUP)
    harness.start_pod(job, {"phase": "Running"})
    harness.settle()
    with harness.counted() as requests:
        harness.look_at_everything()
    assert not requests
    harness.finish(job, good_worker(harness, job, plan_of(job)))
    harness.look_at_everything()
    harness.settle(work=good_worker)
    _assert_done_once(harness, TWO)
