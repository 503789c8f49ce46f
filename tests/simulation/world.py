"""One simulation: a cluster with its controllers, a bucket, and what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, list_of, mapping_of, metadata_of
from stashgen.kubestash import addons
from stashgen_controller.runtime.kind import phase_of
from stashgen_controller.worker.restic.interruption import Interruption
from tests.simulation.api_server import BY_KIND, ApiServer
from tests.simulation.bucket import Bucket
from tests.simulation.cluster import Cluster, Node
from tests.simulation.controller import Controller
from tests.simulation.etcd import Etcd
from tests.simulation.faults import Fault, Faults
from tests.simulation.fibers import Fiber
from tests.simulation.invariants import Invariant, Invariants, claim_of
from tests.simulation.people import People
from tests.simulation.restic import Machine, ResticRepository, Volume
from tests.simulation.shapes import CLAIM, NAMESPACE, OTHER_CLAIM, Shape, shapes
from tests.simulation.timeline import Timeline
from tests.simulation.trace import Trace
from tests.simulation.worker import WorkerProcess, order_of, run_verb
from tests.support import manifests

_SETTLED_SECONDS = 1800.0
_DAY_AND_MORE = 30 * 3600.0
_LEASE_SECONDS = 15.0
_SKEWS = (-3600.0, -120.0, 0.0, 0.0, 120.0, 3600.0, 400 * 86400.0)
_SELDOM = {Fault.ETCD_RESTORED: 3000.0}
_LAGS = (0.0, 0.2, 2.0, 10.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run begins with: everything is ready, and the first backups were made."""

    server: ApiServer
    bucket: Bucket
    repositories: dict[str, ResticRepository]
    files: dict[str, int]
    seconds: float


