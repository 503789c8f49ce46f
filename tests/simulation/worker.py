"""A worker's process: the real verbs, on a simulated bucket, restic, volume and API server."""

import json
import re
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import cast

from stashgen.api.base import JsonObject, list_of, mapping_of, metadata_of, name_of, namespace_of
from stashgen.api.labels import PLAN_ANNOTATION
from stashgen.api.snapshot import Phase
from stashgen.kubestash import layout
from stashgen.kubestash.verbs import Verb
from stashgen_controller.kube.client import ApiError
from stashgen_controller.protocol.run_result import RunResult, encode
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.api_client import Api, ApiRefusedError
from stashgen_controller.worker.command import parser
from stashgen_controller.worker.environment import Environment
from stashgen_controller.worker.execution import arguments
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.process import Restic
from stashgen_controller.worker.run import RunContext, execute
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.verbs import VerbModule, load
from tests.simulation.api_server import ApiServer
from tests.simulation.bucket import SimulatedStorage
from tests.simulation.faults import Fault, Faults
from tests.simulation.fibers import Fiber
from tests.simulation.restic import Machine, SimulatedRestic

_OF_ONE_RUN = ("--backupsession", "--restoresession", "--snapshot")
_VARIABLE = re.compile(r"\$\(([A-Z_]+)\)")
_ANNOTATION = re.compile(r"metadata\.annotations\['(.+)'\]")


@dataclass(frozen=True, slots=True)
class Order:
    """What a pod is asked to do.

    Attributes:
        args: Of the command line, with the values of the pod's variables.
        plan: From its annotation.
    """

    args: tuple[str, ...]
    plan: RunSpec

    @property
    def verb(self) -> Verb:
        """The verb."""
        return self.plan.verb

    @property
    def place(self) -> str:
        """The Repository's directory in its storage; empty for a storage's own run."""
        return f"{self._value('storage')}/{self._value('directory')}"

    @property
    def restic_addresses(self) -> frozenset[str]:
        """The restic repositories that it works on."""
        if self.verb in {Verb.BACKUP, Verb.RESTORE}:
            spec = cast("dict[str, str]", (self.plan.snapshot or {}).get("spec") or {})
            sessions = [spec.get("session", "")]
        else:
            sessions = self._value("sessions").split(",") if self._value("sessions") else []
        root = root_of(self._value("storage"))
        folder = f"{root}/{self._value('directory')}"
        component = self._value("component")
        return frozenset(
            f"{folder}/{layout.component_path(name, component)}" for name in sessions if name
        )

    @property
    def keep_last(self) -> int:
        """How many good ones retention has to keep at least; age is no part of that."""
        has_age = any(arg.startswith("--max-retention-period") for arg in self.args)
        return 1 if has_age else int(self._value("keep-last") or 1)

    def _value(self, flag: str) -> str:
        found = (arg for arg in self.args if arg.startswith(f"--{flag}="))
        return next(found, "").partition("=")[2]


def order_of(pod: JsonObject) -> Order:
    """What a pod is asked to do, as the kubelet would start it."""
    annotations = cast("dict[str, str]", metadata_of(pod).get("annotations") or {})
    container = list_of(mapping_of(pod, "spec"), "containers")[0]
    variables = {
        str(item["name"]): _variable(item, annotations) for item in list_of(container, "env")
    }
    args = tuple(
        _VARIABLE.sub(lambda found: variables[found[1]], arg)
        for arg in cast("list[str]", container["args"])
    )
    plan = RunSpec.model_validate(json.loads(annotations[PLAN_ANNOTATION]))
    return Order(args, plan)


def _variable(item: JsonObject, annotations: Mapping[str, str]) -> str:
    reference = mapping_of(mapping_of(item, "valueFrom"), "fieldRef")
    found = _ANNOTATION.fullmatch(str(reference.get("fieldPath") or ""))
    return annotations.get(found[1], "") if found else str(item.get("value") or "")


def root_of(url: str) -> str:
    """Where a storage's files are in the simulation."""
    return url.removeprefix("file://")


def _parsed(args: tuple[str, ...]) -> tuple[VerbModule, Namespace]:
    """The verb's module and arguments; argparse is slow, and little differs between two runs."""
    names = {flag: value for flag, _, value in (arg.partition("=") for arg in args)}
    same = tuple(
        f"{flag}=x" if flag in _OF_ONE_RUN else arg
        for arg in args
        for flag in (arg.partition("=")[0],)
    )
    module, found = _parsed_once(same)
    own = {flag.removeprefix("--"): names[flag] for flag in _OF_ONE_RUN if flag in names}
    return module, Namespace(**vars(found) | own)


