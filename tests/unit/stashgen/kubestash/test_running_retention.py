"""Retention run after run comes to what the worker's own function decides after each run."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase
from stashgen.kubestash.retention import SnapshotFact, decide
from stashgen.kubestash.running_retention import RestorePoints

# Near the end of an ISO year, a month and a year.
START = datetime(2026, 12, 24, tzinfo=UTC)
# Minutes to the next run, whether it succeeds, and how late retention looks.
_RUN = st.tuples(
    st.sampled_from([1, 5, 30, 60, 240, 1440, 10_080, 50_000]), st.booleans(), st.integers(0, 90)
)
_KEEP = st.dictionaries(st.sampled_from(COUNTS), st.sampled_from([-1, 0, 1, 2, 5]))
_PERIODS = st.sampled_from([None, "7m", "3h", "2d", "1mo", "999999y"])


@settings(max_examples=300, deadline=None)
@given(_KEEP, _PERIODS, st.lists(_RUN, min_size=1, max_size=60))
def test_each_run_leaves_what_the_worker_would_leave(
    keep: dict[str, int], period: str | None, runs: list[tuple[int, bool, int]]
) -> None:
    retention = RetentionPolicySpec(
        max_retention_period=period,
        successful_snapshots=SuccessfulSnapshots.model_validate(keep) if keep else None,
    )
    points, left = RestorePoints(retention), list[SnapshotFact]()
    now = START
    for minutes, is_good, late in runs:
        now += timedelta(minutes=minutes)
        if is_good:
            points.add(now)
            left.append(SnapshotFact(now.isoformat(), now, Phase.SUCCEEDED, "session"))
        look = now + timedelta(minutes=late)
        points.expire(look)
        kept = {*decide(left, retention, look).keep}
        left = [one for one in left if one.name in kept]
        times = [one.time for one in left]
        assert [*points] == times
        assert len(points) == len(times)
        assert points.oldest == (times[0] if times else None)
        assert points.newest == (times[-1] if times else None)


def test_a_month_of_points_every_five_minutes_is_exact_to_the_run() -> None:
    points = RestorePoints(RetentionPolicySpec(max_retention_period="30d"))
    times = [START + number * timedelta(minutes=5) for number in range(50_000)]
    for now in times:
        points.add(now)
        points.expire(now)
    assert len(points) == 30 * 24 * 12 + 1
    assert points.oldest == times[-1] - timedelta(days=30)
