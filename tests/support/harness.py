"""The real reconcilers over the real embedded API server, driven step by step.

Writes go over loopback HTTP. What the controller's caches would hold is read from the server's
store, and what their events would queue is queued from the store's changes: so a test reaches a
standstill without sleeping, and the order of everything is decided by the test. The clock stands
still until it is moved.

Jobs are done by the test, acting as kubelet and worker: ``work`` reports what a worker would.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

from stashgen.api import resources as known
from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import JOB_NAME_LABEL
from stashgen.api.resources import Resource
from stashgen.api.snapshot import Component, Driver, Phase, ResticStats, Summary
from stashgen.kubestash import addons, layout
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen.kubestash.verbs import Verb
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.embedded.apiserver.store import Change as StoreChange
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kinds import KINDS, WATCHED
from stashgen_controller.kube.client import ApiError, Client, NotFoundError
from stashgen_controller.kube.clock import MovableClock
from stashgen_controller.protocol.recorded_snapshot import RecordedPath, RecordedSnapshot, pack
from stashgen_controller.protocol.run_result import (
    RepositoryState,
    Resync,
    Retention,
    RunError,
    RunResult,
    Upkeep,
)
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.apply import NameCollisionError
from stashgen_controller.runtime.change import Change
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.handler import keys_of
from stashgen_controller.runtime.malformed import MalformedError
from stashgen_controller.runtime.reconcile import reconcile
from stashgen_controller.runtime.scanned import ScannedReader
from tests.support.kinds import install_kinds
from tests.support.world import KIND_OF, RECONCILED

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
WRITES = ("create", "update", "patch", "delete")
BY_KIND = {
    resource.kind: resource
    for resource in (
        *known.CUSTOM,
        known.NAMESPACES,
        known.PERSISTENT_VOLUME_CLAIMS,
        known.POD_TEMPLATES,
        known.SERVICE_ACCOUNTS,
        known.ROLES,
        known.ROLE_BINDINGS,
        known.CRON_JOBS,
        known.JOBS,
        known.PODS,
        known.SECRETS,
    )
}


_WATCHED = tuple(model.resource for model in WATCHED)


class StillClock(MovableClock):
    """A clock that moves only by ``advance``."""

    def now(self) -> datetime:
        """The start and what was added to it."""
        return START + self.offset


class StoreReader(ScannedReader):
    """The cluster as perfectly fresh caches would know it."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._store = server.api.store

    def listed(self, resource: Resource) -> Sequence[JsonObject]:
        """The objects of a kind."""
        return self._store.items((resource.group, resource.plural), None)

    def stored(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None."""
        return self._store.get((resource.group, resource.plural), namespace or "", name)


Worker = Callable[["Harness", JsonObject, RunSpec], RunResult]


class Harness:
    """One API server with our reconcilers on it."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.server = EmbeddedServer(self.clock)
        self.server.start()
        self.client = Client.for_url(self.server.url)
        self.reader = StoreReader(self.server)
        # The controller's own client: a test may take it away in the middle of something.
        self.controller = self.client
        # What an init-repository Job finds in the bucket's record of writers.
        self.writer_matches = True
        # That it records damage of an earlier time.
        self.is_damaged = False
        self.bucket: dict[str, list[str]] = {}
        self.created: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.looks = 0
        self._seen = 0
        self._due: dict[Key, datetime] = {}
        self._failing: set[Key] = set()
        self._malformed: set[Key] = set()
        install_kinds(self.client)
        for item in (addons.pvc_addon(), addons.pvc_backup(), addons.pvc_restore()):
            self.apply(item.to_wire())

    def stop(self) -> None:
        """Stop serving."""
        self.server.stop()

    def forget(self) -> None:
        """Forget all that happened so far; what is in the server stays."""
        self._queued()
        self._due.clear()
        self.bucket.clear()
        self.created.clear()
        self.errors.clear()

    # what a person does

    def apply(self, manifest: JsonObject) -> JsonObject:
        """Create an object, or change it to what the manifest says, keeping its status."""
        resource = BY_KIND[str(manifest["kind"])]
        given = cast("JsonObject", manifest["metadata"])
        namespace, name = cast("str | None", given.get("namespace")), name_of(manifest)
        existing = self.reader.stored(resource, namespace, name)
        if existing is None:
            created = self.client.create(resource, namespace, manifest)
            if resource != known.PERSISTENT_VOLUME_CLAIMS:
                return created
            # In place of the controller of PersistentVolumes.
            bound = {"status": manifest.get("status") or {"phase": "Bound"}}
            return self.client.patch(resource, namespace, name, bound, status=True)
        current = given | {"resourceVersion": metadata(existing)["resourceVersion"]}
        return self.client.replace(resource, namespace, {**manifest, "metadata": current})

    def delete(self, resource: Resource, namespace: str | None, name: str) -> None:
        """Delete an object and what it owns, as the garbage collector would."""
        obj = self.get(resource, namespace, name)
        self.client.delete(resource, namespace, name)
        self._collect({metadata(obj)["uid"]})

    def _collect(self, gone: set[object]) -> None:
        for resource in _WATCHED:
            for obj in self.reader.listed(resource):
                owners = cast("list[JsonObject]", metadata(obj).get("ownerReferences") or [])
                if any(owner["uid"] in gone for owner in owners):
                    namespace = cast("str | None", metadata(obj).get("namespace"))
                    if resource == known.PODS:
                        # The kubelet's last word; the caches remember it.
                        ended: JsonObject = {"status": {"phase": "Failed"}}
                        self.client.patch(resource, namespace, name_of(obj), ended, status=True)
                        continue
                    self.client.delete(resource, namespace, name_of(obj))
                    self._collect({metadata(obj)["uid"]})

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """An object that must be there."""
        found = self.reader.stored(resource, namespace, name)
        assert found is not None, f"no {resource.kind} {namespace}/{name}"
        return found

    def names(self, resource: Resource, namespace: str) -> list[str]:
        """The names of a kind's objects in a namespace, sorted."""
        return [name_of(obj) for obj in self.reader.stored_items(resource, namespace)]

    def status(self, resource: Resource, namespace: str, name: str) -> JsonObject:
        """An object's status."""
        return cast("JsonObject", self.get(resource, namespace, name).get("status") or {})

    def trigger(self, session: str = "backup", configuration: str = "library-backup") -> str:
        """Create the BackupSession of this moment, as a CronJob's pod does; returns its name."""
        obj = self.get(known.BACKUP_CONFIGURATIONS, "demo", configuration)
        model = BackupConfiguration.from_wire(obj)
        wanted = model.session(session)
        assert wanted is not None
        unix = int(self.clock.now().timestamp())
        manifest = backup_session_manifest(model, wanted, unix)
        return name_of(self.client.create(known.BACKUP_SESSIONS, "demo", manifest))

    # what the manager does

    def settle(self, *, work: "Worker | None" = None) -> None:
        """Reconcile until nothing changes any more; with a worker, Jobs are done as well."""
        for _ in range(500):
            keys = self._queued()
            if keys:
                for key in keys:
                    self.look(key)
                continue
            jobs = self.open_jobs() if work is not None else []
            if not jobs:
                return
            assert work is not None
            for job in jobs:
                self.finish(job, work(self, job, plan_of(job)))
        msg = f"no standstill after 500 rounds; errors: {self.errors[-5:]}"
        raise AssertionError(msg)

    def run_until(self, verb: Verb) -> JsonObject:
        """Do Jobs until there is one of a verb; returns that one, not yet done."""
        for _ in range(50):
            self.settle()
            jobs = self.open_jobs()
            for job in jobs:
                if plan_of(job).verb is verb:
                    return job
            for job in jobs:
                self.finish(job, good_worker(self, job, plan_of(job)))
        msg = f"no {verb} Job was made; errors: {self.errors[-5:]}"
        raise AssertionError(msg)

    def look(self, key: Key) -> None:
        """Reconcile one object as the manager would."""
        self.looks += 1
        try:
            again = reconcile(
                self.controller,
                self.reader,
                KIND_OF[key.resource],
                key,
                self.clock.now(),
                is_retry=key in self._failing - self._malformed,
            )
        except (ApiError, NameCollisionError, MalformedError) as error:
            self.errors.append(f"{key.resource.kind} {key.name}: {error}")
            again = timedelta(minutes=1)
            self._failing.add(key)
            if isinstance(error, MalformedError):
                self._malformed.add(key)
            else:
                self._malformed.discard(key)
        else:
            self._failing.discard(key)
            self._malformed.discard(key)
        if again is not None:
            due = self.clock.now() + again
            self._due[key] = min(due, self._due.get(key, due))

    def look_at_everything(self) -> None:
        """What a controller that starts anew does: every object is new to it."""
        self._queued()
        for resource in RECONCILED:
            for obj in self.reader.listed(resource):
                self.look(Key(resource, str(metadata(obj)["namespace"]), name_of(obj)))

    def advance(self, by: timedelta) -> None:
        """Move the clock; what is due is looked at by the next ``settle``."""
        self.clock.advance(by)

    def _concerned(self, resource: Resource, change: StoreChange) -> Iterable[Key]:
        """What the manager would queue, every kind asked."""
        seen = Change(change.type, change.object, lambda: change.previous or {})
        return keys_of(KINDS, self.reader, resource, seen, self._failing)

    def _queued(self) -> list[Key]:
        store = self.server.api.store
        found: dict[Key, None] = {}
        version = store.version
        changes = [
            change
            for resource in _WATCHED
            for change in store.changes((resource.group, resource.plural), self._seen, 0) or ()
        ]
        by_key = {(resource.group, resource.plural): resource for resource in _WATCHED}
        for change in sorted(changes, key=lambda item: item.version):
            if change.type == "ADDED":
                self.created.append((by_key[change.resource].kind, name_of(change.object)))
            for key in self._concerned(by_key[change.resource], change):
                found[key] = None
        self._seen = version
        now = self.clock.now()
        for key in [key for key, due in self._due.items() if due <= now]:
            del self._due[key]
            found[key] = None
        return list(found)

    # what the kubelet and the worker do

    def open_jobs(self) -> list[JsonObject]:
        """Jobs of ours that are not finished, oldest first."""
        return [
            job
            for job in self.reader.listed(known.JOBS)
            if not cast("JsonObject", job.get("status") or {}).get("conditions")
        ]

    def start_pod(self, job: JsonObject, status: JsonObject) -> str:
        """Make the Job's pod in a given state; returns its name."""
        namespace = str(metadata(job)["namespace"])
        template = cast("JsonObject", cast("JsonObject", job["spec"])["template"])
        pod: JsonObject = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **cast("JsonObject", template["metadata"]),
                "name": f"{name_of(job)[:57]}-pod",
                "namespace": namespace,
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "name": name_of(job),
                        "uid": metadata(job)["uid"],
                        "controller": True,
                    }
                ],
            },
            "spec": template["spec"],
        }
        labels = cast("JsonObject", cast("JsonObject", pod["metadata"]).setdefault("labels", {}))
        labels[JOB_NAME_LABEL] = name_of(job)
        earlier = self.reader.stored(known.PODS, namespace, name_of(pod))
        if earlier is not None and _owners(earlier) != _owners(pod):
            # Of an earlier Job of the name.
            path = known.PODS.path(namespace, name_of(pod))
            self.client.raw("DELETE", path, {"gracePeriodSeconds": 0})
            earlier = None
        if earlier is None:
            self.client.create(known.PODS, namespace, pod)
        self.client.patch(known.PODS, namespace, name_of(pod), {"status": status}, status=True)
        return name_of(pod)

    def finish(self, job: JsonObject, result: RunResult) -> None:
        """End a Job with the worker's result as the kubelet's termination message."""
        succeeded = result.phase is Phase.SUCCEEDED
        terminated: JsonObject = {
            "exitCode": 0 if succeeded else 1,
            "reason": "Completed" if succeeded else "Error",
            "message": result.model_dump_json(by_alias=True, exclude_none=True),
        }
        status: JsonObject = {
            "phase": "Succeeded" if succeeded else "Failed",
            "containerStatuses": [{"name": "worker", "state": {"terminated": terminated}}],
        }
        self.start_pod(job, status)
        self.end_job(job, "Complete" if succeeded else "Failed")

    def end_job(
        self, job: JsonObject, type_: str, reason: str = "", message: str = "", failed: int = 0
    ) -> None:
        """Give a Job its last condition, and so many failed pods."""
        ended: JsonObject = {
            "type": type_,
            "status": "True",
            "reason": reason or type_,
            "message": message,
            "lastTransitionTime": format_time(self.clock.now()),
        }
        status: JsonObject = {"status": {"conditions": [ended], "failed": failed}}
        self.client.patch(
            known.JOBS, str(metadata(job)["namespace"]), name_of(job), status, status=True
        )

    # counting

    @contextmanager
    def counted(self) -> Iterator[Counter[tuple[str, str]]]:
        """The requests that the block makes, watch and list aside."""
        before = Counter(self.server.requests)
        found: Counter[tuple[str, str]] = Counter()
        yield found
        found.update(self.server.requests - before)


