"""What a Job that was seen means as of now, for every kind alike."""

from datetime import timedelta

import pytest

from stashgen.api.resources import JOBS
from stashgen.api.shared import Executor
from stashgen_controller.jobs.lifecycle import (
    LINGERS,
    Absent,
    Failed,
    NeverStarted,
    Stage,
    Succeeded,
    Waiting,
    after_end,
    next_look,
    stage_of,
)
from stashgen_controller.jobs.run import (
    PENDING_FAILS,
    PENDING_TOO_LONG,
    SETTLES,
    JobRun,
    RunState,
)
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.runtime.decision import Decision, Delete
from tests.support.world import DIGEST, NOW, result

SEEN = Executor(job="copy", attempt=1, plan_digest=DIGEST, job_uid="job-1")
LOST = Reason(ErrorClass.EXECUTOR_LOST, "the Job was deleted")
PENDING = JobRun(
    RunState.RUNNING,
    "job-1",
    DIGEST,
    pending_since=NOW,
    pending_until=NOW + PENDING_FAILS,
    pending_reason="pod copy-x: no reason",
    events_of=("Pod", "copy-x"),
)
DELETION = Delete(JOBS, "demo", "copy", "job-1")


def stage(run: JobRun, after: timedelta = timedelta()) -> Stage:
    return stage_of(run, NOW + after, namespace="demo", job="copy")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (JobRun(RunState.ABSENT), Absent()),
        (JobRun(RunState.FINISHED, "job-1", DIGEST, result()), Succeeded(SEEN)),
        (JobRun(RunState.FINISHED, "job-1", DIGEST, None, LOST), Failed(SEEN, LOST)),
        (JobRun(RunState.LOST, "job-1", DIGEST, error=LOST), Failed(SEEN, LOST)),
        (JobRun(RunState.COLLISION, error=LOST), Failed(None, LOST)),
        (JobRun(RunState.RUNNING, "job-1", DIGEST), Waiting(SEEN)),
    ],
    ids=lambda value: str(value.state) if isinstance(value, JobRun) else "",
)
def test_each_state_has_its_stage(run: JobRun, expected: Stage) -> None:
    assert stage(run) == expected


def test_a_new_jobs_pod_is_waited_for_a_moment() -> None:
    new = JobRun(RunState.RUNNING, "job-1", DIGEST, created=NOW)
    seen = SEEN.model_copy(update={"created": NOW})
    assert stage(new) == Waiting(seen, is_new=True)
    assert stage(new, SETTLES) == Waiting(seen)


def test_a_pod_that_does_not_start_is_looked_at_again_and_then_a_failure() -> None:
    assert stage(PENDING) == Waiting(SEEN, requeue_after=PENDING_TOO_LONG)
    found = stage(PENDING, PENDING_FAILS)
    assert isinstance(found, NeverStarted)
    assert found.error == Reason(ErrorClass.UNSCHEDULABLE, "pod copy-x: no reason")
    assert found.deletion == (DELETION,)


def test_events_are_asked_for_the_cause_of_a_start_that_never_came() -> None:
    found = stage(PENDING, PENDING_FAILS)
    assert isinstance(found, NeverStarted)
    seen: list[JobRun] = []

    def again(run: JobRun) -> Decision:
        seen.append(run)
        return Decision()

    question = found.with_event_reason(Decision(), again).question
    assert question is not None
    assert (question.kind, question.namespace, question.name) == ("Pod", "demo", "copy-x")
    assert question.answered("FailedMount: no secret") == Decision()
    explained = stage(seen[0], PENDING_FAILS)
    assert isinstance(explained, NeverStarted)
    assert explained.error.message == "pod copy-x: FailedMount: no secret"
    assert explained.with_event_reason(Decision(), again).question is None


def test_a_job_that_never_started_is_deleted_once_that_is_recorded() -> None:
    assert after_end(PENDING, "demo", SEEN, NOW).actions == (DELETION,)
    assert not after_end(PENDING, "demo", None, NOW).actions
    ended = JobRun(RunState.FINISHED, "job-1", DIGEST, result())
    assert not after_end(ended, "demo", SEEN, NOW).actions


def test_a_job_that_a_sidecar_keeps_open_is_deleted_after_a_while() -> None:
    left = JobRun(RunState.FINISHED, "job-1", DIGEST, result(), finished=NOW, lingers=True)
    assert next_look(left) == LINGERS
    early = after_end(left, "demo", SEEN, NOW + timedelta(seconds=10))
    assert early == Decision(requeue_after=LINGERS - timedelta(seconds=10))
    assert after_end(left, "demo", SEEN, NOW + LINGERS).actions == (DELETION,)
