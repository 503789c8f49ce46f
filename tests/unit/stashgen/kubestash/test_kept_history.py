"""How far back restore points reach, against the retention itself, run after run."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase
from stashgen.cron import Schedule
from stashgen.kubestash.kept_history import kept_for
from stashgen.kubestash.retention import SnapshotFact, decide

START = datetime(2026, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def retention(max_age: str | None = None, **counts: int) -> RetentionPolicySpec:
    return RetentionPolicySpec(
        max_retention_period=max_age,
        successful_snapshots=SuccessfulSnapshots.model_validate(counts) if counts else None,
    )


def computed(
    schedule: str, policy: RetentionPolicySpec, wanted: timedelta, slack: timedelta = timedelta()
) -> timedelta:
    interval = Schedule.parse(schedule).longest_gap(BERLIN, START)
    return kept_for(schedule, BERLIN, interval, policy, slack, wanted, START)


def simulated(
    schedule: str, policy: RetentionPolicySpec, wanted: timedelta, slack: timedelta
) -> timedelta:
    """The least age of the oldest snapshot after each retention of a year; at most ``wanted``."""
    parsed = Schedule.parse(schedule)
    # A week, a month or a year that has begun has not yet what it will keep.
    counts = policy.successful_snapshots
    has_years = counts is not None and counts.yearly is not None
    begin = (
        START - wanted - 2 * parsed.longest_gap(BERLIN, START) - (366 if has_years else 31) * DAY
    )
    kept: dict[str, SnapshotFact] = {}
    least = wanted
    for tick in parsed.ticks(begin, START + 366 * DAY, BERLIN):
        fact = SnapshotFact(tick.isoformat(), tick, Phase.SUCCEEDED, "")
        left = decide([*kept.values(), fact], policy, tick + slack).keep
        kept = {name: (kept | {fact.name: fact})[name] for name in left}
        if tick >= START:
            least = min(least, tick - min(item.time for item in kept.values()))
    return least


@pytest.mark.parametrize(
    ("schedule", "policy", "reach"),
    [
        ("30 3 * * *", retention(daily=14), 13 * DAY - HOUR),  # a day of 23 hours in spring
        ("30 3 * * *", retention(last=14), 13 * DAY - HOUR),
        ("0 */4 * * *", retention(last=6), 19 * HOUR),
        ("0 */4 * * *", retention(daily=1), timedelta()),
        ("30 3 * * *", retention(weekly=8), 43 * DAY - HOUR),
        ("0 4 * * 0", retention(daily=14), 91 * DAY - HOUR),  # a day without a run does not count
        ("30 3 * * *", retention(daily=3, weekly=2), 2 * DAY - HOUR),
        ("30 3 * * *", retention(last=0), timedelta()),
        ("30 3 * * *", retention(), 100 * DAY),
        ("30 3 * * *", retention(weekly=-1), 100 * DAY),
        ("30 3 * * *", retention(max_age="10d"), 9 * DAY),  # of 10 days, after an hour more
    ],
)
def test_reach_is_what_is_left_right_after_a_backup(
    schedule: str, policy: RetentionPolicySpec, reach: timedelta
) -> None:
    assert computed(schedule, policy, 100 * DAY) == reach


def test_retention_that_looks_later_than_the_tick_removes_more() -> None:
    policy = retention(max_age="10d")
    assert computed("0 3 * * *", policy, 30 * DAY, slack=2 * HOUR) == 9 * DAY - HOUR


def test_a_year_that_has_begun_adds_to_the_years_before_it() -> None:
    policy = retention(yearly=-1)
    found = computed("30 3 * * *", policy, 2 * DAY)
    assert found == simulated("30 3 * * *", policy, 2 * DAY, timedelta()) == 2 * DAY


_COUNTS = st.dictionaries(st.sampled_from(COUNTS), st.integers(-1, 9), max_size=3)
_SCHEDULES = ("30 3 * * *", "0 9-17/8 * * mon-fri", "0 2 * * 0", "0 22 1,15 * *")


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(_SCHEDULES),
    _COUNTS,
    st.sampled_from([None, "5d", "20d"]),
    st.integers(1, 25),
    st.integers(0, 30),
)
def test_it_is_what_a_simulation_of_every_run_finds(
    schedule: str, counts: dict[str, int], max_age: str | None, days: int, slack: int
) -> None:
    policy = retention(max_age, **counts)
    wanted, late = days * DAY, slack * HOUR
    found = computed(schedule, policy, wanted, late)
    truth = simulated(schedule, policy, wanted, late)
    assert (found >= wanted) == (truth >= wanted)
    # Short of what is wanted, rules that cannot reach so far are not counted.
    assert found <= truth


@pytest.mark.parametrize(
    ("policy", "wanted", "reach"),
    [
        # The year begins within a week.
        (retention(weekly=4), 14 * DAY, 14 * DAY),
        # Months reach further, but not always.
        (retention(daily=18, monthly=2), 60 * DAY, 17 * DAY - HOUR),
        (retention("5d", last=4, monthly=2), 14 * DAY, 3 * DAY - HOUR),
    ],
)
def test_the_figure_is_what_all_rules_leave_after_warm_up(
    policy: RetentionPolicySpec, wanted: timedelta, reach: timedelta
) -> None:
    schedule = "30 3 * * *"
    assert computed(schedule, policy, wanted) == reach
    assert simulated(schedule, policy, wanted, timedelta()) == reach
