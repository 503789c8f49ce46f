"""Nothing final follows from what a cache does not show, nor from a node that says nothing."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time
from stashgen.api.resources import Resource
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kinds import KINDS, WATCHED
from stashgen_controller.kube.client import Client, Event
from stashgen_controller.kube.clock import MovableClock, ServerClock
from stashgen_controller.kube.connection import to_url
from stashgen_controller.kubectl.status.entry import Section
from stashgen_controller.kubectl.status.overview import overview
from stashgen_controller.listers.indexes import INDEXES
from stashgen_controller.runtime.cache import Cache
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.manager import Manager
from stashgen_controller.runtime.reconcile import reconcile
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker, name_of

_PATIENCE_SECONDS = 30


class HalfOpen(Client):
    """Watches of Jobs and pods whose connection is dead: nothing comes, and nothing ends."""

    is_dead = False

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        timeout_seconds: int = 300,
    ) -> Iterator[Event]:
        """Drop what comes while the connection is dead."""
        events = super().watch(
            resource,
            namespace,
            resource_version=resource_version,
            label_selector=label_selector,
            timeout_seconds=timeout_seconds,
        )
        for event in events:
            if not (self.is_dead and resource.plural in {"jobs", "pods"}):
                yield event


def eventually(what: str, probe: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not probe():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def start_backup(harness: Harness) -> tuple[JsonObject, str]:
    """A backup whose pod runs and is recorded; returns its Job and the pod's name."""
    harness.trigger()
    job = harness.run_until(Verb.BACKUP)
    pod = harness.start_pod(job, {"phase": "Running"})
    harness.advance(timedelta(seconds=5))
    harness.settle()
    return job, pod


@pytest.mark.parametrize("takes_over", [True, False])
def test_a_standby_that_heard_nothing_for_a_while_calls_no_running_job_lost(
    protected: Harness, *, takes_over: bool
) -> None:
    client = HalfOpen.for_url(protected.server.url)
    standby = Manager(client, protected.clock, kinds=KINDS, models=WATCHED, indexes=INDEXES)
    standby.watch()
    eventually("the caches", lambda: standby.synced)
    client.is_dead = True
    job, _ = start_backup(protected)
    snapshot = name_of(job)
    executor = protected.status(known.SNAPSHOTS, "demo", snapshot)["executor"]
    if takes_over:
        standby.take_over()
    else:
        # Even with the caches as they are.
        standby.work()
    try:
        session = plan_of(job).backup_session or ""
        protected.client.patch(
            known.SNAPSHOTS, "demo", snapshot, {"metadata": {"annotations": {"look": "again"}}}
        )
        protected.client.patch(
            known.BACKUP_SESSIONS, "demo", session, {"metadata": {"annotations": {"look": "again"}}}
        )
        eventually("the looks", lambda: standby.synced and standby.idle)
        time.sleep(0.5)
        eventually("the looks", lambda: standby.idle)
        status = protected.status(known.SNAPSHOTS, "demo", snapshot)
        assert (status["phase"], status["executor"]) == ("Running", executor)
        fault("A standby with dead watches takes the lead").check([status])
        assert protected.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Running"
        client.is_dead = False
        protected.finish(job, good_worker(protected, job, plan_of(job)))
        if takes_over:
            eventually(
                "the end",
                lambda: protected.status(known.SNAPSHOTS, "demo", snapshot)["phase"] == "Succeeded",
            )
    finally:
        standby.stop()


