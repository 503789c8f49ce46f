"""One controller under load: it starts, it starts again, then all volumes are triggered at once."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.controller_load.apiserver import ApiServer, User, api_server
from tests.bench.controller_load.audit_log import AuditLog, count
from tests.bench.controller_load.controller_process import Controller, controller, settle
from tests.bench.controller_load.figures import (
    Line,
    percentiles,
    requests,
    requests_of_retention,
    resources,
    until_job,
)
from tests.bench.controller_load.floor import Floor
from tests.bench.controller_load.history import finish_upkeep, store_history
from tests.bench.controller_load.played_cluster import PlayedCluster
from tests.bench.controller_load.processor import Reading
from tests.bench.controller_load.progress import Key, Progress
from tests.bench.controller_load.triggers import trigger_all
from tests.bench.controller_load.volumes import Shape, store

# Three sessions are kept of a volume unless its policy says otherwise.
_HISTORY_LIMIT = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure.

    Attributes:
        sessions: Volumes, and so sessions at once.
        history: Old Snapshots of a volume.
        per_namespace: Volumes of a namespace.
        with_retention: Whether the Jobs of retention are done in what is measured.
        floor_threads: The floor is measured with each of these numbers of requests at a time.
        timeout_seconds: For each phase.
        profiles: Folder for profiles of the controller's threads; None for none.
    """

    sessions: int
    history: int
    per_namespace: int = 10
    with_retention: bool = True
    floor_threads: tuple[int, ...] = (1, 4)
    timeout_seconds: float = 1800
    profiles: Path | None = None

    @property
    def shape(self) -> Shape:
        """With each session one Snapshot and one BackupSession are too many, as in the long run."""
        return Shape(
            volumes=self.sessions,
            per_namespace=self.per_namespace,
            keep_last=max(self.history, 1),
            history_limit=min(max(self.history, 1), _HISTORY_LIMIT),
        )


