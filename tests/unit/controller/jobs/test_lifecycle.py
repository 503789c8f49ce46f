"""What a Job that was seen means as of now, for every kind alike."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.pod import Pod
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
from stashgen_controller.runtime.decision import (
    Decision,
    Delete,
    EventsQuestion,
    PodsQuestion,
)
from tests.support.world import DIGEST, NOW, job, pod, result

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


def asked(run: JobRun, pods: Sequence[Pod] = (), events: str = "") -> tuple[Stage, list[str]]:
    """What is known of a run once all questions are answered, and which ones were asked."""
    seen: list[str] = []

    def decided(run: JobRun) -> Decision:
        found = stage(run, PENDING_FAILS)
        stages.append(found)
        if not isinstance(found, NeverStarted):
            return Decision()
        return found.once_confirmed(Decision(), decided)

    stages: list[Stage] = []
    decision = decided(run)
    while decision.question is not None:
        match decision.question:
            case PodsQuestion(namespace="demo", job="copy") as question:
                seen.append("pods")
                decision = question.answered(pods)
            case EventsQuestion(kind="Pod", namespace="demo", name="copy-x") as other:
                seen.append("events")
                decision = other.answered(events)
            case question:
                raise AssertionError(question)
    return stages[-1], seen


def live(name: str, phase: str) -> Pod:
    return Pod.from_wire(pod(job("copy"), {"phase": phase}) | {"metadata": _metadata(name)})


def _metadata(name: str) -> JsonObject:
    owner: JsonObject = {"apiVersion": "batch/v1", "kind": "Job", "name": "copy", "uid": "job-1"}
    return {"name": name, "namespace": "demo", "ownerReferences": [owner]}


SEEN_PENDING = replace(PENDING, pod="copy-x")


@pytest.mark.parametrize(
    ("run", "pods"), [(PENDING, ()), (SEEN_PENDING, (live("copy-x", "Pending"),))]
)
def test_a_start_that_never_came_is_confirmed_and_explained(
    run: JobRun, pods: Sequence[Pod]
) -> None:
    found, questions = asked(run, pods, "FailedMount: no secret")
    assert questions == ["pods", "events"]
    assert isinstance(found, NeverStarted)
    assert found.error.message == "pod copy-x: FailedMount: no secret"


@pytest.mark.parametrize(
    ("run", "pods"),
    [
        (SEEN_PENDING, (live("copy-x", "Running"),)),
        (SEEN_PENDING, (live("copy-x", "Succeeded"),)),
        (PENDING, (live("copy-y", "Running"),)),
        # Deleted, perhaps by force: whether it had started, nobody says.
        (SEEN_PENDING, ()),
        (SEEN_PENDING, (live("copy-y", "Pending"),)),
    ],
)
def test_a_pod_that_started_or_went_unseen_is_no_failure(run: JobRun, pods: Sequence[Pod]) -> None:
    found, questions = asked(run, pods)
    assert questions == ["pods"]
    assert isinstance(found, Waiting)
    assert found.requeue_after == timedelta(minutes=1)


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
