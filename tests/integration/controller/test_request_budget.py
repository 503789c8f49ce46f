"""What a session costs the API server: each write is there for a reason, and none comes twice."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from tests.support import manifests
from tests.support.harness import Harness, good_worker, metadata, name_of
from tests.support.real_cluster import RealCluster

_SESSIONS = 4
_KEPT = 2
# The controller's own, by what they say:
_OF_CONTROLLER = Counter(
    {
        ("create", "snapshots"): 1,
        ("create", "jobs"): 1,
        # It runs; its end, and that retention is on its way.
        ("update", "backupsessions"): 2,
        # The last word.
        ("update", "snapshots"): 1,
    }
)
# Its end; the newest Snapshots, without those that it removed.
_OF_RETENTION = Counter({("update", "backupsessions"): 1, ("update", "repositories"): 1})
# A Job that takes longer than a moment: its UID and its pod.
_OF_LONG_RUNS = Counter({("update", "snapshots"): 1, ("update", "backupsessions"): 1})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Real watches, pods and workers."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A volume whose initial backup is done."""
    for obj in _plain("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    return harness


@pytest.mark.parametrize("has_pod_at_once", [True, False])
def test_each_write_of_a_session_is_made_once(protected: Harness, has_pod_at_once: bool) -> None:
    protected.advance(timedelta(hours=1))
    protected.settle()
    with protected.counted() as requests:
        protected.trigger()
        job = protected.run_until(Verb.BACKUP)
        if not has_pod_at_once:
            protected.settle()
        protected.start_pod(job, {"phase": "Pending"})
        protected.settle()
        protected.start_pod(job, {"phase": "Running"})
        protected.settle()
        protected.finish(job, good_worker(protected, job, plan_of(job)))
        protected.run_until(Verb.RETAIN)
    ours = Counter({key: count for key, count in requests.items() if key in _OF_CONTROLLER})
    # The Job of retention comes with the session's end.
    assert ours == _OF_CONTROLLER + Counter({("create", "jobs"): 1})


def test_a_jobs_pod_that_does_not_come_is_not_waited_for(protected: Harness) -> None:
    """A quota may refuse it: that the Job is there has to be recorded all the same."""
    protected.advance(timedelta(hours=1))
    protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    snapshot = protected.get(known.SNAPSHOTS, "demo", name_of(job))
    assert "status" not in snapshot
    protected.advance(timedelta(seconds=6))
    protected.settle()
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    assert status["phase"] == "Running"
    assert isinstance(status["executor"], dict)
    assert status["executor"]["jobUID"] == metadata(job)["uid"]


def test_caches_that_are_behind_cost_nothing(cluster: RealCluster) -> None:
    """With real watches: no write is made again because a cache did not know of the last."""
    volume = cluster.prepare("budget")
    (volume / "text").write_text("once", encoding="utf-8")
    (volume / "text").chmod(0o666)
    for obj in _plain("budget"):
        cluster.apply(obj)
    done = [cluster.finished_session("budget", [])]
    cluster.keep_up_once("budget")
    # The policy keeps two: from now on each session has a Snapshot removed.
    _run_next(cluster, done)
    before = Counter(cluster.cluster.server.requests)
    for _ in range(_SESSIONS):
        _run_next(cluster, done)
    wanted = _OF_CONTROLLER + _OF_RETENTION
    updates = {key: count * _SESSIONS for key, count in wanted.items() if key[0] == "update"}
    after = cluster.cluster.server.requests - before
    longest = Counter(updates) + Counter({key: _SESSIONS * n for key, n in _OF_LONG_RUNS.items()})
    assert {key for key in updates if not updates[key] <= after[key] <= longest[key]} == set()
    assert after["create", "snapshots"] == _SESSIONS
    assert after["update", "backupconfigurations"] <= _SESSIONS


def _run_next(cluster: RealCluster, done: list[str]) -> None:
    """Have the next session run, and wait until the Repository sums up what it left."""
    cluster.next_tick("budget", "library-backup")
    done.append(cluster.finished_session("budget", done))

    def is_summed_up() -> bool:
        status = cluster.status(known.REPOSITORIES, "budget", "repo-local")
        newest = cast("list[JsonObject]", status["recentSnapshots"])[0]
        return str(newest["name"]).endswith(done[-1]) and status["snapshotCount"] == _KEPT

    # The end of its retention is seen a moment before. If the clock went on by an hour meanwhile,
    # the summary would not wait for retention any more.
    cluster.wait("the summary", is_summed_up)


def _plain(namespace: str) -> list[JsonObject]:
    return [
        manifests.storage(namespace),
        manifests.retention(namespace),
        manifests.configuration(namespace),
    ]