@pytest.mark.parametrize("is_retry", [True, False])
def test_a_session_that_was_skipped_leaves_nothing_open_even_if_a_cache_does_not_show_it(
    protected: Harness, *, is_retry: bool
) -> None:
    cache = Cache(protected.client, WATCHED, INDEXES, lambda _resource, _change: None)
    session = protected.trigger()
    for model in WATCHED:
        for obj in protected.reader.listed(model.resource):
            cache.wrote(model.resource, obj)
    obj = protected.client.get(known.BACKUP_SESSIONS, "demo", session)
    obj["status"] = {"phase": "Skipped"}
    protected.client.replace(known.BACKUP_SESSIONS, "demo", obj, status=True)

    key, now = Key(known.BACKUP_SESSIONS, "demo", session), protected.clock.now()
    kind = next(kind for kind in KINDS if kind.resource == known.BACKUP_SESSIONS)
    reconcile(protected.client, cache, kind, key, now, cache.wrote, is_retry=is_retry)

    snapshot = f"repo-local-{session}"
    there = protected.reader.stored(known.SNAPSHOTS, "demo", snapshot)
    assert (there is None) is is_retry
    protected.settle(work=good_worker)
    statuses = [protected.status(known.BACKUP_SESSIONS, "demo", session)]
    if there is not None:
        statuses.append(protected.status(known.SNAPSHOTS, "demo", snapshot))
        assert statuses[1]["phase"] == "Failed"
        fault("The answer to a status write is lost, and the caches are behind").check(statuses)
    assert statuses[0]["phase"] == "Skipped"


def test_a_clock_of_the_node_that_jumps_makes_no_job_late(protected: Harness) -> None:
    node = MovableClock()
    clock = ServerClock(node.now)
    client = Client(to_url(protected.server.url), dated=clock.heard)
    client.get(known.NAMESPACES, None, "demo")
    node.advance(timedelta(days=400))
    manager = Manager(client, clock, kinds=KINDS, models=WATCHED, indexes=INDEXES)
    job, _ = start_backup(protected)
    client.get(known.NAMESPACES, None, "demo")
    manager.start()
    session = plan_of(job).backup_session or ""

    def status() -> JsonObject:
        return protected.status(known.BACKUP_SESSIONS, "demo", session)

    try:
        eventually("the looks", lambda: manager.synced and manager.idle)
        assert status()["phase"] == "Running"
        protected.finish(job, good_worker(protected, job, plan_of(job)))
        eventually("the end", lambda: status()["phase"] == "Succeeded")
    finally:
        manager.stop()
    fault("The clock of the controller's node is wrong, or jumps").check([status()])


def test_a_deleted_job_is_lost_only_once_its_pod_has_ended(protected: Harness) -> None:
    job, _ = start_backup(protected)
    protected.client.delete(known.JOBS, "demo", name_of(job))
    protected.settle()
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    fault("The Job of a running backup is deleted and its pod has not ended").check([status])
    protected.start_pod(job, {"phase": "Failed"})
    protected.advance(timedelta(minutes=1))
    protected.settle()
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    assert status["phase"] == "Failed"
    assert "ExecutorLost" in str(conditions(status)["BackupIncomplete"]["message"])


def test_a_failed_job_whose_pod_nobody_saw_is_open_until_its_deadline(protected: Harness) -> None:
    """It was deleted by force before the watch showed it: its container may run."""
    protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    protected.advance(timedelta(seconds=5))
    protected.settle()
    protected.end_job(job, "Failed", "BackoffLimitExceeded", failed=1)
    protected.settle()
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    assert status["phase"] == "Running"
    protected.advance(timedelta(days=2))
    protected.settle()
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    assert status["phase"] == "Failed"
    assert "NodeLost" in str(conditions(status)["BackupIncomplete"]["message"])


def test_a_backup_that_was_done_before_its_job_was_deleted_is_good(protected: Harness) -> None:
    job, _ = start_backup(protected)
    result = good_worker(protected, job, plan_of(job))
    protected.client.delete(known.JOBS, "demo", name_of(job))
    terminated: JsonObject = {
        "exitCode": 0,
        "message": result.model_dump_json(by_alias=True, exclude_none=True),
    }
    protected.start_pod(
        job,
        {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "worker", "state": {"terminated": terminated}}],
        },
    )
    protected.advance(timedelta(minutes=1))
    protected.settle()
    assert protected.status(known.SNAPSHOTS, "demo", name_of(job))["phase"] == "Succeeded"