def _owners(obj: JsonObject) -> list[object]:
    owners = cast("list[JsonObject]", metadata(obj).get("ownerReferences") or [])
    return [owner["uid"] for owner in owners]


def good_worker(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    """A worker that does what it is asked to, with a dictionary as its bucket."""
    result = _RESULTS[plan.verb](harness, job, plan)
    now = harness.clock.now()
    return result.model_copy(update={"started": now, "finished": now})


def failing_worker(error: RunError, *verbs: Verb, at: str = "") -> Worker:
    """A worker that fails at some verbs, if a part of the storage's address is given only there."""

    def work(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        if plan.verb not in verbs or at not in argument(job, "storage"):
            return good_worker(harness, job, plan)
        now = harness.clock.now()
        return RunResult(
            verb=plan.verb.value, phase=Phase.FAILED, error=error, started=now, finished=now
        )

    return work


def _result(verb: Verb, **fields: object) -> RunResult:
    return RunResult.model_validate(
        {"verb": verb.value, "phase": "Succeeded", "started": START, "finished": START} | fields
    )


def _resync(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    """The records of the dictionary, two a page."""
    found = sorted(harness.bucket.get(place(job), []), key=_tick, reverse=True)
    rest = found[found.index(plan.cursor) + 1 :] if plan.cursor else found
    page = rest[:2]
    repository = str(metadata(cast("JsonObject", plan.repository))["name"])
    records = [
        RecordedSnapshot(
            name=name,
            session=argument(job, "sessions").partition(",")[0],
            backup_session=name.removeprefix(f"{repository}-"),
            phase=Phase.SUCCEEDED,
            time=datetime.fromtimestamp(_tick(name), UTC),
            updated=datetime.fromtimestamp(_tick(name), UTC),
            size="1.000 KiB",
            integrity=True,
            paths=(RecordedPath(id="a" * 64, host_path="/kubestash-data", size="1.000 KiB"),),
        )
        for name in page
    ]
    state = Resync(
        snapshots=pack(records),
        cursor=page[-1] if page else None,
        is_last=len(page) == len(rest),
    )
    return _result(Verb.RESYNC, resync=state)


def _tick(name: str) -> int:
    end = name.rpartition("-")[2]
    return int(end) if end.isdigit() else 0


def _init_storage(_harness: Harness, _job: JsonObject, _plan: RunSpec) -> RunResult:
    return _result(Verb.INIT_STORAGE, uploaded=True)


def _init_repository(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    repository = cast("JsonObject", plan.repository)
    status = cast("JsonObject", repository.get("status") or {})
    known_paths = cast("list[str]", status.get("componentPaths") or [])
    paths = [layout.component_path(item, "dump") for item in argument(job, "sessions").split(",")]
    count = len(harness.bucket.get(place(job), []))
    state = RepositoryState(
        component_paths=tuple(dict.fromkeys([*known_paths, *paths])),
        snapshot_count=count,
        writer_matches=harness.writer_matches,
        is_damaged=harness.is_damaged,
    )
    return _result(Verb.INIT_REPOSITORY, uploaded=True, repository=state)


def _backup(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    snapshot = cast("JsonObject", plan.snapshot)
    spec = cast("dict[str, str]", snapshot["spec"])
    now = harness.clock.now()
    component = Component(
        path=layout.component_path(spec["session"], "dump"),
        phase=Phase.SUCCEEDED,
        driver=Driver.RESTIC,
        duration="1s",
        restic_stats=(ResticStats(summary=Summary(id="ab" * 32, start_time=now, end_time=now)),),
    )
    harness.bucket.setdefault(place(job), []).append(name_of(snapshot))
    if plan.last_copy:
        phase = "Failed" if plan.earlier_copy_failed else "Succeeded"
        harness.client.patch(
            known.BACKUP_SESSIONS,
            str(metadata(job)["namespace"]),
            str(plan.backup_session),
            {"status": {"phase": phase}},
            status=True,
        )
    return _result(Verb.BACKUP, uploaded=True, components={"dump": component})


def _restore(_harness: Harness, _job: JsonObject, _plan: RunSpec) -> RunResult:
    component = Component(phase=Phase.SUCCEEDED, duration="1s")
    return _result(Verb.RESTORE, components={"dump": component})


def _retain(harness: Harness, job: JsonObject, _plan: RunSpec) -> RunResult:
    there = harness.bucket.get(place(job), [])
    last = int(argument(job, "keep-last"))
    removed = tuple(there[:-last])
    del there[:-last]
    retention = Retention(removed=removed, remaining=0, kept=len(there))
    return _result(Verb.RETAIN, retention=retention)


def _upkeep(_harness: Harness, _job: JsonObject, plan: RunSpec) -> RunResult:
    intact = True if plan.check else None
    done = Upkeep(pruned=plan.prune, checked=plan.check, intact=intact, size_bytes=1024)
    return _result(Verb.UPKEEP, upkeep=done)


_RESULTS: dict[Verb, Worker] = {
    Verb.INIT_STORAGE: _init_storage,
    Verb.INIT_REPOSITORY: _init_repository,
    Verb.BACKUP: _backup,
    Verb.RESTORE: _restore,
    Verb.RETAIN: _retain,
    Verb.RESYNC: _resync,
    Verb.UPKEEP: _upkeep,
}


def argument(job: JsonObject, flag: str) -> str:
    """A flag's value in the arguments of a Job's container."""
    spec = cast("JsonObject", cast("JsonObject", job["spec"])["template"])["spec"]
    container = cast("list[JsonObject]", cast("JsonObject", spec)["containers"])[0]
    for item in cast("list[str]", container["args"]):
        if item.startswith(f"--{flag}="):
            return item.partition("=")[2]
    msg = f"{flag} is not among {container['args']}"
    raise AssertionError(msg)


def place(job: JsonObject) -> str:
    """What tells the repositories in the bucket apart."""
    return f"{metadata(job)['namespace']}:{argument(job, 'storage')}:{argument(job, 'directory')}"


def metadata(obj: JsonObject) -> JsonObject:
    """An object's metadata."""
    return cast("JsonObject", obj["metadata"])


def name_of(obj: JsonObject) -> str:
    """An object's name."""
    return str(metadata(obj)["name"])


def conditions(status: JsonObject) -> dict[str, JsonObject]:
    """A status' conditions by type."""
    found = cast("list[JsonObject]", status.get("conditions") or [])
    return {str(item["type"]): item for item in found}


def exists(harness: Harness, resource: Resource, namespace: str, name: str) -> bool:
    """Whether the server has an object, asked over HTTP."""
    try:
        harness.client.get(resource, namespace, name)
    except NotFoundError:
        return False
    return True
