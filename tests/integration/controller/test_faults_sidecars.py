"""A mesh's sidecar in our pods: the run ends with the worker, then Job and pod go."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, name_of
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.lifecycle import LINGERS
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, Worker, failing_worker, good_worker

NAMES = {
    Verb.INIT_STORAGE: "init-storage",
    Verb.INIT_REPOSITORY: "maintain",
    Verb.RETAIN: "maintain",
    Verb.UPKEEP: "maintain",
    Verb.BACKUP: "logical-backup-0",
    Verb.RESTORE: "logical-backup-restore-0",
}
FAILING = failing_worker(RunError(reason=ErrorClass.NO_SPACE, message="full"), Verb.BACKUP)


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A volume with its policy; nothing has run yet."""
    for item in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(item)
    return harness


def end_beside_sidecar(harness: Harness, job: JsonObject, worker: Worker = good_worker) -> str:
    """The worker ends; the mesh's proxy runs on, and so do pod and Job."""
    plan = plan_of(job)
    result = worker(harness, job, plan)
    ended: JsonObject = {
        "exitCode": 1 if result.error else 0,
        "message": result.model_dump_json(by_alias=True, exclude_none=True),
    }
    return harness.start_pod(
        job,
        {
            "phase": "Running",
            "containerStatuses": [
                {"name": "istio-proxy", "state": {"running": {}}},
                {"name": NAMES[plan.verb], "state": {"terminated": ended}},
            ],
        },
    )


def run_on(harness: Harness, done: Callable[[], bool], worker: Worker = good_worker) -> None:
    """Every Job's worker ends, and every one has a sidecar that does not."""
    ended: set[str] = set()
    for _ in range(20):
        harness.settle()
        if done():
            return
        for job in harness.open_jobs():
            if name_of(job) not in ended:
                ended.add(name_of(job))
                end_beside_sidecar(harness, job, worker)
    raise AssertionError(f"no end: {ended}, {harness.errors}")


def retained(harness: Harness) -> bool:
    """A session has ended, its retention too, and the first upkeep."""
    repositories = harness.names(known.REPOSITORIES, "demo")
    kept = [harness.status(known.REPOSITORIES, "demo", name) for name in repositories]
    if not any("lastCheckTime" in str(item.get("upkeep")) for item in kept):
        return False
    sessions = harness.names(known.BACKUP_SESSIONS, "demo")
    statuses = [harness.status(known.BACKUP_SESSIONS, "demo", name) for name in sessions]
    return any("Applied" in str(item.get("retentionPolicy")) for item in statuses)


def test_every_run_ends_with_its_worker(protected: Harness) -> None:
    run_on(protected, lambda: retained(protected))
    assert protected.status(known.BACKUP_STORAGES, "demo", "local")["phase"] == "Ready"
    (snapshot,) = protected.names(known.SNAPSHOTS, "demo")
    assert protected.status(known.SNAPSHOTS, "demo", snapshot)["phase"] == "Succeeded"


def test_session_with_a_sidecar_succeeds(protected: Harness) -> None:
    run_on(protected, lambda: retained(protected))
    (session,) = protected.names(known.BACKUP_SESSIONS, "demo")
    status = protected.status(known.BACKUP_SESSIONS, "demo", session)
    fault("A sidecar outlives the worker").check([status])


def test_job_and_pod_are_removed_once_the_result_is_recorded(protected: Harness) -> None:
    run_on(protected, lambda: retained(protected))
    assert len(protected.open_jobs()) == 5
    protected.advance(LINGERS)
    protected.settle()
    assert protected.open_jobs() == []
    (session,) = protected.names(known.BACKUP_SESSIONS, "demo")
    # That the Jobs are gone is no failure of what has ended.
    assert protected.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"
    assert retained(protected)
    (snapshot,) = protected.names(known.SNAPSHOTS, "demo")
    assert protected.status(known.SNAPSHOTS, "demo", snapshot)["phase"] == "Succeeded"
    (repository,) = protected.names(known.REPOSITORIES, "demo")
    assert protected.status(known.REPOSITORIES, "demo", repository)["phase"] == "Ready"
    assert protected.errors == []


