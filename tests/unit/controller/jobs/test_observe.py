"""What became of a Job: the worker's document, else the next best words; never none."""

from datetime import timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen.api.job import Job
from stashgen.api.meta import ObjectMeta
from stashgen.api.pod import Pod
from stashgen.api.shared import Executor
from stashgen_controller.jobs.observe import observe_run
from stashgen_controller.jobs.run import PENDING_FAILS, PENDING_TOO_LONG, JobRun, RunState
from stashgen_controller.listers.pods import NODE_ANSWERS
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from stashgen_controller.protocol.run_spec import DEADLINE_GRACE, WITHOUT_TIMEOUT
from tests.support.world import DIGEST, NOW, job, pending, pod, result, stored, terminated

SEEN = Executor(job="copy", job_uid="job-1", plan_digest=DIGEST, attempt=1)
SEEN_POD = SEEN.model_copy(update={"pod": "copy-x"})
PLANNED = Executor(job="copy", plan_digest=DIGEST, attempt=1)
WRONG = RunError(reason=ErrorClass.WRONG_PASSWORD, message="wrong password")


def observe(
    found: JsonObject | None,
    *pods: JsonObject,
    executor: Executor | None = None,
    owner_uid: str | None = "owner-1",
) -> JobRun:
    return observe_run(
        job=Job.from_wire(found) if found is not None else None,
        pods=[Pod.from_wire(pod) for pod in pods],
        executor=executor,
        owner=ObjectMeta(name="session", uid=owner_uid) if owner_uid is not None else None,
    )


@pytest.mark.parametrize("executor", [None, PLANNED])
def test_without_a_job_that_was_seen_it_is_absent(executor: Executor | None) -> None:
    assert observe(None, executor=executor).state is RunState.ABSENT


def test_a_job_that_was_seen_and_is_gone_was_lost() -> None:
    run = observe(None, executor=SEEN)
    assert run.state is RunState.LOST
    assert run.error is not None
    assert run.error.name == ErrorClass.EXECUTOR_LOST
    assert run.executor("copy", 1) == SEEN


def test_a_job_of_another_uid_in_its_place_is_not_ours() -> None:
    run = observe(job("copy", uid="job-2"), executor=SEEN)
    assert run.state is RunState.LOST
    assert run.error is not None
    assert "replaced" in run.error.message


@pytest.mark.parametrize("executor", [None, PLANNED])
def test_a_job_of_another_owner_collides(executor: Executor | None) -> None:
    run = observe(job("copy", owner="somebody"), executor=executor)
    assert run.state is RunState.COLLISION
    assert run.error is not None
    assert run.error.message.startswith("NameCollision: Job copy")
    assert run.executor("copy", 1) is None


def test_a_job_that_was_seen_stays_ours_when_its_owner_is_gone() -> None:
    done = job("copy", ended="Complete")
    run = observe(
        done, pod(done, terminated(result().model_dump_json())), executor=SEEN, owner_uid=None
    )
    assert run.succeeded


def test_a_complete_job_waits_for_its_pod_to_be_seen_as_ended() -> None:
    done = job("copy", ended="Complete")
    run = observe(done, pod(done, {"phase": "Running"}))
    assert run.state is RunState.RUNNING


def test_the_workers_document_counts_more_than_the_jobs_condition() -> None:
    failed = job("copy", ended="Failed", reason="BackoffLimitExceeded")
    document = result(WRONG).model_dump_json(by_alias=True)
    run = observe(failed, pod(failed, terminated(document, code=1, reason="Error")))
    assert run.state is RunState.FINISHED
    assert run.error == WRONG.why
    assert run.finished == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        (terminated("no document", code=1, reason="Error"), ErrorClass.KILLED, "no document"),
        (terminated(code=137, reason="OOMKilled"), ErrorClass.OUT_OF_MEMORY, "memory"),
        (terminated(code=3, reason=""), ErrorClass.KILLED, "exit code 3: no message"),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "node had no disk"},
            ErrorClass.EVICTED,
            "node had no disk",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, ErrorClass.EVICTED, "evicted"),
        ({"phase": "Running"}, ErrorClass.KILLED, "BackoffLimitExceeded: the Job failed"),
    ],
)
def test_without_a_document_pod_and_job_say_why(
    status: JsonObject, reason: ErrorClass, text: str
) -> None:
    failed = job("copy", ended="Failed", reason="BackoffLimitExceeded")
    run = observe(failed, pod(failed, status))
    assert run.result is None
    assert run.error is not None
    assert run.error.name == reason
    assert text in run.error.message


