"""Attempts of an initialisation: one Job at a time, the next one after a while."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.api.base import JsonObject
from stashgen.api.labels import PLAN_DIGEST_ANNOTATION
from stashgen.api.resources import JOBS
from stashgen.api.shared import Executor
from stashgen_controller.jobs.attempts import Attempts, retry_delay
from stashgen_controller.jobs.run import PENDING_FAILS, JobRun, RunState
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import TRANSIENT, ErrorClass, RunError
from stashgen_controller.runtime.decision import Create, Delete
from tests.support.world import DIGEST, NOW, result

LOCKED = Reason(ErrorClass.LOCKED, "locked")
LOST = Reason(ErrorClass.EXECUTOR_LOST, "the Job was deleted")
WRONG = Reason(ErrorClass.WRONG_PASSWORD, "wrong")
FIRST = Executor(job="init-1", attempt=1, plan_digest=DIGEST, job_uid="job-1")


def job_for(attempt: int) -> JsonObject:
    annotations: JsonObject = {PLAN_DIGEST_ANNOTATION: DIGEST}
    return {"metadata": {"name": f"init-{attempt}", "annotations": annotations}}


def attempts(executor: Executor | None, run: JobRun, *, enough: bool = True) -> Attempts:
    return Attempts(executor, run, "demo", job_for, lambda _run: enough)


def recorded(attempt: int, uid: str | None) -> Executor:
    return Executor(job="init-1", attempt=attempt, plan_digest=DIGEST, job_uid=uid)


def finished(error: Reason | None, at: datetime = NOW) -> JobRun:
    failure = RunError(reason=ErrorClass(error.name), message=error.message) if error else None
    return JobRun(RunState.FINISHED, "job-1", DIGEST, result(failure), error, at)


def test_the_first_attempt_is_made_and_remembered_by_its_plan() -> None:
    progress = attempts(None, JobRun(RunState.ABSENT)).advance(NOW)
    assert progress.actions == (Create(JOBS, job_for(1)),)
    assert progress.executor == Executor(job="init-1", attempt=1, plan_digest=DIGEST)


def test_an_attempt_whose_job_was_never_seen_is_made_again_under_its_name() -> None:
    planned = Executor(job="init-3", attempt=3, plan_digest=DIGEST)
    progress = attempts(planned, JobRun(RunState.ABSENT)).advance(NOW)
    assert progress.actions == (Create(JOBS, job_for(3)),)


def test_a_running_attempt_is_waited_for() -> None:
    progress = attempts(FIRST, JobRun(RunState.RUNNING, "job-1", DIGEST)).advance(NOW)
    assert progress.executor == FIRST
    assert not progress.actions
    assert not progress.succeeded


def test_success_ends_it() -> None:
    progress = attempts(FIRST, finished(None)).advance(NOW)
    assert progress.succeeded
    assert not progress.actions


def test_a_success_for_an_older_spec_is_followed_by_another_attempt() -> None:
    progress = attempts(FIRST, finished(None), enough=False).advance(NOW)
    assert not progress.succeeded
    assert progress.error is None
    assert progress.actions == (Delete(JOBS, "demo", "init-1", "job-1"), Create(JOBS, job_for(2)))


@pytest.mark.parametrize(
    ("error", "delay"), [(LOCKED, timedelta(seconds=10)), (WRONG, timedelta(minutes=10))]
)
def test_a_failure_waits_and_then_makes_the_next_attempt(error: Reason, delay: timedelta) -> None:
    early = attempts(FIRST, finished(error)).advance(NOW + delay - timedelta(seconds=1))
    assert not early.actions
    assert early.error == error
    assert early.requeue_after == timedelta(seconds=1)

    due = attempts(FIRST, finished(error)).advance(NOW + delay)
    assert due.actions == (Delete(JOBS, "demo", "init-1", "job-1"), Create(JOBS, job_for(2)))
    assert due.error == error


def test_a_node_whose_clock_is_ahead_puts_no_attempt_off() -> None:
    ahead = NOW + timedelta(days=400)
    first = attempts(FIRST, finished(WRONG, ahead)).advance(NOW)
    assert first.requeue_after == timedelta(minutes=10)
    early = attempts(first.executor, finished(WRONG, ahead)).advance(NOW + timedelta(minutes=9))
    assert (early.actions, early.executor) == ((), first.executor)
    due = attempts(first.executor, finished(WRONG, ahead)).advance(NOW + timedelta(minutes=10))
    assert Create(JOBS, job_for(2)) in due.actions


def test_a_job_that_somebody_deleted_is_made_anew_after_the_delay_of_a_failure() -> None:
    lost = JobRun(RunState.LOST, "job-1", DIGEST, error=LOST)
    first = attempts(FIRST, lost).advance(NOW)
    assert not first.actions
    assert first.error == LOST
    assert first.requeue_after == timedelta(seconds=10)
    assert first.executor == FIRST.model_copy(update={"lost_time": NOW, "ended": True})

    early = attempts(first.executor, lost).advance(NOW + timedelta(seconds=9))
    assert not early.actions
    assert early.executor == first.executor
    due = attempts(first.executor, lost).advance(NOW + timedelta(seconds=10))
    assert Create(JOBS, job_for(2)) in due.actions
    assert due.executor == Executor(job="init-2", attempt=2, plan_digest=DIGEST)


def test_a_name_that_is_taken_is_not_deleted() -> None:
    taken = Reason(ErrorClass.INTERNAL, "NameCollision: taken")
    planned = Executor(job="init-1", attempt=1, plan_digest=DIGEST)
    progress = attempts(planned, JobRun(RunState.COLLISION, error=taken)).advance(NOW)
    assert progress.actions == (Create(JOBS, job_for(2)),)


def test_a_pod_that_never_starts_is_a_failed_attempt() -> None:
    until = NOW + PENDING_FAILS
    run = JobRun(RunState.RUNNING, "job-1", DIGEST, pending_until=until, pending_reason="no room")
    progress = attempts(FIRST, run).advance(NOW + PENDING_FAILS)
    assert progress.error == Reason(ErrorClass.UNSCHEDULABLE, "no room")
    assert progress.actions == (Delete(JOBS, "demo", "init-1", "job-1"), Create(JOBS, job_for(2)))


@given(st.integers(-5, 10_000), st.sampled_from(ErrorClass))
def test_the_delay_is_bounded(attempt: int, reason: ErrorClass) -> None:
    delay = retry_delay(attempt, Reason(reason, "x"))
    longest = timedelta(minutes=5) if reason in TRANSIENT else timedelta(minutes=10)
    assert timedelta(seconds=10) <= delay <= longest


@given(
    executor=st.one_of(
        st.none(),
        st.builds(recorded, st.integers(1, 5), st.sampled_from([None, "job-1"])),
    ),
    state=st.sampled_from(RunState),
    error=st.sampled_from([None, LOCKED, WRONG]),
    at=st.sampled_from([None, NOW - timedelta(hours=1), NOW, NOW + timedelta(days=1)]),
    enough=st.booleans(),
)
def test_at_most_one_job_is_made_and_only_the_recorded_one_is_deleted(
    executor: Executor | None,
    state: RunState,
    error: Reason | None,
    at: datetime | None,
    enough: bool,
) -> None:
    run = JobRun(state, "job-1", DIGEST, None if error else result(), error, at)
    progress = attempts(executor, run, enough=enough).advance(NOW)
    assert sum(isinstance(action, Create) for action in progress.actions) <= 1
    deleted = [action for action in progress.actions if isinstance(action, Delete)]
    assert all(executor is not None and item.name == executor.job for item in deleted)
    assert progress.succeeded <= (not progress.actions)
    assert progress.executor is not None