def test_controller_that_starts_in_between_removes_them_too(protected: Harness) -> None:
    run_on(protected, lambda: retained(protected))
    protected.forget()
    protected.advance(LINGERS)
    protected.look_at_everything()
    protected.settle()
    assert protected.open_jobs() == []
    assert retained(protected)


def test_native_sidecar_may_end_by_itself_before(protected: Harness) -> None:
    protected.settle()
    (job,) = protected.open_jobs()
    end_beside_sidecar(protected, job)
    protected.settle()
    assert protected.status(known.BACKUP_STORAGES, "demo", "local")["phase"] == "Ready"
    protected.advance(LINGERS - timedelta(seconds=1))
    protected.settle()
    assert name_of(job) in protected.names(known.JOBS, "demo")
    protected.end_job(job, "Complete", "CompletionsReached", "")
    protected.advance(timedelta(hours=1))
    protected.settle()
    assert name_of(job) in protected.names(known.JOBS, "demo")


def test_failed_run_is_told_at_once_and_its_next_attempt_follows(protected: Harness) -> None:
    job = protected.run_until(Verb.BACKUP)
    end_beside_sidecar(protected, job, FAILING)
    protected.settle()
    (snapshot,) = protected.names(known.SNAPSHOTS, "demo")
    status = protected.status(known.SNAPSHOTS, "demo", snapshot)
    assert status["phase"] == "Failed"
    assert "NoSpace: full" in str(status)
    protected.advance(LINGERS)
    protected.settle()
    assert name_of(job) not in protected.names(known.JOBS, "demo")
    assert protected.status(known.SNAPSHOTS, "demo", snapshot) == status
    protected.trigger()
    assert name_of(protected.run_until(Verb.BACKUP)) != name_of(job)


def test_initialisation_that_failed_is_tried_again(protected: Harness) -> None:
    protected.settle()
    (job,) = protected.open_jobs()
    error = RunError(reason=ErrorClass.UNAVAILABLE, message="away")
    end_beside_sidecar(protected, job, failing_worker(error, Verb.INIT_STORAGE))
    protected.settle()
    assert "Unavailable: away" in str(protected.status(known.BACKUP_STORAGES, "demo", "local"))
    protected.advance(timedelta(minutes=10))
    protected.settle()
    (following,) = protected.open_jobs()
    assert name_of(following) != name_of(job)


def test_restore_ends_with_its_worker(protected: Harness) -> None:
    run_on(protected, lambda: retained(protected))
    protected.advance(LINGERS)
    protected.settle()
    (repository,) = protected.names(known.REPOSITORIES, "demo")
    protected.apply(manifests.restore("demo", "way-back", repository=repository))
    run_on(
        protected,
        lambda: (
            protected.status(known.RESTORE_SESSIONS, "demo", "way-back").get("phase") == "Succeeded"
        ),
    )
    protected.advance(LINGERS)
    protected.settle()
    assert protected.open_jobs() == []


def test_worker_that_a_failing_init_container_stopped_has_written_nothing(
    protected: Harness,
) -> None:
    run_on(protected, lambda: retained(protected))
    protected.advance(LINGERS)
    protected.settle()
    (repository,) = protected.names(known.REPOSITORIES, "demo")
    protected.apply(manifests.restore("demo", "way-back", repository=repository))
    protected.settle()
    (job,) = protected.open_jobs()
    broken: JsonObject = {"exitCode": 1, "message": "iptables: not permitted"}
    protected.start_pod(
        job,
        {
            "phase": "Failed",
            "initContainerStatuses": [{"name": "istio-init", "state": {"terminated": broken}}],
            "containerStatuses": [
                {
                    "name": NAMES[Verb.RESTORE],
                    "state": {"waiting": {"reason": "PodInitializing"}},
                }
            ],
        },
    )
    protected.end_job(job, "Failed", "BackoffLimitExceeded", "too many")
    protected.settle()
    status = protected.status(known.RESTORE_SESSIONS, "demo", "way-back")
    fault("An init container fails").check([status])
    assert "RestoredInPart" not in str(status)