def test_a_deadline_of_the_job_is_named() -> None:
    run = observe(job("copy", ended="Failed", reason="DeadlineExceeded"))
    assert run.error is not None
    assert run.error.name == ErrorClass.DEADLINE_EXCEEDED


def test_a_complete_job_without_a_pod_exited_well_but_says_nothing() -> None:
    run = observe(job("copy", ended="Complete"))
    assert run.exited_well
    assert not run.succeeded
    assert run.error is not None


def test_pods_of_a_job_of_the_same_name_before_this_one_do_not_count() -> None:
    before = job("copy", uid="job-0", ended="Failed")
    stale = pod(before, terminated(result(WRONG).model_dump_json(by_alias=True), code=1))
    assert observe(job("copy"), stale).state is RunState.RUNNING


def test_a_pod_that_waits_is_looked_at_when_it_gets_too_long() -> None:
    running = job("copy")
    run = observe(running, pod(running, pending("Unschedulable", "no node has room")))
    assert run.pending_reason == "pod copy-x: Unschedulable: no node has room"
    assert not run.is_pending_too_long(NOW + PENDING_TOO_LONG - timedelta(seconds=1))
    assert run.is_pending_too_long(NOW + PENDING_TOO_LONG)
    assert run.next_look(NOW) == PENDING_TOO_LONG
    assert run.next_look(NOW + PENDING_TOO_LONG) == PENDING_FAILS - PENDING_TOO_LONG
    assert run.next_look(NOW + PENDING_FAILS) is None
    assert run.never_started(NOW + PENDING_FAILS - timedelta(seconds=1)) is None
    error = run.never_started(NOW + PENDING_FAILS)
    assert error is not None
    assert error.text == "Unschedulable: pod copy-x: Unschedulable: no node has room"


def test_a_start_that_nobody_explains_is_explained_by_events() -> None:
    running = job("copy")
    creating: JsonObject = {"waiting": {"reason": "ContainerCreating"}}
    conditions = [{"type": "Ready", "status": "False", "message": "containers with unready status"}]
    status: JsonObject = {
        "phase": "Pending",
        "conditions": cast("JsonValue", conditions),
        "containerStatuses": [{"name": "worker", "state": creating}],
    }
    run = observe(running, pod(running, status))
    assert run.events_of == ("Pod", "copy-x")
    silent = run.explained("")
    assert silent.pending_reason.endswith("neither the scheduler nor the kubelet reports a reason")
    told = run.explained('FailedMount: secret "key" not found')
    assert told.pending_reason == 'pod copy-x: FailedMount: secret "key" not found'
    assert told.events_of is silent.events_of is None
    known = observe(running, pod(running, pending("Unschedulable", "no node has room")))
    assert known.events_of is None
    assert known.explained("FailedMount: late") == known


def test_a_job_without_a_pod_fails_like_a_pod_that_does_not_start() -> None:
    running = stored(job("copy"), "job-1")
    run = observe(running)
    assert run.events_of == ("Job", "copy")
    assert run.never_started(NOW + PENDING_FAILS - timedelta(seconds=1)) is None
    error = run.explained("FailedCreate: exceeded quota").never_started(NOW + PENDING_FAILS)
    assert error is not None
    assert error.text == "Unschedulable: job copy: FailedCreate: exceeded quota"
    # One whose pod was seen is on its way to its end.
    assert observe(running, executor=SEEN_POD).never_started(NOW + 2 * PENDING_FAILS) is None


def test_a_pod_that_has_not_started_by_its_plans_deadline_has_failed() -> None:
    planned = timedelta(minutes=3)
    seconds = int((planned + DEADLINE_GRACE).total_seconds())
    running: JsonObject = {
        **stored(job("copy"), "job-1"),
        "spec": {"activeDeadlineSeconds": seconds},
    }
    run = observe(running, pod(running, pending("Unschedulable", "no node has room")))
    assert run.next_look(NOW) == planned
    assert run.never_started(NOW + planned) is not None


