"""The simulated restic disturbs and protects as the real one does."""

from collections.abc import Callable
from datetime import timedelta

from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.output import ErrorLog
from stashgen_controller.worker.restic.process import ResticError
from tests.simulation.bucket import Bucket
from tests.simulation.fibers import Fiber
from tests.simulation.restic import Machine, ResticRepository, SimulatedRestic, Volume, Witness
from tests.simulation.timeline import Timeline

_ADDRESS = "/bucket/repository"
_TIME = "--time=2026-03-02 12:00:00"


class Bench:
    """One repository, and machines that work on it."""

    def __init__(self) -> None:
        self.timeline = Timeline(1)
        self.bucket = Bucket(self.timeline.unix_time)
        self.repository = ResticRepository()
        self.volume = Volume({"a": 1, "b": 1})
        self.errors: list[ErrorClass] = []
        self._living: dict[str, Fiber] = {}

    def start(
        self, work: Callable[[SimulatedRestic], object], *, deadline_seconds: float = 86400.0
    ) -> Fiber:
        """Start a process that has a restic."""

        def run() -> None:
            try:
                work(restic)
            except ResticError as error:
                self.errors.append(error.reason)

        fiber = Fiber(self.timeline, run)
        restic = SimulatedRestic(
            repository=_ADDRESS,
            password_file="",
            cache_dir=None,
            temp_dir=None,
            now=lambda: self.timeline.now,
            interruption=Interruption(),
            errors=ErrorLog(),
            deadline=self.timeline.now + timedelta(seconds=deadline_seconds),
        )
        restic.living = self._living
        restic.machine = Machine(
            fiber=fiber,
            host="pod-1",
            bucket=self.bucket,
            repositories={_ADDRESS: self.repository},
            volume=self.volume,
            seconds=lambda: 10.0,
            new_id=lambda: f"{self.timeline.random.getrandbits(256):064x}",
            witness=Witness(),
        )
        fiber.resume()
        return fiber

    @property
    def locks(self) -> int:
        """How many locks there are."""
        return sum("/locks/" in name for name in self.bucket.files)


def back_up(restic: SimulatedRestic) -> None:
    restic.run("backup", "/data", "--host=host-0", "--tag=one", _TIME)


def prune(restic: SimulatedRestic) -> None:
    restic.run("prune")


def test_prune_waits_for_the_lock_of_a_backup() -> None:
    bench = Bench()
    bench.start(back_up)
    bench.start(prune)
    bench.timeline.run(600)

    assert bench.errors == []
    assert [bench.repository.is_whole(id_) for id_ in bench.repository.snapshots] == [True]
    assert bench.locks == 0


def test_prune_beside_a_backup_whose_lock_was_removed_damages_it() -> None:
    bench = Bench()
    bench.start(back_up)
    bench.timeline.run(21)
    assert bench.locks == 1
    bench.bucket.files.clear()
    bench.start(prune)
    bench.timeline.run(600)

    assert [bench.repository.is_whole(id_) for id_ in bench.repository.snapshots] == [False]
    bench.start(lambda restic: restic.run("check"))
    bench.timeline.run(600)
    assert bench.errors == [ErrorClass.REPOSITORY_DAMAGED]


def test_lock_of_a_killed_process_stays_until_it_is_stale() -> None:
    bench = Bench()
    killed = bench.start(back_up)
    bench.timeline.run(15)
    killed.kill()
    bench.start(prune)
    bench.timeline.run(1500)
    assert bench.errors == [ErrorClass.LOCKED]

    bench.start(lambda restic: restic.run("unlock"))
    bench.timeline.run(100)
    assert bench.locks == 1
    bench.timeline.run(600)
    bench.start(lambda restic: restic.run("unlock"))
    bench.timeline.run(100)
    assert bench.locks == 0


def test_run_that_is_out_of_time_releases_its_lock() -> None:
    bench = Bench()
    bench.start(back_up, deadline_seconds=25)
    bench.timeline.run(600)

    assert bench.errors == [ErrorClass.DEADLINE_EXCEEDED]
    assert bench.locks == 0
    assert bench.repository.snapshots == {}
