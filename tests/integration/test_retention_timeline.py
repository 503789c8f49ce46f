"""A timeline against restic's own ``forget`` on a repository with a snapshot at each tick."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.cron import Schedule
from stashgen.timeline.history import History, simulate
from stashgen.timeline.scenario import Scenario

_DAY = timedelta(days=1)
_SCHEDULE, _ZONE = "30 2,14 * * *", "Europe/Berlin"
# With the day on which the clocks of Berlin change.
_END = datetime(2027, 3, 31, tzinfo=UTC)
_FIRST = _END - 20 * _DAY
_CASES: list[dict[str, int]] = [
    {"last": 5},
    {"daily": 7},
    {"last": 3, "daily": 4, "weekly": 2},
    {"hourly": 6, "daily": 2},
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which restic finds a repository with all snapshots."""
    folder = tmp_path_factory.mktemp("restic")
    (folder / "data").mkdir()
    environment = os.environ | {
        "RESTIC_REPOSITORY": str(folder / "repository"),
        "RESTIC_PASSWORD": "only-for-this-test",
        "RESTIC_CACHE_DIR": str(folder / "cache"),
        "TZ": "UTC",
    }
    _restic(environment, "init")
    for tick in Schedule.parse(_SCHEDULE).ticks(_FIRST, _END, ZoneInfo(_ZONE)):
        time = f"{tick:%Y-%m-%d %H:%M:%S}"
        _restic(environment, "backup", "--host=host-0", f"--time={time}", str(folder / "data"))
    return environment


def _restic(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        ["restic", *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize("keep", _CASES)
def test_the_last_day_has_the_restore_points_that_restic_would_keep(
    repository: dict[str, str], keep: dict[str, int]
) -> None:
    flags = [f"--keep-{name}={count}" for name, count in keep.items()]
    (group,) = json.loads(_restic(repository, "forget", "--dry-run", "--json", *flags))
    kept = sorted(datetime.fromisoformat(one["time"]) for one in group["keep"])
    retention = RetentionPolicySpec(successful_snapshots=SuccessfulSnapshots.model_validate(keep))
    hour = timedelta(hours=1)
    history = History(_SCHEDULE, _ZONE, 13 * hour, hour, hour, retention, "")
    last = simulate(history, Scenario(_END - 5 * _DAY, 5)).days[-1]
    assert (last.points, last.oldest, last.newest) == (len(kept), kept[0], kept[-1])
