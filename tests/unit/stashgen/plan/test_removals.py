"""What a plan says that retention removes is what retention after each backup removes."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase
from stashgen.cron import Schedule
from stashgen.kubestash.retention import SnapshotFact, decide
from stashgen.output.restore_points import NOW
from stashgen.plan.removals import removed

_Side = tuple[str, dict[str, int]]


def _retention(counts: dict[str, int]) -> RetentionPolicySpec:
    return RetentionPolicySpec(successful_snapshots=SuccessfulSnapshots.model_validate(counts))


def _side(side: _Side) -> Any:
    session = SimpleNamespace(schedule=side[0], time_zone="Etc/UTC", timeout_seconds=600)
    return cast("Any", session), cast("Any", SimpleNamespace(retention=_retention(side[1])))


def _run(points: set[datetime], side: _Side, start: datetime, end: datetime) -> set[datetime]:
    """Backups from start to end, with retention after each."""
    retention = _retention(side[1])
    for tick in Schedule.parse(side[0]).ticks(start, end, ZoneInfo("Etc/UTC")):
        facts = [SnapshotFact(one.isoformat(), one, Phase.SUCCEEDED, "") for one in {*points, tick}]
        kept = set(decide(facts, retention, tick).keep)
        points = {one for one in {*points, tick} if one.isoformat() in kept}
    return points


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("0 2 * * *", {"daily": 14}), ("0 2 * * *", {"daily": 7})),
        (("0 */6 * * *", {"hourly": 24, "daily": 14}), ("0 */6 * * *", {"last": 3, "daily": 5})),
        (("0 2 * * *", {"weekly": 6, "monthly": 2}), ("0 2 * * *", {"weekly": 3})),
        # More often, with a count: the old ones go in the course of days, none at once.
        (("0 2 * * *", {"last": 20}), ("0 */6 * * *", {"last": 20})),
        # Weekends as well: each goes two days earlier at most, so it is looked every day.
        (("39 1 * * 2-6", {"daily": 30}), ("39 1 * * *", {"daily": 30})),
    ],
)
def test_as_retention_after_each_backup(before: _Side, after: _Side) -> None:
    start = NOW - timedelta(days=120)
    had = _run(set(), before, start, NOW)
    minute = timedelta(minutes=1)
    first = Schedule.parse(after[0]).next_tick(NOW, ZoneInfo("Etc/UTC"))
    assert first is not None
    # The first run after the change is that of the new schedule, whatever it keeps.
    now = first + minute
    unchanged = _run(had, (after[0], before[1]), NOW + minute, now)
    at_once = had & unchanged - _run(had, after, NOW + minute, now)
    later = {
        point
        for days in range(1, 31)
        for end in (NOW + timedelta(days=days),)
        for point in _run(had, before, NOW + minute, end) - _run(had, after, NOW + minute, end)
        if point in had
    }
    found = removed(_side(before), _side(after))
    assert found is not None
    assert found.had == len(had)
    assert found.at_once == len(at_once)
    if before[0] != after[0]:
        assert found.later == len(later - at_once)
    assert found.left == len(_run(set(), after, start, NOW))


def test_nothing_goes_where_more_is_kept() -> None:
    before, after = ("0 2 * * *", {"daily": 7}), ("0 2 * * *", {"daily": 14})
    assert removed(_side(before), _side(after)) is None