def test_the_pod_is_recorded_as_soon_as_it_is_seen() -> None:
    running = job("copy")
    assert observe(running).executor("copy", 1) == SEEN
    run = observe(running, pod(running, {"phase": "Pending"}))
    assert run.executor("copy", 1) == SEEN_POD


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (job("copy"), RunState.RUNNING),
        (job("copy", ended="Failed"), RunState.FINISHED),
        (job("copy", uid="job-2"), RunState.LOST),
        (None, RunState.LOST),
    ],
)
def test_a_pod_that_was_recorded_stays_so(found: JsonObject | None, state: RunState) -> None:
    run = observe(found, executor=SEEN_POD)
    assert run.state is state
    assert run.executor("copy", 1) == SEEN_POD


def test_a_lost_jobs_pod_is_recorded_if_it_is_still_there() -> None:
    run = observe(None, pod(job("copy"), {"phase": "Running"}), executor=SEEN)
    assert (run.state, run.is_unaccounted) == (RunState.RUNNING, True)
    stops_by = NOW + WITHOUT_TIMEOUT + NODE_ANSWERS
    assert run.executor("copy", 1) == SEEN_POD.model_copy(update={"stops_by": stops_by})
    assert run.node_is_lost(stops_by - timedelta(seconds=1)) is None
    lost = run.node_is_lost(stops_by)
    assert lost is not None
    assert lost.name == ErrorClass.NODE_LOST


def test_a_pod_of_which_nothing_is_heard_runs_until_its_jobs_deadline() -> None:
    """It was deleted by force, say; the Job controller says that its Job failed."""
    failed = stored(job("copy", ended="Failed", reason="BackoffLimitExceeded"), "job-1")
    spec: JsonObject = {"activeDeadlineSeconds": 3600}
    known = SEEN.model_copy(update={"pod": "copy-x"})
    run = observe({**failed, "spec": spec}, executor=known)
    assert (run.state, run.is_unaccounted) == (RunState.RUNNING, True)
    made, stops_by = run.created, run.stops_by
    assert made is not None
    assert stops_by is not None
    assert run.next_look(made + timedelta(minutes=1)) == timedelta(minutes=1)
    assert run.next_look(made + timedelta(minutes=30)) == timedelta(minutes=3)
    assert run.next_look(stops_by - timedelta(minutes=2)) == timedelta(minutes=2)
    ended = known.model_copy(update={"pod_terminated": True})
    assert observe({**failed, "spec": spec}, executor=ended).state is RunState.FINISHED


def test_a_pod_that_was_replaced_gives_way_to_the_newest() -> None:
    running = job("copy")
    evicted = pod(running, {"phase": "Failed"}, NOW - timedelta(minutes=1))
    evicted["metadata"] = {**cast("JsonObject", evicted["metadata"]), "name": "copy-z"}
    run = observe(running, pod(running, {"phase": "Running"}), evicted)
    assert run.executor("copy", 1) == SEEN_POD


def test_a_pod_that_waits_without_a_reason_still_has_words() -> None:
    running = job("copy")
    run = observe(running, pod(running, {}))
    error = run.never_started(NOW + PENDING_FAILS)
    assert error is not None
    assert error.message.startswith("pod copy-x: ")
    assert len(error.message) > len("pod copy-x: ")


def _with_sidecar(status: JsonObject, state: JsonObject) -> JsonObject:
    """The pod's status where a mesh's proxy is still there."""
    (worker,) = cast("list[JsonObject]", status["containerStatuses"])
    proxy: JsonObject = {"name": "istio-proxy", "state": state}
    statuses = [proxy, {**worker, "name": "logical-backup-0"}]
    return {"phase": "Running", "containerStatuses": cast("JsonValue", statuses)}