def test_a_session_on_a_dead_node_fails_and_the_next_one_has_its_turn(protected: Harness) -> None:
    job, pod = start_backup(protected)
    first = plan_of(job).backup_session or ""
    # What is left of the pod: the API server marks it, and no kubelet answers.
    protected.client.delete(known.PODS, "demo", pod)
    protected.settle()
    assert protected.status(known.SNAPSHOTS, "demo", name_of(job))["phase"] == "Running"
    # The Job controller says so at the Job's deadline; the pod of a dead node stays.
    for later in (timedelta(hours=24), timedelta(minutes=2)):
        protected.advance(later)
        protected.settle()
        assert protected.status(known.SNAPSHOTS, "demo", name_of(job))["phase"] == "Running"
    condition: JsonObject = {
        "type": "FailureTarget",
        "status": "True",
        "reason": "DeadlineExceeded",
        "lastTransitionTime": format_time(protected.clock.now()),
    }
    failing: JsonObject = {"status": {"conditions": [condition]}}
    protected.client.patch(known.JOBS, "demo", name_of(job), failing, status=True)
    protected.settle()
    snapshot = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    assert snapshot["phase"] == "Failed"
    session = protected.status(known.BACKUP_SESSIONS, "demo", first)
    fault("A node dies during a backup, or is cut off").check([session, snapshot])
    assert pod in str(conditions(snapshot)["BackupIncomplete"]["message"])
    second = protected.trigger()
    following = protected.run_until(Verb.BACKUP)
    assert plan_of(following).backup_session == second
    # Nobody said that it has ended: its lock stays until restic itself calls it stale.
    assert pod not in plan_of(following).terminated_pods
    # One that comes while that runs is skipped because of it, not because of the lost one.
    protected.advance(timedelta(seconds=5))
    third = protected.trigger()
    protected.settle()
    skipped = protected.status(known.BACKUP_SESSIONS, "demo", third)
    assert skipped["phase"] == "Skipped"
    assert second in str(conditions(skipped)["BackupSkipped"]["message"])


def delete_by_force(harness: Harness, pod: str, job: JsonObject) -> None:
    """The pod is gone from the API server, and no kubelet says that it has ended."""
    path = known.PODS.path("demo", pod)
    harness.client.raw("DELETE", path, {"gracePeriodSeconds": 0})
    harness.end_job(job, "Failed", "BackoffLimitExceeded")
    harness.settle()


def accept(harness: Harness, resource: Resource, name: str, pod: str) -> None:
    said: JsonObject = {"metadata": {"annotations": {"stashgen.dev/accept-lost-pod": pod}}}
    harness.client.patch(resource, "demo", name, said)
    harness.settle()


def test_a_pod_deleted_by_force_is_lost_once_a_person_says_so(protected: Harness) -> None:
    job, pod = start_backup(protected)
    first = plan_of(job).backup_session or ""
    delete_by_force(protected, pod, job)
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    fault("A pod is deleted by force").check([status])
    (shown,) = overview(protected.reader, protected.clock.now()).of(Section.RUNNING)
    command = f"kubectl annotate backupsession {first} -n demo stashgen.dev/accept-lost-pod={pod}"
    assert shown.why.endswith(command)
    for word in ("another-pod", ""):
        accept(protected, known.BACKUP_SESSIONS, first, word)
        assert protected.status(known.SNAPSHOTS, "demo", name_of(job))["phase"] == "Running"
    accept(protected, known.BACKUP_SESSIONS, first, pod)
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    assert status["phase"] == "Failed"
    assert "NodeLost" in str(conditions(status)["BackupIncomplete"]["message"])
    assert protected.status(known.BACKUP_SESSIONS, "demo", first)["phase"] == "Failed"
    protected.look_at_everything()
    protected.settle()
    assert protected.status(known.SNAPSHOTS, "demo", name_of(job)) == status
    protected.advance(timedelta(minutes=1))
    second = protected.trigger()
    following = protected.run_until(Verb.BACKUP)
    assert plan_of(following).backup_session == second
    # A person's word costs no repository: its lock stays until restic itself calls it stale.
    assert pod not in plan_of(following).terminated_pods


def test_a_job_whose_pod_nobody_saw_is_accepted_by_its_own_name(protected: Harness) -> None:
    first = protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    protected.advance(timedelta(seconds=5))
    protected.settle()
    protected.end_job(job, "Failed", "BackoffLimitExceeded", failed=1)
    protected.settle()
    assert protected.status(known.SNAPSHOTS, "demo", name_of(job))["phase"] == "Running"
    (shown,) = overview(protected.reader, protected.clock.now()).of(Section.RUNNING)
    assert shown.why.endswith(f"stashgen.dev/accept-lost-pod={name_of(job)}")
    accept(protected, known.BACKUP_SESSIONS, first, name_of(job))
    assert protected.status(known.BACKUP_SESSIONS, "demo", first)["phase"] == "Failed"


