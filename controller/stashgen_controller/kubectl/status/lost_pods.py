"""Runs whose pod is gone and whose end nobody reported: what a person can say about them."""

from stashgen.api.base import format_time
from stashgen.api.job import Job
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION
from stashgen.api.meta import Kind
from stashgen.api.shared import Executor
from stashgen_controller.jobs.observe import observe_run
from stashgen_controller.listers.pods import pods_of
from stashgen_controller.runtime.kind import Reader


def why_unheard(reader: Reader, owner: Kind, job: str, executor: Executor | None) -> str:
    """That a run counts as running although its pod is gone; empty where that is not so.

    Args:
        reader: What is known.
        owner: Of the Job.
        job: Its name.
        executor: What is recorded of it.
    """
    namespace = owner.metadata.namespace or ""
    pods = pods_of(reader, namespace, job)
    seen = observe_run(
        job=reader.get(Job, namespace, job), pods=pods, executor=executor, owner=owner.metadata
    )
    if not seen.is_unaccounted or seen.stops_by is None or pods:
        return ""
    what = f"pod {seen.pod}" if seen.pod is not None else f"the pod of Job {job}"
    return (
        f"{what} is gone and no kubelet reported its end, so it counts as running until "
        f"{format_time(seen.stops_by)}; if nothing of it runs any more: kubectl annotate "
        f"{owner.resource.kind.lower()} {owner.metadata.name} -n {namespace} "
        f"{ACCEPT_LOST_POD_ANNOTATION}={seen.pod or job}"
    )