class World:
    """All of it.

    Attributes:
        worker_runs: Containers that ran a verb.
        node_stays_dead: A node is not repaired, and its object is not deleted.

    Args:
        seed: Decides everything.
        allowed: The faults that may happen.
        checked: The invariants that end the run.
        shape: What it is about.
        beginning: What is there already; None for an empty cluster.
    """

    def __init__(
        self,
        seed: int,
        allowed: frozenset[Fault],
        checked: frozenset[Invariant],
        shape: Shape,
        beginning: Beginning | None,
    ) -> None:
        self.timeline = Timeline(seed)
        self.trace = Trace(self.timeline)
        self.faults = Faults(self.timeline, allowed)
        self.server = ApiServer(lambda: self.timeline.now)
        self.bucket = Bucket(self.timeline.unix_time)
        self.repositories: dict[str, ResticRepository] = {}
        self.shape = shape
        self.volume = Volume({"a": 0, "b": 0, "c": 0})
        self.volumes = {CLAIM: self.volume, OTHER_CLAIM: Volume({})}
        if beginning is not None:
            self.timeline.seconds = beginning.seconds
            self.server.copy_from(beginning.server)
            self.bucket.copy_from(beginning.bucket)
            self.repositories |= {key: item.copy() for key, item in beginning.repositories.items()}
            self.volume.files = dict(beginning.files)
        self.cluster = Cluster(self.timeline, self.server, self.faults, self.trace, self._start)
        self.invariants = Invariants(
            checked,
            timeline=self.timeline,
            faults=self.faults,
            server=self.server,
            bucket=self.bucket,
            repositories=self.repositories,
            volume=self.volume,
            trace=self.trace,
            processes=lambda: self.cluster.processes,
        )
        self.people = People(
            self.timeline,
            self.server,
            self.faults,
            self.trace,
            self.cluster,
            self.volume,
            shape,
        )
        self.etcd = Etcd(
            self.timeline,
            self.server,
            self.trace,
            self.cluster,
            self.volumes,
            self._stop_controllers,
        )
        self._living: dict[str, Fiber] = {}
        self.worker_runs = 0
        self.node_stays_dead = False
        self._controllers_made = 0
        self.controllers = [self._new_controller(), self._new_controller()]
        self.controllers[0].lead()
        self.trace.add("seed", f"{seed} {shape.name} {' '.join(self.faults.chosen)}")

    def close(self) -> None:
        """End whatever still runs."""
        for controller in self.controllers:
            if controller.is_alive:
                controller.kill()
        for process in self.cluster.processes:
            process.kill()

    # controllers

    def _new_controller(self) -> Controller:
        self._controllers_made += 1
        name = f"controller-{self._controllers_made}"
        return Controller(
            name, self.timeline, self.server, self.faults, self.trace, self._controller_died
        )

    def _controller_died(self) -> None:
        """Another one leads once the Lease has run out; a new one stands by."""
        self.controllers = [item for item in self.controllers if item.is_alive]
        self.timeline.after(20.0, lambda: self.controllers.append(self._new_controller()))
        # The next one may be long in coming: an image that is not there, a full node.
        gap = self.timeline.random.choice([0.0, 0.0, 0.0, 60.0, 1800.0])
        self.timeline.after(_LEASE_SECONDS + (0.0 if self.faults.is_over else gap), self._elect)

    def _elect(self) -> None:
        if any(item.is_leading for item in self.controllers):
            return
        if not self.controllers:
            self.timeline.after(10.0, self._elect)
            return
        self.timeline.random.choice(self.controllers).lead()

    def change_lead(self) -> None:
        """The leader loses the Lease; its process ends a little later."""
        leader = next((item for item in self.controllers if item.is_leading), None)
        if leader is None:
            return
        self.trace.add(leader.name, "loses the lead")
        leader.lose_lead()
        self.controllers.remove(leader)
        # A request that is under way arrives within this time.
        self.timeline.after(60.0, leader.kill)
        self.timeline.after(5.0, self._elect)
        self.timeline.after(20.0, lambda: self.controllers.append(self._new_controller()))

    def _stop_controllers(self) -> None:
        self.invariants.went_back = True
        for controller in list(self.controllers):
            controller.kill()
            self._controller_died()

    # pods

    def _start(self, pod: JsonObject, node: Node) -> WorkerProcess:
        process = WorkerProcess(pod, order_of(pod), node.name, Interruption())
        self.invariants.starts(process)
        self.worker_runs += 1

        def now() -> datetime:
            return self.timeline.now + node.clock_skew

        def work() -> None:
            run_verb(
                process,
                machine,
                server=self.server,
                faults=self.faults,
                living=self._living,
                now=now,
                reported=partial(self.invariants.reports, process),
            )
            self.cluster.ended(process, node)

        fiber = Fiber(self.timeline, work)
        slowness = self.timeline.random.choice([0.5, 2.0, 20.0, 120.0])
        machine = Machine(
            fiber=fiber,
            host=process.name,
            bucket=self.bucket,
            repositories=self.repositories,
            volume=self.volumes.get(claim_of(pod) or ""),
            seconds=lambda: slowness * self.timeline.random.random(),
            new_id=lambda: f"{self.timeline.random.getrandbits(256):064x}",
            witness=self.invariants.witness(process),
        )
        process.fiber = fiber
        return process

    # the whole run

    def storm(self, seconds: float) -> None:
        """Hours in which everything may fail."""
        end = self.timeline.seconds + seconds
        self.people.set_upkeep(hours=1)
        for number, session in enumerate(self.shape.sessions, start=1):
            self._every(number * 2000.0, end, partial(self.people.trigger, session))
        self._every(1000.0, end, self.people.use_volume)
        for fault, act in self.people.acts.items():
            if fault in self.faults.chosen:
                self._often(fault, 700.0, end, act)
        for fault, chance in (
            (Fault.LAG, self._lag),
            (Fault.HALF_OPEN, self._half_open),
            (Fault.RELIST, self._relist),
            (Fault.LEAD_CHANGE, self.change_lead),
            (Fault.CLOCK_JUMP, self._jump),
            (Fault.ETCD_RESTORED, self.etcd.restore),
        ):
            if fault in self.faults.chosen:
                self._often(fault, _SELDOM.get(fault, 600.0), end, chance)
        if Fault.ETCD_RESTORED in self.faults.chosen:
            self.etcd.back_up()
            self._every(600.0, end, self.etcd.back_up)
        self.timeline.run(seconds)
        self.invariants.check_repositories()

    def calm(self, seconds: float) -> None:
        """Hours without a fault: everything comes to its end."""
        self.trace.add("calm", "nothing fails any more")
        self.faults.is_over = True
        self.people.unpause()
        self.people.strange.mend()
        if self.people.edits.mend():
            seconds = _DAY_AND_MORE
        self.people.set_upkeep(hours=8760)
        for node in list(self.cluster.nodes.values()):
            node.clock_skew = timedelta()
            if node.is_powered or self.timeline.random.random() < 0.7:
                self.cluster.return_(node)
            else:
                # Nobody repairs it, nobody deletes its object; a restore may take a day.
                self.node_stays_dead = node.is_given_up = True
                seconds = _DAY_AND_MORE
        for controller in self.controllers:
            controller.clock_skew = timedelta()
            controller.heal()
        self._rest(seconds)

    def finale(self) -> None:
        """A restore, where one is needed, and a backup: both have to succeed now."""
        doubtful = self.volume.half_restored is not None or self._says_half_restored()
        if doubtful and self.people.good(self.shape.repositories[0]):
            name = self.people.restore(self.shape.repositories[0])
            self.timeline.run(7200.0)
            self._require(known.RESTORE_SESSIONS, name)
        name = self.people.trigger(self.shape.sessions[0])
        self._rest(3 * 3600.0, name)
        self._require(known.BACKUP_SESSIONS, name)

    def _rest(self, seconds: float, last: str | None = None) -> None:
        """Let everything end; in the last hour nothing is left to do."""
        self.timeline.run(seconds - 3600.0)
        before = self.server.requests
        self.timeline.run(3600.0)
        self.invariants.check_repositories()
        requests = self.server.requests - before
        self.invariants.check_end(
            requests, node_stays_dead=self.node_stays_dead, retained=self._retained(last)
        )

    def _retained(self, name: str | None) -> str | None:
        """The session of a BackupSession whose retention was applied in every Repository."""
        found = self.server.find(known.BACKUP_SESSIONS, NAMESPACE, name) if name else None
        if found is None:
            return None
        entries = list_of(mapping_of(found, "status"), "retentionPolicy")
        is_applied = entries and all(item.get("phase") == "Applied" for item in entries)
        return str(mapping_of(found, "spec").get("session")) if is_applied else None

    def _says_half_restored(self) -> bool:
        """Whether the objects say so, even where in truth all was written."""
        return any(
            mapping_of(obj, "status").get("openRestore")
            for obj in self.server.items(known.REPOSITORIES)
        )

    def _require(self, resource: known.Resource, name: str) -> None:
        found = self.server.find(resource, NAMESPACE, name)
        phase = phase_of(found) if found is not None else "gone"
        if phase != "Succeeded":
            status = found.get("status") if found is not None else None
            text = f"{resource.kind} {name} is {phase}: {status}"
            dead = Invariant.DEAD_NODE_IS_OUTLIVED
            self.invariants.broken(
                dead if self.node_stays_dead else Invariant.FAULTLESS_SUCCEEDS, text
            )

    def _every(self, seconds: float, end: float, action: Callable[[], object]) -> None:
        def act() -> None:
            if self.timeline.seconds < end:
                action()
                self.timeline.after(seconds, act)

        self.timeline.after(seconds * self.timeline.random.random(), act)

    def _often(
        self, fault: Fault, seconds: float, end: float, action: Callable[[], object]
    ) -> None:
        strength = self.faults.chosen[fault]

        def again() -> None:
            mean = seconds / (0.3 + strength)
            self.timeline.after(self.timeline.random.expovariate(1 / mean), act)

        def act() -> None:
            if self.timeline.seconds < end:
                action()
                again()

        again()

    def _lag(self) -> None:
        for controller in self.controllers:
            resource = self.timeline.random.choice(_LAGGING)
            seconds = self.timeline.random.choice(_LAGS)
            self.trace.add(controller.name, f"{resource.plural} lag {seconds} s")
            controller.lag(resource, seconds)

    def _half_open(self) -> None:
        controller = self.timeline.random.choice(self.controllers) if self.controllers else None
        if controller is not None:
            for resource in self.timeline.random.sample(_LAGGING, 2):
                self.trace.add(controller.name, f"{resource.plural} are half-open")
                controller.silence(resource)

    def _jump(self) -> None:
        """Somebody's clock is set, until the next time; API servers have the right time."""
        clocks: list[Controller | Node] = [*self.controllers, *self.cluster.nodes.values()]
        who = self.timeline.random.choice(clocks)
        who.clock_skew = timedelta(seconds=self.timeline.random.choice(_SKEWS))
        self.trace.add(who.name, f"has its clock {who.clock_skew} ahead")

    def _relist(self) -> None:
        for controller in self.controllers:
            controller.relist(self.timeline.random.choice(_LAGGING))


