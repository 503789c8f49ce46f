"""What must hold at every step, whatever fails: each has a name, and is looked at in truth.

Truth is what processes do to volumes and repositories, not what objects say of it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import filterfalse
from typing import cast

from stashgen.api import resources as known
from stashgen.api.base import (
    JsonObject,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    namespace_of,
    parse_time,
)
from stashgen.api.labels import PLAN_ANNOTATION
from stashgen.api.resources import Resource
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.snapshot import Phase
from stashgen.kubestash import layout, phases
from stashgen.kubestash.verbs import Verb
from stashgen_controller.kinds.backup_session.retention import TIMEOUT
from stashgen_controller.listers.indexes.repositories import is_in_upkeep
from stashgen_controller.protocol.run_result import ErrorClass, RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.kind import phase_of
from tests.simulation.api_server import ApiServer
from tests.simulation.bucket import Bucket
from tests.simulation.faults import Fault, Faults
from tests.simulation.malformed import is_malformed
from tests.simulation.restic import ResticRepository, Volume, Witness
from tests.simulation.timeline import Timeline
from tests.simulation.trace import Trace
from tests.simulation.worker import WorkerProcess

_MOST_IDLE_REQUESTS = 10
_EXCLUSIVE = frozenset(set(Verb) - {Verb.INIT_STORAGE})


class Invariant(StrEnum):
    """One promise."""

    ONE_RUN_PER_VOLUME = "one-run-per-volume"
    ONE_RUN_PER_REPOSITORY = "one-run-per-repository"
    NOT_FAILED_WHILE_RUNNING = "not-failed-while-running"
    NO_RUN_AFTER_THE_END = "no-run-after-the-end"
    TERMINATED_PODS_HAVE_ENDED = "terminated-pods-have-ended"
    LAST_GOOD_IS_KEPT = "last-good-is-kept"
    POLICY_IS_KEPT = "policy-is-kept"
    PINNED_IS_KEPT = "pinned-is-kept"
    PINNED_LATE_IS_KEPT = "pinned-late-is-kept"
    DONE_ONCE = "done-once"
    NOT_INITIALISED_AGAIN = "not-initialised-again"
    SUCCESS_HAS_DATA = "success-has-data"
    OBJECTS_FOLLOW_THE_BUCKET = "objects-follow-the-bucket"
    REPOSITORY_IS_WHOLE = "repository-is-whole"
    WHOLE_IS_NOT_CALLED_DAMAGED = "whole-is-not-called-damaged"
    HALF_RESTORED_IS_NOT_BACKED_UP = "half-restored-is-not-backed-up"
    HALF_RESTORED_IS_NOT_PRUNED = "half-restored-is-not-pruned"
    NOTHING_IS_STUCK = "nothing-is-stuck"
    DEAD_NODE_IS_OUTLIVED = "dead-node-is-outlived"
    NOTHING_SPINS = "nothing-spins"
    FAULTLESS_SUCCEEDS = "faultless-succeeds"


# A restore that came so long before a retention's pod was noticed, unless nobody was there to.
_NOTICED = timedelta(minutes=1)
_UNNOTICED = frozenset({Fault.HALF_OPEN, Fault.DEATH, Fault.LEAD_CHANGE})


class ViolationError(BaseException):
    """A promise was broken; not an Exception, so that nothing of the product catches it."""

    def __init__(self, invariant: Invariant, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


class Invariants:
    """The promises of one run.

    Args:
        checked: Those that end the run where they are broken.
        timeline, faults, server, bucket, repositories, volume, trace: Of the simulation.
        processes: Those that run in truth.

    Attributes:
        all_broken: Every promise that was broken, checked or not.
        removed: How many restic snapshots retention removed.
        went_back: etcd was restored from an older state.
    """

    def __init__(
        self,
        checked: frozenset[Invariant],
        *,
        timeline: Timeline,
        faults: Faults,
        server: ApiServer,
        bucket: Bucket,
        repositories: dict[str, ResticRepository],
        volume: Volume,
        trace: Trace,
        processes: Callable[[], Iterable[WorkerProcess]],
    ) -> None:
        self._checked = checked
        self._timeline, self._faults = timeline, faults
        self._started: dict[str, datetime] = {}
        self._server, self._bucket, self._repositories = server, bucket, repositories
        self._trace, self._volume = trace, volume
        self._processes = processes
        self.all_broken: set[Invariant] = set()
        self.removed = 0
        self.went_back = False
        self._begun: dict[str, tuple[str, datetime]] = {}
        self._restored: set[str] = set()
        self._made: set[str] = set(repositories)
        self._good = {id_ for item in repositories.values() for id_ in item.snapshots}
        server.listeners.append(self._heard)

    def broken(self, invariant: Invariant, text: str) -> None:
        """Note a broken promise; raises where it is one that is checked."""
        self._trace.add("BROKEN", f"{invariant}: {text}")
        self.all_broken.add(invariant)
        if invariant in self._checked:
            raise ViolationError(invariant, text)

    # processes

    def starts(self, process: WorkerProcess) -> None:
        """A container is about to start."""
        order = process.order
        self._started[process.uid] = self._timeline.now
        if order.verb not in _EXCLUSIVE:
            return
        mine = self._volumes(process)
        for other in self._at_work():
            what = f"{process.name} ({order.verb}) beside {other.name} ({other.order.verb})"
            if order.restic_addresses & other.order.restic_addresses:
                self.broken(Invariant.ONE_RUN_PER_REPOSITORY, what)
            if mine & self._volumes(other):
                self.broken(Invariant.ONE_RUN_PER_VOLUME, what)
        self._starts_late(process)
        if order.verb is Verb.BACKUP and not self.went_back:
            # What an older etcd has forgotten may be backed up once more, if there is no record.
            self._begins(process, name_of(cast("JsonObject", order.plan.snapshot)))

    def witness(self, process: WorkerProcess) -> Witness:
        """What sees a process's restic."""
        return _ProcessWitness(self, process)

    def _at_work(self) -> list[WorkerProcess]:
        return [
            process
            for process in self._processes()
            if process.works and process.order.verb in _EXCLUSIVE
        ]

    def _volumes(self, process: WorkerProcess) -> set[tuple[str, str]]:
        """The claims that a run is about, by namespace and name."""
        namespace = namespace_of(process.pod)
        mounted = claim_of(process.pod)
        if mounted is not None:
            return {(namespace, mounted)}
        for repository in self._server.items(known.REPOSITORIES, namespace):
            spec = mapping_of(repository, "spec")
            if process.order.place.endswith(f"/{spec.get('path')}"):
                return {(namespace, str(mapping_of(spec, "appRef").get("name")))}
        return set()

    def _starts_late(self, process: WorkerProcess) -> None:
        for resource in (known.SNAPSHOTS, known.RESTORE_SESSIONS):
            verb = Verb.BACKUP if resource == known.SNAPSHOTS else Verb.RESTORE
            if process.order.verb is not verb:
                continue
            obj = self._server.find(resource, namespace_of(process.pod), _subject(process))
            # An older etcd may know a worker's word and not its pod's end: the record stops it.
            if obj is not None and phase_of(obj) in phases.FINAL and not self.went_back:
                what = f"{process.name} starts, but {name_of(obj)} is {phase_of(obj)}"
                self.broken(Invariant.NO_RUN_AFTER_THE_END, what)

    def _begins(self, process: WorkerProcess, what: str) -> None:
        """Something that is done at most once, by one pod, begins."""
        # A kubelet may run a pod again.
        run = process.uid, self._started[process.uid]
        if self._begun.setdefault(what, run) != run:
            self.broken(Invariant.DONE_ONCE, f"{what} is done again by {process.name}")
            self._begun[what] = run

    # restic

    def initialises(self, address: str) -> None:
        """A restic repository is made."""
        if address in self._made:
            self.broken(Invariant.NOT_INITIALISED_AGAIN, address)
        self._made.add(address)

    def forgets(self, process: WorkerProcess, address: str, ids: Sequence[str]) -> None:
        """Snapshots are removed from a restic repository."""
        self.removed += len(ids)
        repository = self._repositories[address]
        good = {id_ for id_ in repository.snapshots if repository.is_whole(id_)}
        if good and good <= set(ids):
            self.broken(Invariant.LAST_GOOD_IS_KEPT, f"{process.name} removes all of {address}")
        reported = self._good & set(repository.snapshots)
        kept = len(reported - set(ids))
        if kept < min(len(reported), process.order.keep_last):
            what = f"{process.name} leaves {kept} of {len(reported)} in {address}"
            self.broken(Invariant.POLICY_IS_KEPT, what)
        self.prunes(process)
        ordered, started = _decided(process), self._started[process.uid]
        for who, since, pinned in self._pinned(namespace_of(process.pod)):
            if not pinned & set(ids):
                continue
            what = f"{process.name} removes what {who} restores"
            if since is None or since < ordered:
                self.broken(Invariant.PINNED_IS_KEPT, what)
            elif since < started - _NOTICED and not _UNNOTICED & self._faults.chosen.keys():
                self.broken(Invariant.PINNED_LATE_IS_KEPT, what)

    def prunes(self, process: WorkerProcess) -> None:
        """Snapshots, or data that none of them needs, go."""
        half_restored = self._volume.half_restored
        if half_restored is not None:
            what = f"{process.name} removes data while {half_restored} wrote in part"
            self.broken(Invariant.HALF_RESTORED_IS_NOT_PRUNED, what)

    def _pinned(self, namespace: str) -> Iterable[tuple[str, datetime | None, set[str]]]:
        """Who restores, since when, and what unfinished restores name: restic's ids."""
        for restore in filterfalse(_is_kept, self._server.items(known.RESTORE_SESSIONS, namespace)):
            if phase_of(restore) not in phases.FINAL or is_malformed(RestoreSession, restore):
                recorded = mapping_of(mapping_of(restore, "status"), "inEffect")
                source = recorded or mapping_of(mapping_of(restore, "spec"), "dataSource")
                yield name_of(restore), _created(restore), self._named(namespace, source)
        for request in filterfalse(_is_kept, self._server.items(known.RESTORE_REQUESTS, namespace)):
            if phase_of(request) not in phases.FINAL or is_malformed(RestoreRequest, request):
                chosen = mapping_of(request, "status").get("snapshot")
                source = mapping_of(request, "spec") | ({"snapshot": chosen} if chosen else {})
                yield name_of(request), _created(request), self._named(namespace, source)
        for process in self._at_work():
            if process.order.verb is Verb.RESTORE:
                snapshot = cast("JsonObject", process.order.plan.snapshot)
                yield process.name, None, ids_of(snapshot)

    def _named(self, namespace: str, source: JsonObject) -> set[str]:
        """What a restore names; all of its Repository where it names no Snapshot."""
        snapshot, repository = source.get("snapshot"), source.get("repository")
        if snapshot or not repository:
            return self._ids(namespace, str(snapshot))
        spec = mapping_of(self._server.get(known.REPOSITORIES, namespace, str(repository)), "spec")
        folder = f"/{spec.get('path')}/"
        found = [item.snapshots for path, item in self._repositories.items() if folder in path]
        return {id_ for snapshots in found for id_ in snapshots}

    def _ids(self, namespace: str, snapshot: str) -> set[str]:
        found = self._server.find(known.SNAPSHOTS, namespace, snapshot)
        return ids_of(found) if found is not None else set()

    def reads(self, process: WorkerProcess, volume: Volume) -> None:
        """A backup reads a file."""
        if volume.half_restored is not None:
            what = f"{process.name} reads what {volume.half_restored} wrote in part"
            self.broken(Invariant.HALF_RESTORED_IS_NOT_BACKED_UP, what)

    def writes(self, process: WorkerProcess, volume: Volume) -> None:
        """A restore writes a file."""
        plan = process.order.plan
        volume.half_restored = plan.restore_session
        if plan.order is None:
            # Another one of its name is another restore.
            self._begins(process, f"RestoreSession {plan.restore_session} {plan.session_uid}")
        elif plan.order.nonce in self._restored:
            what = f"{process.name} restores {plan.order.nonce} again"
            self.broken(Invariant.DONE_ONCE, what)

    def reports(self, process: WorkerProcess, result: RunResult) -> None:
        """A run has said how it ended."""
        order = process.order.plan.order
        if result.phase is Phase.SUCCEEDED and process.order.verb is Verb.BACKUP:
            components = {name: item.to_wire() for name, item in result.components.items()}
            self._good |= ids_of({"status": {"components": cast("JsonObject", components)}})
        if result.phase is Phase.SUCCEEDED and process.order.verb is Verb.RESTORE and order:
            self._restored.add(order.nonce)
        if result.error is not None and result.error.reason is ErrorClass.REPOSITORY_DAMAGED:
            addresses = process.order.restic_addresses & set(self._repositories)
            if all(map(self._is_whole, addresses)):
                self.broken(Invariant.WHOLE_IS_NOT_CALLED_DAMAGED, process.name)

    def _is_whole(self, address: str) -> bool:
        repository = self._repositories[address]
        return all(map(repository.is_whole, repository.snapshots))

    # objects

    def _heard(
        self, resource: Resource, type_: str, obj: JsonObject, before: JsonObject | None
    ) -> None:
        if resource == known.JOBS and type_ == "ADDED":
            self._job_made(obj)
        if type_ != "MODIFIED" or before is None or phase_of(obj) == phase_of(before):
            return
        if resource in {known.SNAPSHOTS, known.RESTORE_SESSIONS, known.BACKUP_SESSIONS}:
            self._trace.add("status", f"{resource.kind} {name_of(obj)} {phase_of(obj)}")
        if resource == known.SNAPSHOTS and phase_of(obj) == "Succeeded":
            self._succeeded(obj)
        if phase_of(obj) == "Failed":
            self._failed(resource, obj)

    def _job_made(self, job: JsonObject) -> None:
        template = mapping_of(mapping_of(job, "spec"), "template")
        annotations = mapping_of(mapping_of(template, "metadata"), "annotations")
        plan = RunSpec.model_validate_json(str(annotations[PLAN_ANNOTATION]))
        for process in self._processes():
            if process.works and process.name in plan.terminated_pods:
                what = f"Job {name_of(job)} takes {process.name} for ended"
                self.broken(Invariant.TERMINATED_PODS_HAVE_ENDED, what)

    def _failed(self, resource: Resource, obj: JsonObject) -> None:
        for process in self._processes():
            plan = process.order.plan
            verb, is_its = {
                known.SNAPSHOTS: (Verb.BACKUP, _subject(process) == name_of(obj)),
                known.RESTORE_SESSIONS: (Verb.RESTORE, _subject(process) == name_of(obj)),
                known.BACKUP_SESSIONS: (Verb.BACKUP, plan.backup_session == name_of(obj)),
            }.get(resource, (None, False))
            if process.works and process.order.verb is verb and is_its:
                what = f"{resource.kind} {name_of(obj)} is Failed while {process.name} runs"
                self.broken(Invariant.NOT_FAILED_WHILE_RUNNING, what)

    def _succeeded(self, snapshot: JsonObject) -> None:
        text = self._lacks(snapshot)
        if text is not None and not self.went_back:
            # The message of a pod that came back may be older than a retention.
            self.broken(Invariant.SUCCESS_HAS_DATA, text)

    def _lacks(self, snapshot: JsonObject) -> str | None:
        """What a good Snapshot lacks in the bucket."""
        name, spec = name_of(snapshot), mapping_of(snapshot, "spec")
        repository = self._server.find(
            known.REPOSITORIES, namespace_of(snapshot), str(spec.get("repository"))
        )
        if repository is None:
            return None
        directory = str(mapping_of(repository, "spec").get("path"))
        file = layout.snapshot_file(directory, name)
        if not any(path.endswith(f"/{file}") for path in self._bucket.files):
            return f"Snapshot {name} has no record"
        ids = ids_of(snapshot)
        session = str(spec.get("session"))
        ending = f"/{directory}/{layout.component_path(session, 'dump')}"
        there = next(
            (item for path, item in self._repositories.items() if path.endswith(ending)), None
        )
        if there is None or not ids or not all(there.is_whole(id_) for id_ in ids):
            return f"Snapshot {name} lacks data"
        return None

    def _is_announced(self, snapshot: JsonObject) -> bool:
        """Whether the bucket says that the next retention has to complete or report its removal."""
        repository = str(mapping_of(snapshot, "spec").get("repository"))
        found = self._server.find(known.REPOSITORIES, namespace_of(snapshot), repository)
        directory = str(mapping_of(found or {}, "spec").get("path"))
        session = str(mapping_of(snapshot, "spec").get("session"))
        file = layout.removal_file(directory, session)
        held = (data for path, data in self._bucket.files.items() if path.endswith(f"/{file}"))
        return any(name_of(snapshot).encode() in data for data in held)

    # the end

    def check_repositories(self) -> None:
        """Every snapshot that restic lists can be restored."""
        for address in self._repositories:
            if not self._is_whole(address):
                self.broken(Invariant.REPOSITORY_IS_WHOLE, f"{address} lacks data")

    def check_end(
        self, requests: int, *, node_stays_dead: bool, retained: str | None = None
    ) -> None:
        """After hours without a fault everything has ended, and objects say what is there.

        Args:
            requests: In the last hour.
            node_stays_dead: Its pods are Terminating for ever.
            retained: A session whose retention has just been applied.
        """
        stuck = Invariant.NOTHING_IS_STUCK
        if node_stays_dead:
            stuck = Invariant.DEAD_NODE_IS_OUTLIVED
        if requests > _MOST_IDLE_REQUESTS:
            self.broken(Invariant.NOTHING_SPINS, f"{requests} requests in an hour of rest")
        for resource in (
            known.BACKUP_SESSIONS,
            known.SNAPSHOTS,
            known.RESTORE_SESSIONS,
            known.RESTORE_REQUESTS,
        ):
            for obj in filterfalse(_is_kept, self._server.items(resource)):
                if phase_of(obj) not in phases.FINAL:
                    what = f"{resource.kind} {name_of(obj)} is {phase_of(obj) or 'without phase'}"
                    self.broken(stuck, f"{what}: {_why(obj)}")
                entries = list_of(mapping_of(obj, "status"), "retentionPolicy")
                # A half-restored volume waits for a person.
                is_held = "RestoredInPart" in str(mapping_of(obj, "status").get("conditions"))
                if not is_held and any(item.get("phase") == "Pending" for item in entries):
                    self.broken(stuck, f"retention of {name_of(obj)}")
        for repository in filter(is_in_upkeep, self._server.items(known.REPOSITORIES)):
            self.broken(stuck, f"the upkeep of {name_of(repository)}")
        for job in self._server.items(known.JOBS):
            conditions = list_of(mapping_of(job, "status"), "conditions")
            ends = {"Complete", "Failed", *(["FailureTarget"] if node_stays_dead else [])}
            if not any(item["type"] in ends for item in conditions):
                self.broken(stuck, f"Job {name_of(job)} has not ended")
        for snapshot in self._server.items(known.SNAPSHOTS):
            text = self._lacks(snapshot) if phase_of(snapshot) == "Succeeded" else None
            is_retained = mapping_of(snapshot, "spec").get("session") == retained
            if text is not None and (is_retained or not self._is_announced(snapshot)):
                self.broken(Invariant.OBJECTS_FOLLOW_THE_BUCKET, text)