def measure(settings: Settings) -> Iterator[Line]:
    """A line a phase: install, restart, sessions, and one for each floor."""
    with (
        tempfile.TemporaryDirectory(prefix="stashgen-bench-") as name,
        api_server(Path(name)) as server,
    ):
        run = _Run(settings, server)
        with controller(server, "install", settings.profiles) as process:
            yield run.install(process)
        written = run.write_history()
        with controller(server, "load", settings.profiles) as process:
            yield run.restart(process) | {"history_objects": written}
            loaded = run.load(process)
        yield loaded.line
        yield from run.floors(loaded)
        run.end()


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the floor is compared with."""

    line: Line
    sessions: list[Key]
    made: "Counter[str]"
    seconds: float
    cpu_seconds: float


class _Run:
    """The parts that all phases share."""

    def __init__(self, settings: Settings, server: ApiServer) -> None:
        self._settings = settings
        self._server = server
        self._api = server.api(User.TEST)
        self._audit = AuditLog(server.audit_log)
        self._objects = store(self._api, settings.shape)
        self._cluster = PlayedCluster(server.api(User.CLUSTER))
        self._cluster.start()
        self._progress = Progress(self._api)
        self._progress.start()

    def end(self) -> None:
        """Let the watches end with the server without a word."""
        self._cluster.stop()
        self._progress.stop()

    def install(self, process: Controller) -> Line:
        """Nothing is initialised: storages, repositories, the first backup of each volume."""
        before, begin = Reading.now(self._server.pids), time.time()
        states = (
            "configurations_ready",
            "repositories_ready",
            "sessions_finished",
            "retention_applied",
        )
        reached: Line = {}
        for state in states:
            self._wait(state, begin, process)
            last = self._progress.last(state)
            reached[f"{state}_seconds"] = round(last - begin, 2)
            if state == "configurations_ready":
                times = self._progress.times("repositories_ready").values()
                initialised = sum(at <= last for at in times)
                reached["repositories_ready_when_configurations_were"] = initialised
        settled = settle(process)
        found = list(self._audit.requests(User.CONTROLLER, begin))
        return (
            self._line("install")
            | {"objects": self._objects}
            | reached
            | {"settled_seconds": round(settled - begin, 2)}
            | resources(process)
            | Reading.now(self._server.pids).since(before, process.cpu_seconds)
            | requests(found, self._settings.sessions)
        )

    def write_history(self) -> int:
        """Older Snapshots and BackupSessions of each volume, while no controller runs.

        No upkeep is due after that: it comes once a day, and would be counted with the sessions.
        """
        shape = self._settings.shape
        finish_upkeep(self._api)
        return store_history(
            self._api,
            self._server.etcd_url,
            self._cluster.bucket,
            snapshots=shape.keep_last,
            sessions=shape.history_limit,
        )

    def restart(self, process: Controller) -> Line:
        """All is as it should be, but for the summaries of the history that was just written."""
        before, begin = Reading.now(self._server.pids), time.time()
        settled = settle(process)
        found = list(self._audit.requests(User.CONTROLLER, begin))
        return (
            self._line("restart")
            | {"settled_seconds": round(settled - begin, 2)}
            | resources(process)
            | Reading.now(self._server.pids).since(before, process.cpu_seconds)
            | requests(found, self._settings.sessions)
        )

    def load(self, process: Controller) -> _Loaded:
        """Every volume's session at once."""
        idle = process.memory_mb
        process.reset_peak()
        self._cluster.done.clear()
        self._cluster.with_retention = self._settings.with_retention
        before, cpu, begin = Reading.now(self._server.pids), process.cpu_seconds, time.time()
        sessions = trigger_all(self._api)
        triggered = time.time()
        self._wait("sessions_finished", begin, process)
        finished = self._progress.last("sessions_finished", begin)
        if self._settings.with_retention:
            self._wait("retention_applied", begin, process)
        settled = settle(process)
        cpu_seconds = process.cpu_seconds - cpu
        found = list(self._audit.requests(User.CONTROLLER, begin))
        made = count(found)
        last = max(item.at for item in found if not item.is_standing)
        played = self._cluster.done
        of_retention = requests_of_retention(found, played, sessions, self._progress.writes_after)
        without = sum(made.values()) - of_retention
        triggers = list(self._audit.requests(User.TEST, begin))
        line = (
            self._line("sessions")
            | {"triggered_seconds": round(triggered - begin, 2)}
            | percentiles("job_created", until_job(triggers, found, played))
            | {
                "finished_seconds": round(finished - begin, 2),
                "last_request_seconds": round(last - begin, 2),
                "settled_seconds": round(settled - begin, 2),
                "cpu_seconds": round(cpu_seconds, 2),
                "cpu_seconds_per_session": round(cpu_seconds / len(sessions), 4),
                "memory_idle_mb": round(idle, 1),
                "memory_peak_mb": round(process.peak_mb, 1),
                "requests_per_session_without_retention": round(without / len(sessions), 2),
            }
            | requests(found, self._settings.sessions)
            | Reading.now(self._server.pids).since(before, cpu_seconds)
            | percentiles("played_job", [job.seconds for job in played])
        )
        return _Loaded(line, sessions, made, last - begin, cpu_seconds)

    def floors(self, loaded: _Loaded) -> Iterator[Line]:
        """The same requests without a controller, as ratios."""
        watched = {
            item.resource
            for item in self._audit.requests(User.CONTROLLER, 0.0)
            if item.verb == "watch"
        }
        floor = Floor(self._server, loaded.sessions, loaded.made, sorted(watched))
        cases = [(threads, False) for threads in self._settings.floor_threads]
        cases += [(threads, True) for threads in self._settings.floor_threads[-1:]]
        for threads, with_watches in cases:
            prepared = floor.prepare()
            before = Reading.now(self._server.pids)
            found = floor.run(prepared, threads, with_watches=with_watches)
            after = Reading.now(self._server.pids)
            self._cluster.check()
            yield (
                self._line("floor")
                | {
                    "requests_at_a_time": threads,
                    "with_watches": with_watches,
                    "requests": found.requests,
                    "left_out": floor.left_out,
                    "seconds": round(found.seconds, 2),
                    "cpu_seconds": round(found.cpu_seconds, 2),
                    "seconds_ratio": round(loaded.seconds / found.seconds, 2),
                    "cpu_ratio": round(loaded.cpu_seconds / found.cpu_seconds, 2),
                }
                | after.since(before, found.all_cpu_seconds)
            )

    def _wait(self, state: str, since: float, process: Controller) -> None:
        def check() -> None:
            process.check()
            self._cluster.check()

        settings = self._settings
        self._progress.wait(state, settings.sessions, since, settings.timeout_seconds, check)

    def _line(self, case: str) -> Line:
        return {
            "benchmark": "controller",
            "case": case,
            "sessions": self._settings.sessions,
            "history": self._settings.history,
            "with_retention": self._settings.with_retention,
        }
