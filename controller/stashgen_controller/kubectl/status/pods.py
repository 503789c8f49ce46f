"""The pod of a run: where it runs, what it is waiting for, how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.labels import JOB_NAME_LABEL
from stashgen.api.pod import Pod
from stashgen.api.resources import PODS
from stashgen_controller.runtime.scanned import ScannedReader

_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class PodView:
    """A Job's pod.

    Attributes:
        job: Its Job.
        name: Its own name.
        node: Where it runs; empty until it is scheduled.
        state: Its phase, and how the container ended or what it is waiting for.
        is_bad: It is not running and did not succeed.
        container: The worker's own; None until there is one.
    """

    job: str
    name: str
    node: str
    state: str
    is_bad: bool
    container: str | None = None


def newest_pod(
    reader: ScannedReader,
    namespace: str,
    jobs: Iterable[str],
    beginnings: tuple[str, ...],
    *,
    with_log: bool = False,
) -> PodView | None:
    """The newest pod of some Jobs, given by name or name prefix; None if none is left.

    Creation times have a resolution of one second; of two with the same time the bad one is used.

    Args:
        reader: What is known.
        namespace: Of the Jobs.
        jobs: Their names.
        beginnings: How the names of others begin.
        with_log: Only one that has started has a log.
    """
    wanted = set(jobs)
    found = []
    for obj in reader.stored_items(PODS, namespace):
        pod = Pod.from_wire(obj)
        job = (pod.metadata.labels or {}).get(JOB_NAME_LABEL, "")
        has_name = job in wanted or (job and job.startswith(beginnings))
        if has_name and not (with_log and pod.is_pending):
            made = pod.metadata.creation_timestamp
            worker = pod.worker.name if pod.worker is not None else None
            view = PodView(job, pod.metadata.name, _node(obj), _state(pod), _is_bad(pod), worker)
            found.append((made.timestamp() if made else 0.0, view))
    if not found:
        return None
    return max(found, key=lambda item: (item[0], item[1].is_bad, item[1].name))[1]


def _node(obj: JsonObject) -> str:
    return str(cast("JsonObject", obj.get("spec") or {}).get("nodeName") or "")


def _state(pod: Pod) -> str:
    phase = (pod.status.phase if pod.status is not None else None) or "Pending"
    ended = pod.termination
    if ended is not None:
        reason = f"{ended.reason or 'ended'}, exit code {ended.exit_code}"
        return f"{phase}: {reason}"
    if pod.is_pending:
        return f"{phase}: {pod.pending_reason}" if pod.pending_reason else phase
    text = " ".join(
        part for part in ((pod.status.reason, pod.status.message) if pod.status else ()) if part
    )
    return f"{phase}: {text[:_LONGEST_MESSAGE]}" if text else phase


def _is_bad(pod: Pod) -> bool:
    phase = (pod.status.phase if pod.status is not None else None) or "Pending"
    return phase == "Failed" or (phase == "Pending" and bool(pod.pending_reason))
