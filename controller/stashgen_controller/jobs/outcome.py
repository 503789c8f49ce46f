"""How the worker of a Job ended: its result, else the reason that Kubernetes gives.

The outcome is the worker's result document in the pod's termination message. Where no worker could
write one, the reason is looked for in the container's state, the pod and the Job, in this order, so
that a failure always has a text.
"""

from collections.abc import Sequence

from pydantic import ValidationError

from stashgen.api.job import Job
from stashgen.api.pod import ContainerStateTerminated, Pod
from stashgen.api.snapshot import Phase
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass, RunResult

_LONGEST_TEXT = 500


def result_of(pods: Sequence[Pod]) -> RunResult | None:
    """The worker's document, from the first pod that has one that can be read."""
    for pod in pods:
        terminated = pod.termination
        if terminated is None or not terminated.message:
            continue
        try:
            return RunResult.model_validate_json(terminated.message, extra="ignore")
        except ValidationError:
            continue
    return None


def error_of(job: Job, pods: Sequence[Pod], result: RunResult | None) -> Reason | None:
    """Why a Job that has ended failed; None if its worker says that it did what it was asked to."""
    if result is not None:
        if result.phase is Phase.SUCCEEDED:
            return None
        if result.error is None:
            return Reason(ErrorClass.INTERNAL, "the worker failed without reporting a reason")
        return result.error.why
    for pod in pods:
        if pod.termination is not None:
            return _container_error(pod.termination)
        if pod.status is not None and pod.status.reason == "Evicted":
            return Reason(ErrorClass.EVICTED, pod.status.message or "the pod was evicted")
        if pod.never_ran and pod.failed_other is not None:
            name, how = pod.failed_other
            text = _container_error(how).message.removeprefix("the container ")
            message = f"the worker did not start: container {name} {text}"
            return Reason(ErrorClass.KILLED, message)
    condition = job.failure
    if condition is not None:
        is_late = condition.reason == "DeadlineExceeded"
        return Reason(
            ErrorClass.DEADLINE_EXCEEDED if is_late else ErrorClass.KILLED,
            f"{condition.reason or 'Failed'}: {condition.message or 'the Job failed'}",
        )
    return Reason(ErrorClass.KILLED, "the Job ended without a result and its pod no longer exists")


def _container_error(terminated: ContainerStateTerminated) -> Reason:
    if terminated.reason == "OOMKilled":
        message = "the container was killed because it exceeded its memory limit"
        return Reason(ErrorClass.OUT_OF_MEMORY, message)
    text = (terminated.message or terminated.reason or "").strip() or "no message"
    message = f"the container ended with exit code {terminated.exit_code}: {text[:_LONGEST_TEXT]}"
    return Reason(ErrorClass.KILLED, message)