_LAGGING = (
    known.JOBS,
    known.PODS,
    known.SNAPSHOTS,
    known.BACKUP_SESSIONS,
    known.RESTORE_SESSIONS,
    known.RESTORE_REQUESTS,
    known.REPOSITORIES,
    known.BACKUP_CONFIGURATIONS,
)


@cache
def beginnings() -> tuple[tuple[Shape, Beginning], ...]:
    """What runs choose from."""
    return tuple((shape, _beginning(shape)) for shape in shapes())


def _beginning(shape: Shape) -> Beginning:
    """Everything is ready, and every session has made backups."""
    world = World(0, frozenset(), frozenset(), shape, None)
    for item in (addons.pvc_addon(), addons.pvc_backup(), addons.pvc_restore()):
        _apply(world.server, item.to_wire())
    _apply(world.server, manifests.namespace("kube-system"))
    _apply(world.server, manifests.namespace(NAMESPACE))
    for name in (CLAIM, OTHER_CLAIM, "backup-store"):
        _apply(world.server, manifests.claim(NAMESPACE, name))
    for manifest in shape.objects:
        _apply(world.server, manifest)
    world.timeline.run(_SETTLED_SECONDS)
    for name in reversed(shape.sessions):
        world.people.use_volume()
        world.people.trigger(name)
        world.timeline.run(_SETTLED_SECONDS)
    world.finale()
    world.close()
    return Beginning(
        world.server,
        world.bucket,
        world.repositories,
        world.volume.files,
        world.timeline.seconds,
    )


def _apply(server: ApiServer, manifest: JsonObject) -> None:
    namespace = metadata_of(manifest).get("namespace")
    server.create(BY_KIND[str(manifest["kind"])], str(namespace) if namespace else None, manifest)
