"""The controller dies at each of its writes; the next one finishes and does no work twice."""

from collections.abc import Sequence

import pytest

from stashgen.api import resources as known
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from tests.integration.controller.mortal_client import DeathError, mortal
from tests.support import manifests
from tests.support.harness import Harness, good_worker

ONE, TWO = ("local",), ("local", "nas")


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
