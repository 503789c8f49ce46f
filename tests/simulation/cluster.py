"""What Kubernetes does with Jobs and pods: its controllers and the kubelets, and nodes that fail.

Kubernetes, "Jobs" (1.31 and later): a Job whose pod failed, or that is out of time, has
FailureTarget at once and Failed only once its pods have ended; a pod that is being deleted counts
as one that failed. "Nodes": pods of a node that is silent are deleted after five minutes, and go
with the kubelet's word, by force, or after their node object.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import cast

from stashgen.api import resources as known
from stashgen.api.base import (
    JsonObject,
    format_time,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    namespace_of,
    parse_time,
    uid_of,
)
from stashgen.api.labels import JOB_NAME_LABEL
from stashgen.api.resources import Resource
from stashgen_controller.kube.client import ApiError, NotFoundError
from tests.simulation.api_server import NODES, ApiServer
from tests.simulation.faults import Fault, Faults
from tests.simulation.timeline import Timeline
from tests.simulation.trace import Trace
from tests.simulation.worker import WorkerProcess

_TOLERATION_SECONDS = 300.0
_OWNED = (known.JOBS, known.PODS, known.CRON_JOBS, known.BACKUP_SESSIONS)
_FINAL = frozenset({"Succeeded", "Failed"})


@dataclass(slots=True)
class Node:
    """A machine.

    Attributes:
        is_reachable: Its kubelet speaks to the API server.
        is_powered: Its processes run.
        is_given_up: It stays as it is.
        clock_skew: How far its clock is from the truth.
    """

    name: str
    is_reachable: bool = True
    is_powered: bool = True
    is_given_up: bool = False
    clock_skew: timedelta = timedelta()
    processes: list[WorkerProcess] = field(default_factory=list)

    def runs(self, uid: str) -> bool:
        """Whether its kubelet has the container of a pod, be it over or not."""
        return any(item.uid == uid for item in self.processes)


# Starts a pod's process on a node.
Start = Callable[[JsonObject, Node], WorkerProcess]


class Cluster:
    """The controllers of Jobs, pods and owners, and the kubelets.

    Args:
        timeline, server, faults, trace: Of the simulation.
        start: Starts a pod's process.

    Attributes:
        nodes: By name.
    """

    def __init__(
        self, timeline: Timeline, server: ApiServer, faults: Faults, trace: Trace, start: Start
    ) -> None:
        self._timeline, self._server, self._faults, self._trace = timeline, server, faults, trace
        self._start = start
        self._pods_made: set[str] = set()
        self._nodes_made = 0
        self.nodes: dict[str, Node] = {}
        for _ in range(2):
            self._add_node()
        server.listeners.append(self._heard)

    @property
    def processes(self) -> list[WorkerProcess]:
        """Every process that runs in truth."""
        return [
            process
            for node in self.nodes.values()
            for process in node.processes
            if not process.is_over
        ]

    def _add_node(self) -> None:
        self._nodes_made += 1
        name = f"node-{self._nodes_made}"
        self.nodes[name] = Node(name)
        if self._server.find(NODES, None, name) is None:
            node: JsonObject = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
            self._server.create(NODES, None, node)

    def _heard(
        self, resource: Resource, type_: str, obj: JsonObject, _before: JsonObject | None
    ) -> None:
        if resource == known.JOBS:
            if type_ == "ADDED":
                seconds = cast("int", mapping_of(obj, "spec")["activeDeadlineSeconds"])
                self._soon(lambda: self._out_of_time(obj), seconds)
            if type_ != "DELETED":
                self._soon(lambda: self._sync(obj))
        if resource == known.PODS:
            if type_ == "ADDED":
                self._soon(lambda: self._schedule(obj), self._timeline.random.uniform(0.05, 3.0))
            elif type_ == "MODIFIED":
                self._soon(lambda: self._end_deleted(obj))
            self._soon(lambda: self._sync_job_of(obj))
        if type_ == "DELETED":
            self._soon(lambda: self._collect(uid_of(obj)), 0.5)
        elif type_ == "ADDED" and resource in _OWNED:
            self._soon(lambda: self._collect_orphan(resource, obj), 1.0)

    def _soon(self, action: Callable[[], None], seconds: float = 0.05) -> None:
        self._timeline.after(seconds * self._timeline.random.uniform(0.9, 1.1), action)

    # owners

    def _collect(self, uid: str) -> None:
        """Delete what an object that is gone owned."""
        for resource in _OWNED:
            for obj in self._server.items(resource):
                owners = list_of(metadata_of(obj), "ownerReferences")
                if any(owner["uid"] == uid for owner in owners):
                    self._delete(resource, obj)

    def _collect_orphan(self, resource: Resource, obj: JsonObject) -> None:
        """Delete what was made for an owner that is not there."""
        for owner in list_of(metadata_of(obj), "ownerReferences"):
            if not self._has_uid(str(owner["uid"])):
                self._delete(resource, obj)

    def _has_uid(self, uid: str) -> bool:
        resources = (
            known.JOBS,
            known.BACKUP_SESSIONS,
            known.RESTORE_SESSIONS,
            known.REPOSITORIES,
            known.BACKUP_STORAGES,
            known.BACKUP_CONFIGURATIONS,
        )
        return any(uid_of(obj) == uid for item in resources for obj in self._server.items(item))

    def _delete(self, resource: Resource, obj: JsonObject) -> None:
        try:
            self._server.delete(resource, namespace_of(obj), name_of(obj), uid=uid_of(obj))
        except ApiError:
            return

    # Jobs

    def _sync_job_of(self, pod: JsonObject) -> None:
        owners = list_of(metadata_of(pod), "ownerReferences")
        for job in self._server.items(known.JOBS, namespace_of(pod)):
            if any(owner["uid"] == uid_of(job) for owner in owners):
                self._sync(job)

    def _sync(self, of: JsonObject) -> None:
        job = self._server.find(known.JOBS, namespace_of(of), name_of(of))
        if job is None or uid_of(job) != uid_of(of):
            return
        types = {str(item["type"]) for item in list_of(mapping_of(job, "status"), "conditions")}
        if types & {"Complete", "Failed"}:
            return
        pods = [pod for pod in self._server.items(known.PODS) if _is_of(pod, job)]
        going = [pod for pod in pods if _phase(pod) not in _FINAL]
        if any(_phase(pod) == "Succeeded" for pod in pods):
            self._condition(job, "SuccessCriteriaMet", "CompletionsReached")
            self._condition(job, "Complete", "CompletionsReached")
        elif "FailureTarget" in types:
            if not going:
                reason = next(
                    str(item["reason"])
                    for item in list_of(mapping_of(job, "status"), "conditions")
                    if item["type"] == "FailureTarget"
                )
                self._condition(job, "Failed", reason)
        elif uid_of(job) not in self._pods_made:
            self._make_pod(job)
        elif not pods or any(
            _phase(pod) == "Failed" or metadata_of(pod).get("deletionTimestamp") for pod in pods
        ):
            self._condition(job, "FailureTarget", "BackoffLimitExceeded")

    def _make_pod(self, job: JsonObject) -> None:
        if self._faults.happens(Fault.UNSCHEDULABLE, 0.1):
            # A quota refuses it; it is tried again.
            self._soon(lambda: self._sync(job), 600.0 * self._timeline.random.random())
            return
        self._pods_made.add(uid_of(job))
        template = mapping_of(mapping_of(job, "spec"), "template")
        metadata = metadata_of(template)
        labels = cast("JsonObject", metadata.get("labels") or {})
        owner: JsonObject = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": name_of(job),
            "uid": uid_of(job),
            "controller": True,
        }
        pod: JsonObject = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata
            | {
                "name": f"{name_of(job)[:57]}-{self._timeline.random.randrange(16**5):05x}",
                "labels": labels | {JOB_NAME_LABEL: name_of(job)},
                "ownerReferences": [owner],
            },
            "spec": template["spec"],
        }
        self._server.create(known.PODS, namespace_of(job), pod)

    def _out_of_time(self, of: JsonObject) -> None:
        job = self._server.find(known.JOBS, namespace_of(of), name_of(of))
        if job is None or uid_of(job) != uid_of(of):
            return
        if list_of(mapping_of(job, "status"), "conditions"):
            return
        self._condition(job, "FailureTarget", "DeadlineExceeded")
        for pod in self._server.items(known.PODS):
            if _is_of(pod, job):
                self._delete(known.PODS, pod)

    def _condition(self, job: JsonObject, type_: str, reason: str) -> None:
        found = self._server.get(known.JOBS, namespace_of(job), name_of(job))
        status = mapping_of(found, "status")
        added: JsonObject = {
            "type": type_,
            "status": "True",
            "reason": reason,
            "message": reason,
            "lastTransitionTime": format_time(self._timeline.now),
        }
        conditions = [*list_of(status, "conditions"), added]
        failed = 1 if type_ == "Failed" and uid_of(job) in self._pods_made else 0
        written = status | {"conditions": cast("list[object]", conditions), "failed": failed}
        body = found | {"status": written}
        self._trace.add("job controller", f"{name_of(job)} {type_} {reason}")
        self._server.replace(known.JOBS, namespace_of(job), cast("JsonObject", body), status=True)

    # pods

    def _schedule(self, of: JsonObject) -> None:
        pod = self._current(of)
        if pod is None or metadata_of(pod).get("deletionTimestamp"):
            return
        if mapping_of(pod, "spec").get("nodeName"):
            # Another state of etcd, in which it was to be scheduled too.
            return
        nodes = [node for node in self.nodes.values() if node.is_reachable]
        if not nodes or self._faults.happens(Fault.UNSCHEDULABLE, 0.1):
            self._soon(lambda: self._schedule(of), 1200.0 * self._timeline.random.random() + 10)
            return
        node = self._timeline.random.choice(nodes)
        spec = mapping_of(pod, "spec") | {"nodeName": node.name}
        self._server.replace(known.PODS, namespace_of(pod), pod | {"spec": spec}, status=False)
        delay = self._timeline.random.uniform(0.5, 5.0)
        self._soon(lambda: self._run(pod, node), delay)

    def _run(self, of: JsonObject, node: Node) -> None:
        pod = self._current(of)
        if pod is None or metadata_of(pod).get("deletionTimestamp") or not node.is_reachable:
            return
        is_here = mapping_of(pod, "spec").get("nodeName") == node.name
        if not is_here or _phase(pod) in _FINAL or node.runs(uid_of(pod)):
            # etcd went back meanwhile, and another look at it came first.
            return
        process = self._start(pod, node)
        node.processes.append(process)
        self._trace.add(node.name, f"starts {process.name} ({process.order.verb})")
        self._report(node, pod, "Running", {"running": {}})
        if process.fiber is not None:
            process.fiber.resume()
        if self._faults.happens(Fault.WORKER_KILLED, 0.15):
            self._soon(process.kill, self._timeline.random.uniform(0.0, 40.0))
            self._soon(lambda: self.ended(process, node), 41.0)

    def ended(self, process: WorkerProcess, node: Node) -> None:
        """A process ended: its kubelet says so, once it is heard."""
        self._soon(lambda: self._report_end(process, node), self._timeline.random.uniform(0.05, 2))

    def _report_end(self, process: WorkerProcess, node: Node) -> None:
        if not process.is_over:
            return
        if not node.is_reachable:
            # After the node is back.
            return
        if process in node.processes:
            node.processes.remove(process)
        pod = self._current(process.pod)
        if pod is None:
            return
        if _phase(pod) not in _FINAL:
            terminated: JsonObject = {
                "exitCode": process.exit_code,
                "reason": "Completed" if process.exit_code == 0 else "Error",
                "finishedAt": format_time(self._timeline.now),
            }
            if process.message:
                terminated["message"] = process.message
            phase = "Failed" if process.exit_code else "Succeeded"
            self._trace.add(node.name, f"reports {process.name} {phase} {process.message[:400]}")
            self._report(node, pod, phase, {"terminated": terminated})
        self._soon(lambda: self._end_deleted(pod))

    def _report(self, node: Node, of: JsonObject, phase: str, state: JsonObject) -> None:
        pod = self._current(of)
        if pod is None or not node.is_reachable:
            return
        container = list_of(mapping_of(pod, "spec"), "containers")[0]
        states: JsonObject = {"name": container["name"], "state": state}
        body = pod | {"status": {"phase": phase, "containerStatuses": [states]}}
        self._server.replace(known.PODS, namespace_of(pod), body, status=True)

    def _end_deleted(self, of: JsonObject) -> None:
        """A pod that is deleted: SIGTERM, after its grace SIGKILL, then it is gone."""
        pod = self._current(of)
        if pod is None or not metadata_of(pod).get("deletionTimestamp"):
            return
        node = self.nodes.get(str(mapping_of(pod, "spec").get("nodeName") or ""))
        if node is None:
            self._server.remove(known.PODS, namespace_of(pod), name_of(pod))
            return
        if not node.is_reachable:
            return
        process = next((item for item in node.processes if item.uid == uid_of(pod)), None)
        if process is not None and not process.is_over:
            if not process.interruption.is_requested:
                process.terminate()
                grace = cast("int", mapping_of(pod, "spec")["terminationGracePeriodSeconds"])
                self._soon(lambda: self._kill_late(process, node), float(grace))
            return
        if process is not None:
            # Its end is reported first.
            self.ended(process, node)
            return
        self._soon(lambda: self._remove(pod), 1.0)

    def _kill_late(self, process: WorkerProcess, node: Node) -> None:
        if not process.is_over and node.is_powered:
            process.kill()
            self.ended(process, node)

    def _remove(self, of: JsonObject) -> None:
        pod = self._current(of)
        if pod is not None:
            self._server.remove(known.PODS, namespace_of(pod), name_of(pod))

    def _current(self, pod: JsonObject) -> JsonObject | None:
        found = self._server.find(known.PODS, namespace_of(pod), name_of(pod))
        return found if found is not None and uid_of(found) == uid_of(pod) else None

    def evict(self, process: WorkerProcess) -> None:
        """The kubelet ends a pod to free its node; the pod stays, as Failed."""
        node = self.nodes[process.node]
        pod = self._current(process.pod)
        if pod is None or not node.is_reachable:
            return
        process.kill()
        if process in node.processes:
            node.processes.remove(process)
        self._trace.add(node.name, f"evicts {process.name}")
        body = pod | {"status": {"phase": "Failed", "reason": "Evicted", "message": "no memory"}}
        self._server.replace(known.PODS, namespace_of(pod), body, status=True)

    def delete_by_force(self, pod: JsonObject) -> None:
        """``kubectl delete --force``: the object goes at once, its process some time later."""
        node = self.nodes.get(str(mapping_of(pod, "spec").get("nodeName") or ""))
        self._server.remove(known.PODS, namespace_of(pod), name_of(pod))
        process = next(
            (item for item in (node.processes if node else ()) if item.uid == uid_of(pod)), None
        )
        if process is None or node is None:
            return

        def end() -> None:
            if not process.is_over and node.is_reachable:
                process.terminate()
                self._soon(lambda: self._kill_late(process, node), 120.0)

        self._soon(end, self._timeline.random.uniform(1.0, 90.0))

    # etcd

    def come_back(self) -> None:
        """The API server has an older state: everybody looks at it as if it were new.

        A process whose pod is not in it has been ended. A kubelet that has nothing of a pod that
        had begun runs it again, or calls it failed.
        """
        pods = {uid_of(pod): pod for pod in self._server.items(known.PODS)}
        for node in self.nodes.values():
            for process in list(node.processes):
                if process.uid not in pods:
                    process.kill()
                    node.processes.remove(process)
        jobs = self._server.items(known.JOBS)
        self._pods_made = {
            uid_of(job)
            for job in jobs
            if list_of(mapping_of(job, "status"), "conditions")
            or any(_is_of(pod, job) for pod in pods.values())
        }
        for resource in _OWNED:
            for obj in self._server.items(resource):
                self._soon(partial(self._collect_orphan, resource, obj), 1.0)
        for job in jobs:
            self._soon(partial(self._sync, job))
            seconds = cast("int", mapping_of(job, "spec")["activeDeadlineSeconds"])
            made = parse_time(str(metadata_of(job)["creationTimestamp"]))
            left = (made - self._timeline.now).total_seconds() + seconds
            self._soon(partial(self._out_of_time, job), max(left, 0.0))
        for pod in pods.values():
            if mapping_of(pod, "spec").get("nodeName") is None:
                self._soon(partial(self._schedule, pod), 3.0)
            self._soon(partial(self._end_deleted, pod))
            self._soon(partial(self._find, pod), 5.0)

    def _find(self, of: JsonObject) -> None:
        """A kubelet that is there looks after a pod that it has to run."""
        pod = self._current(of)
        node = self.nodes.get(str(mapping_of(pod or {}, "spec").get("nodeName") or ""))
        if pod is None or node is None or _phase(pod) in _FINAL or not node.is_reachable:
            return
        if node.runs(uid_of(pod)):
            return
        if _phase(pod) == "Pending" or self._timeline.random.random() < 0.5:
            self._run(pod, node)
        else:
            lost: JsonObject = {"exitCode": 137, "reason": "ContainerStatusUnknown"}
            lost["finishedAt"] = format_time(self._timeline.now)
            self._report(node, pod, "Failed", {"terminated": lost})

    # nodes

    def lose(self, node: Node, *, power: bool) -> None:
        """A node dies, or is only cut off: its processes go on then."""
        self._trace.add(node.name, "dies" if power else "is cut off")
        node.is_reachable = False
        if power:
            node.is_powered = False
            for process in node.processes:
                process.kill()
        self._soon(lambda: self._drain(node), _TOLERATION_SECONDS)

    def _drain(self, node: Node) -> None:
        if node.is_reachable:
            return
        for pod in self._server.items(known.PODS):
            if mapping_of(pod, "spec").get("nodeName") == node.name and _phase(pod) not in _FINAL:
                self._delete(known.PODS, pod)

    def return_(self, node: Node) -> None:
        """A node is back, after a start where it had no power: what ended on it is reported."""
        if node.is_reachable or node.is_given_up or node.name not in self.nodes:
            return
        self._trace.add(node.name, "is back")
        node.is_reachable = node.is_powered = True
        for process in list(node.processes):
            if process.is_over:
                self.ended(process, node)
        for pod in self._server.items(known.PODS):
            if mapping_of(pod, "spec").get("nodeName") == node.name:
                self._soon(partial(self._end_deleted, pod))
                self._soon(partial(self._find, pod))

    def remove_node(self, node: Node) -> None:
        """Somebody deletes the object of a node that has no power: its pods go with it."""
        if node.is_powered or node.is_given_up or node.name not in self.nodes:
            return
        self._trace.add("people", f"delete {node.name}")
        del self.nodes[node.name]
        try:
            self._server.delete(NODES, None, node.name)
        except NotFoundError:
            return
        self._add_node()

        def collect() -> None:
            for pod in self._server.items(known.PODS):
                if mapping_of(pod, "spec").get("nodeName") == node.name:
                    self._server.remove(known.PODS, namespace_of(pod), name_of(pod))

        self._soon(collect, 40.0)


def _is_of(pod: JsonObject, job: JsonObject) -> bool:
    owners = list_of(metadata_of(pod), "ownerReferences")
    return any(owner["uid"] == uid_of(job) for owner in owners)


def _phase(pod: JsonObject) -> str:
    return str(mapping_of(pod, "status").get("phase") or "Pending")