@cache
def _parsed_once(args: tuple[str, ...]) -> tuple[VerbModule, Namespace]:
    chosen, rest = parser().parse_known_args(args)
    verb = Verb(chosen.verb)
    module = load(verb)
    return module, arguments(chosen.command, module).parse_args(rest)


class SimulatedApi(Api):
    """A worker's few requests."""

    def __init__(self, server: ApiServer, faults: Faults, fiber: Fiber) -> None:
        self._server, self._faults, self._fiber = server, faults, fiber

    def _request(
        self,
        method: str,
        path: str,
        body: JsonObject | list[JsonObject] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        del content_type
        self._fiber.sleep(0.005)
        if self._faults.happens(Fault.LOST_PATCH, 0.5):
            raise ApiRefusedError(0, "nobody answers")
        try:
            return self._server.answer(method, path, body, {})
        except ApiError as error:
            raise ApiRefusedError(error.status, error.message) from error


class SimulatedRun(RunContext):
    """A run whose restic is simulated."""

    machine: Machine
    living: dict[str, Fiber]

    def is_there(self, path: str) -> bool:
        """The volume stays mounted."""
        del path
        return self.machine.volume is not None

    def restic(self, component_path: str, *, writes: bool = True) -> Restic:
        """The simulated restic on one component's repository."""
        del writes
        found = SimulatedRestic(
            repository=self.bucket.address(layout.restic_folder(self.directory, component_path)),
            password_file="",
            cache_dir=None,
            temp_dir=None,
            now=self.now,
            interruption=self.interruption,
            errors=self.errors,
            deadline=self.plan.deadline,
        )
        found.machine, found.living = self.machine, self.living
        return found


@dataclass(slots=True)
class WorkerProcess:
    """A container that runs a verb.

    Attributes:
        pod: As it was started.
        order: What it does.
        node: Where.
        works: It may still change something; false once it has said how it ended.
        message: Its termination message, once it wrote one.
        exit_code: Once it ended; 137 where it was killed.
    """

    pod: JsonObject
    order: Order
    node: str
    interruption: Interruption
    works: bool = True
    message: str = ""
    exit_code: int = 137
    fiber: Fiber | None = None

    @property
    def name(self) -> str:
        """The pod's name, which is its host name."""
        return name_of(self.pod)

    @property
    def uid(self) -> str:
        """The pod's UID."""
        return str(metadata_of(self.pod)["uid"])

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.fiber is None or self.fiber.is_over

    def terminate(self) -> None:
        """SIGTERM."""
        self.interruption.request()
        if self.fiber is not None:
            self.fiber.wake()

    def kill(self) -> None:
        """SIGKILL, or the loss of power."""
        self.works = False
        if self.fiber is not None:
            self.fiber.kill()


def run_verb(
    process: WorkerProcess,
    machine: Machine,
    *,
    server: ApiServer,
    faults: Faults,
    living: dict[str, Fiber],
    now: Callable[[], datetime],
    reported: Callable[[RunResult], None],
) -> None:
    """Run a process's verb as ``worker/execution.py`` does, and report."""
    module, args = _parsed(process.order.args)
    plan = process.order.plan
    environment = Environment(
        plan_file=Path(),
        password_file=Path(),
        data=Path(),
        credentials=Path(),
        termination_log=Path(),
        now=now,
        api_url=None,
        token_file=Path(),
        ca_file=Path(),
        job_name=None,
        pod_uid=process.uid,
    )

    def passing(_what: str, path: str) -> None:
        machine.fiber.sleep(machine.seconds() / 20)
        if faults.happens(Fault.BUCKET_ERROR, 0.03):
            raise OSError(f"connection refused: {path}")

    api = SimulatedApi(server, faults, machine.fiber)
    work = module.prepare(args, Reporter(api, namespace_of(process.pod), now))
    run = SimulatedRun(
        environment=environment,
        plan=plan,
        bucket=SimulatedStorage(machine.bucket, root_of(args.storage), passing),
        directory=args.directory,
        scratch=None,
        cache=False,
        interruption=process.interruption,
        started=now(),
    )
    run.machine, run.living = machine, living
    result = execute(run, work.do)
    process.message = encode(result)
    process.works = False
    reported(result)
    if work.ended is not None:
        work.ended(plan, result)
    process.exit_code = 0 if result.phase is Phase.SUCCEEDED else 1
