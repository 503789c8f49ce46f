"""``stashgen-controller``: the process that reconciles, in a cluster or on a laptop."""

import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from threading import Event

from stashgen_controller.kinds import KINDS, WATCHED
from stashgen_controller.kube.client import ApiError, Client
from stashgen_controller.kube.clock import Clock, ServerClock
from stashgen_controller.kube.connection import UnconfiguredError
from stashgen_controller.kube.gate import Requests, in_order
from stashgen_controller.kube.leader_election import LeaderElection, Timing, new_identity
from stashgen_controller.listers.indexes import INDEXES
from stashgen_controller.observability.events import EventRecorder
from stashgen_controller.observability.logs import JsonLines
from stashgen_controller.observability.metrics import CONTENT_TYPE, Metrics
from stashgen_controller.process.endpoint import Answer, Endpoint
from stashgen_controller.process.other_operator import OtherOperatorError, refuse_other_operator
from stashgen_controller.process.settings import Settings, parse
from stashgen_controller.runtime.manager import Manager
from stashgen_controller.strict.compiled_only import compiled_only
from stashgen_controller.strict.self_check import AdmissionCheck

log = logging.getLogger(__name__)

_FAILED, _USAGE = 1, 2
_LOOK_SECONDS = 0.5
_GC_THRESHOLDS = (5000, 20, 20)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM; 0 then, 1 where the lead was lost or we must not run, 2 wrong usage."""
    settings = parse(sys.argv[1:] if argv is None else argv, os.environ)
    _log_to_stderr()
    try:
        clock = ServerClock()
        client = Client.configured(settings.kubeconfig, agent=settings.agent, dated=clock.heard)
        refuse_other_operator(client)
        controller = Controller(client, clock, settings)
    except UnconfiguredError as error:
        log.error("no API server is configured", extra={"error": str(error)})
        return _USAGE
    except (OtherOperatorError, ApiError, OSError) as error:
        log.error("the controller cannot start", extra={"error": str(error)})
        return _FAILED
    _spare_garbage_collection()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: controller.end())
    with controller.running():
        controller.wait()
    log.info("stopped", extra={"lost": controller.is_lost})
    return _FAILED if controller.is_lost else 0


class Controller:
    """The parts of the process, and how they begin and end together."""

    def __init__(self, client: Client, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._requests = Requests()
        self._wanted_end = Event()
        self._lost = False
        self._counted = counted = client.through(self._requests.count)
        writing = self._requests.writing_only_if(lambda: self.is_leading)
        self._client = client.through(in_order(self._hold_back, writing))
        self._election = (
            LeaderElection(
                counted,
                settings.namespace,
                new_identity(settings.name),
                on_start=self._take_over,
                timing=Timing(settings.lease),
            )
            if settings.leader_elect
            else None
        )
        self._recorder = EventRecorder(self._client, clock, lambda: self.is_leading, settings.name)
        self._manager = Manager(
            self._client,
            clock,
            kinds=compiled_only(KINDS) if settings.strict else KINDS,
            models=WATCHED,
            indexes=INDEXES,
            observer=self._recorder.see,
        )
        self._check = (
            AdmissionCheck(counted, self._manager.cache, clock, lambda: self._manager.synced)
            if settings.strict
            else None
        )
        self._metrics = Metrics(self)
        self._endpoint = Endpoint(
            settings.metrics_address,
            {"/metrics": self._scrape, "/healthz": self._health, "/readyz": self._readiness},
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Everything runs inside the block; after it the object at hand is done, the Lease free."""
        with ExitStack() as stack:
            for start, stop in self._parts():
                start()
                stack.callback(stop)
            log.info("serving", extra={"port": self._endpoint.port})
            yield

    def _parts(self) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
        """In the order of their start; they stop in the opposite one."""
        yield self._endpoint.start, self._endpoint.stop
        if self._election is not None:
            # Stops after all that writes: until then nobody else may begin.
            yield _nothing, self._election.stop
        yield self._recorder.start, self._recorder.stop
        yield self._manager.watch, self._manager.stop
        if self._check is not None:
            yield self._check.start, self._check.stop
        yield (self._election.start if self._election is not None else self._lead), _nothing

    def wait(self) -> None:
        """Until the end is wanted, or the lead was lost.

        The election's own thread may hang in a request, so it is not the one to notice.
        """
        while not self._wanted_end.wait(_LOOK_SECONDS):
            if self._manager.broken_watches:
                # What is not watched any more would be concluded from for ever.
                log.error("a watch has ended", extra={"kinds": self._manager.broken_watches})
                self._lose()
            if self._election is not None and self._election.is_lost:
                log.error("no longer leading")
                self._lose()

    def end(self) -> None:
        """Want the end; may be called by a signal handler."""
        self._wanted_end.set()

    @property
    def is_lost(self) -> bool:
        """Whether the lead was lost, or could not be taken up."""
        return self._lost

    @property
    def is_leading(self) -> bool:
        """Whether this process may write."""
        return self._election is None or self._election.is_leading

    @property
    def requests_by_verb(self) -> Mapping[str, int]:
        """Requests to the API server since the start."""
        return self._requests.by_verb

    @property
    def queue_depth(self) -> int:
        """Objects that wait to be looked at."""
        return self._manager.depth

    @property
    def admission_problems(self) -> Sequence[str]:
        """In strict mode: where a policy is missing."""
        return self._check.problems if self._check is not None else ()

    def _hold_back(self, method: str, path: str, query: Mapping[str, str]) -> None:
        if self._check is not None:
            self._check.gate(method, path, query)

    def _lead(self) -> None:
        self._begin(self._manager.work)

    def _take_over(self) -> None:
        self._begin(self._manager.take_over)

    def _begin(self, work: Callable[[], None]) -> None:
        # A standby may have waited for months: look again who else is there.
        try:
            refuse_other_operator(self._counted)
        except (OtherOperatorError, ApiError) as error:
            log.error("cannot take the lead", extra={"error": str(error)})
            self._lose()
            return
        work()

    def _lose(self) -> None:
        self._lost = True
        self._wanted_end.set()

    def _scrape(self) -> Answer:
        text = self._metrics.exposition(self._manager.cache, self._clock.now())
        return Answer(200, text, CONTENT_TYPE)

    def _health(self) -> Answer:
        problems = []
        if self._election is not None and not self._election.is_alive:
            problems.append("leader election has stopped")
        if self.is_leading and self._manager.synced and not self._manager.is_working:
            problems.append("reconciliation has stopped")
        return Answer.of_problems(problems)

    def _readiness(self) -> Answer:
        unsynced = [f"{plural}: not listed yet" for plural in self._manager.unsynced]
        if self._check is not None and not self._check.has_looked:
            unsynced.append("the admission policies have not been checked yet")
        return Answer.of_problems([*unsynced, *self.admission_problems])


def _nothing() -> None:
    """Where a part has nothing to do."""


def _spare_garbage_collection() -> None:
    """Look for cycles seldom, and never in what was loaded at the start.

    What the API server sends makes hundreds of objects at a time and no cycles: with Python's
    thresholds a third of the time in which it is parsed goes into looking for some.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