@pytest.mark.parametrize("error", [None, WRONG])
def test_a_run_ends_with_the_worker_whatever_a_sidecar_does(error: RunError | None) -> None:
    running = job("copy")
    document = result(error).model_dump_json(by_alias=True, exclude_none=True)
    ended = terminated(document, code=1 if error else 0)
    run = observe(running, pod(running, _with_sidecar(ended, {"running": {}})), executor=SEEN)
    assert (run.state, run.lingers, run.pod_terminated) == (RunState.FINISHED, True, True)
    assert run.error == (error.why if error else None)
    assert run.finished == NOW + timedelta(seconds=30)
    assert not run.is_from_absence


def test_a_killed_worker_beside_a_sidecar_says_why() -> None:
    running = job("copy")
    killed = terminated(code=137, reason="OOMKilled")
    run = observe(running, pod(running, _with_sidecar(killed, {"running": {}})))
    assert (run.state, run.lingers) == (RunState.FINISHED, True)
    assert run.error is not None
    assert run.error.name == ErrorClass.OUT_OF_MEMORY
    assert not run.never_ran


def test_a_sidecar_that_has_ended_says_nothing_of_the_worker() -> None:
    running = job("copy")
    proxy: JsonObject = {"terminated": {"exitCode": 0, "message": result().model_dump_json()}}
    statuses = [
        {"name": "istio-proxy", "state": proxy},
        {"name": "logical-backup-0", "state": {"running": {}}},
    ]
    status: JsonObject = {
        "phase": "Running",
        "containerStatuses": cast("JsonValue", statuses),
    }
    assert observe(running, pod(running, status)).state is RunState.RUNNING


def test_a_worker_that_a_sidecar_kept_from_starting_never_ran() -> None:
    failed = job("copy", ended="Failed", reason="BackoffLimitExceeded")
    waiting: JsonObject = {"waiting": {"reason": "PodInitializing"}}
    broken: JsonObject = {"terminated": {"exitCode": 1, "message": "iptables: not permitted"}}
    status: JsonObject = {
        "phase": "Failed",
        "containerStatuses": [{"name": "logical-backup-restore-0", "state": waiting}],
        "initContainerStatuses": [{"name": "istio-init", "state": broken}],
    }
    run = observe(failed, pod(failed, status))
    assert run.never_ran
    assert run.error is not None
    assert run.error.message == (
        "the worker did not start: container istio-init ended with exit code 1: "
        "iptables: not permitted"
    )


def _phase(phase: str) -> JsonObject:
    return {"phase": phase, "reason": "Evicted"}


_NO_STATUS: JsonObject = {}
_STATUSES: st.SearchStrategy[JsonObject] = st.one_of(
    st.just(_NO_STATUS),
    st.builds(
        terminated,
        st.one_of(
            st.text(max_size=20),
            st.just(result().model_dump_json()),
            st.just(result(WRONG).model_dump_json()),
        ),
        code=st.integers(0, 255),
        reason=st.sampled_from(["Completed", "Error", "OOMKilled", ""]),
    ),
    st.builds(pending, st.sampled_from(["", "Unschedulable"]), st.text(max_size=5)),
    st.builds(_phase, st.sampled_from(["Failed", "Running", "Unknown"])),
)


@given(
    has_job=st.booleans(),
    ended=st.sampled_from(["", "Complete", "Failed"]),
    uid=st.sampled_from(["job-1", "job-2"]),
    owner=st.sampled_from(["owner-1", "somebody"]),
    statuses=st.lists(_STATUSES, max_size=3),
    executor=st.sampled_from([None, PLANNED, SEEN, SEEN_POD]),
)
def test_whatever_is_seen_a_failure_has_a_text_and_a_success_has_none(
    has_job: bool,
    ended: str,
    uid: str,
    owner: str,
    statuses: list[JsonObject],
    executor: Executor | None,
) -> None:
    found = job("copy", uid=uid, owner=owner, ended=ended) if has_job else None
    pods = [pod(job("copy", uid=uid), status) for status in statuses]
    run = observe(found, *pods, executor=executor)
    match run.state:
        case RunState.ABSENT | RunState.RUNNING:
            assert run.error is None
        case RunState.FINISHED:
            assert (run.error is None) is run.succeeded
        case _:
            assert run.error is not None
    if run.error is not None:
        assert run.error.message.strip()