class _ProcessWitness(Witness):
    """Who saw what of one process."""

    def __init__(self, invariants: Invariants, process: WorkerProcess) -> None:
        self._invariants, self._process = invariants, process

    def initialises(self, address: str) -> None:
        self._invariants.initialises(address)

    def forgets(self, address: str, ids: Sequence[str]) -> None:
        self._invariants.forgets(self._process, address, ids)

    def prunes(self, address: str) -> None:
        del address
        self._invariants.prunes(self._process)

    def reads(self, volume: Volume) -> None:
        self._invariants.reads(self._process, volume)

    def writes(self, volume: Volume) -> None:
        self._invariants.writes(self._process, volume)


def claim_of(pod: JsonObject) -> str | None:
    """The claim that a pod reads or writes as its volume."""
    for volume in list_of(mapping_of(pod, "spec"), "volumes"):
        if volume["name"] == "kubestash-data-volume":
            return str(mapping_of(volume, "persistentVolumeClaim")["claimName"])
    return None


def ids_of(snapshot: JsonObject) -> set[str]:
    """The restic ids that a Snapshot names."""
    components = mapping_of(mapping_of(snapshot, "status"), "components")
    found = (
        mapping_of(stats, "summary").get("id")
        for component in components.values()
        for stats in list_of(cast("JsonObject", component), "resticStats")
    )
    return {str(id_) for id_ in found if id_}


def _is_kept(obj: JsonObject) -> bool:
    """Whether it was deleted, and a finalizer keeps it."""
    return metadata_of(obj).get("deletionTimestamp") is not None


def _created(obj: JsonObject) -> datetime:
    return parse_time(str(metadata_of(obj)["creationTimestamp"]))


def _decided(process: WorkerProcess) -> datetime:
    """When it was decided that a retention begins."""
    deadline = process.order.plan.deadline
    assert deadline is not None
    return deadline - TIMEOUT


def _subject(process: WorkerProcess) -> str:
    plan = process.order.plan
    if process.order.verb is Verb.RESTORE:
        return plan.restore_session or ""
    return name_of(plan.snapshot) if plan.snapshot is not None else ""


def _why(obj: JsonObject) -> str:
    conditions = list_of(mapping_of(obj, "status"), "conditions")
    return "; ".join(str(item.get("message")) for item in conditions if item.get("message"))[:300]