def test_nobodys_word_ends_a_pod_that_the_api_server_still_has(protected: Harness) -> None:
    job, pod = start_backup(protected)
    protected.client.delete(known.JOBS, "demo", name_of(job))
    accept(protected, known.BACKUP_SESSIONS, plan_of(job).backup_session or "", pod)
    protected.advance(timedelta(minutes=2))
    protected.settle()
    assert protected.status(known.SNAPSHOTS, "demo", name_of(job))["phase"] == "Running"


def test_a_restore_whose_pod_was_deleted_by_force_ends_in_part(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    job = protected.run_until(Verb.RESTORE)
    pod = protected.start_pod(job, {"phase": "Running"})
    protected.advance(timedelta(seconds=5))
    protected.settle()
    delete_by_force(protected, pod, job)
    assert protected.status(known.RESTORE_SESSIONS, "demo", "back")["phase"] == "Running"
    accept(protected, known.RESTORE_SESSIONS, "back", pod)
    status = protected.status(known.RESTORE_SESSIONS, "demo", "back")
    assert status["phase"] == "Failed"
    # It may have written.
    assert conditions(status)["RestoredInPart"]["status"] == "True"


@pytest.mark.parametrize("compiled", [False, True])
def test_a_repository_that_may_not_use_the_storage_stops_nobody(
    harness: Harness, *, compiled: bool
) -> None:
    objects = (
        manifests.one_volume("demo")
        if compiled
        else [
            manifests.storage("demo"),
            manifests.retention("demo"),
            manifests.configuration("demo"),
        ]
    )
    for obj in objects:
        harness.apply(obj)
    harness.settle(work=good_worker)
    (configuration,) = harness.names(known.BACKUP_CONFIGURATIONS, "demo")
    (repository,) = harness.names(known.REPOSITORIES, "demo")
    spec = harness.get(known.REPOSITORIES, "demo", repository)["spec"]
    assert isinstance(spec, dict)
    foreign = {"name": "mine", "namespace": "evil"}
    harness.apply(manifests.namespace("evil"))
    harness.apply(
        {
            "apiVersion": "storage.kubestash.com/v1alpha1",
            "kind": "Repository",
            "metadata": {**foreign},
            "spec": {
                "appRef": {"apiGroup": "", "kind": "PersistentVolumeClaim", **foreign},
                "storageRef": spec["storageRef"],
                "path": spec["path"],
                "encryptionSecret": {**foreign},
            },
        }
    )
    harness.settle(work=good_worker)
    harness.look_at_everything()
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    status = harness.status(known.BACKUP_CONFIGURATIONS, "demo", configuration)
    fault("A Repository names a storage that it may not use").check([status])
    session = harness.trigger(configuration=configuration)
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_pod_whose_start_no_cache_shows_has_not_failed_to_start(
    protected: Harness, phase: str
) -> None:
    protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    protected.start_pod(job, {"phase": "Pending"})
    protected.settle()
    cache = Cache(protected.client, WATCHED, INDEXES, lambda _resource, _change: None)
    for model in WATCHED:
        for obj in protected.reader.listed(model.resource):
            cache.wrote(model.resource, obj)
    protected.start_pod(job, {"phase": phase})
    protected.clock.advance(timedelta(minutes=16))
    key = Key(known.SNAPSHOTS, "demo", name_of(job))
    kind = next(kind for kind in KINDS if kind.resource == known.SNAPSHOTS)
    with protected.counted() as requests:
        again = reconcile(protected.client, cache, kind, key, protected.clock.now(), cache.wrote)
    assert requests["list", "pods"] == 1
    status = protected.status(known.SNAPSHOTS, "demo", name_of(job))
    if phase == "Pending":
        assert status["phase"] == "Failed"
    else:
        fault("A pod starts and the watch of pods does not show it").check([status])
        assert again == timedelta(minutes=1)
