from datetime import UTC, datetime, timedelta

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.output import ErrorLog
from stashgen_controller.worker.restic.process import Restic, ResticError

NOW = datetime(2026, 5, 4, 3, 17, 5, tzinfo=UTC)


def restic(interruption: Interruption, deadline: datetime | None = None) -> Restic:
    return Restic(
        repository="/repository",
        password_file="/password",
        cache_dir=None,
        temp_dir=None,
        now=lambda: NOW,
        interruption=interruption,
        errors=ErrorLog(),
        deadline=deadline,
        binary="/must/not/be/started",
    )


def test_nothing_is_started_after_a_signal() -> None:
    interruption = Interruption()
    interruption.request()
    with pytest.raises(ResticError) as caught:
        restic(interruption).run("backup", "/data")
    assert caught.value.reason is ErrorClass.INTERRUPTED


def test_nothing_is_started_after_the_deadline() -> None:
    with pytest.raises(ResticError) as caught:
        restic(Interruption(), NOW - timedelta(seconds=1)).run("backup", "/data")
    assert caught.value.reason is ErrorClass.DEADLINE_EXCEEDED


def test_the_first_one_to_ask_gives_the_reason() -> None:
    interruption = Interruption()
    interruption.request(late=True)
    interruption.request()
    assert interruption.is_late


@pytest.mark.parametrize(
    ("left", "wait"),
    [(None, "300s"), (timedelta(hours=1), "300s"), (timedelta(seconds=60), "30s")],
)
def test_a_lock_is_waited_for_at_most_half_of_the_time_left(
    left: timedelta | None, wait: str
) -> None:
    flags = restic(Interruption(), NOW + left if left else None)._flags("backup")
    assert flags[flags.index("--retry-lock") + 1] == wait


def test_a_backup_is_taken_at_our_clocks_time() -> None:
    assert restic(Interruption()).time_flag() == "--time=2026-05-04 03:17:05"
