"""What a RetentionPolicy keeps: the grammar, the algorithm's rules and its properties."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.api.retention_policy import (
    FailedSnapshots,
    RetentionPolicySpec,
    SuccessfulSnapshots,
)
from stashgen.api.snapshot import Phase
from stashgen.kubestash.retention import (
    RetentionDecision,
    SnapshotFact,
    decide,
    parse_period,
    retention_period,
)

_NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
_COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def _fact(
    time: datetime, phase: Phase = Phase.SUCCEEDED, session: str = "backup", name: str = ""
) -> SnapshotFact:
    return SnapshotFact(name or f"{session}-{time:%Y%m%d%H%M}", time, phase, session)


def _hourly(count: int) -> list[SnapshotFact]:
    return [_fact(_NOW - timedelta(hours=hour)) for hour in range(count)]


def _keep(
    failed: int | None = None, period: str | None = None, **counts: int
) -> RetentionPolicySpec:
    return RetentionPolicySpec(
        max_retention_period=period,
        successful_snapshots=SuccessfulSnapshots(**counts) if counts else None,
        failed_snapshots=None if failed is None else FailedSnapshots(last=failed),
    )


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1y", 525_600),
        ("2mo", 86_400),
        ("3w", 30_240),
        ("14d", 20_160),
        ("12h", 720),
        ("90m", 90),
        ("1y6mo", 784_800),
        ("6mo1y", 784_800),
        (" 30d ", 43_200),
        ("1d2d", 2_880),
        ("-1d", -1_440),
        ("1mo5m", 43_205),
    ],
)
def test_period_is_read_by_kubestashs_grammar(text: str, minutes: int) -> None:
    assert parse_period(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "7", "d", "1s", "1.5d", "1d 2h", "d1", "9999999999999y"])
def test_what_is_not_a_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a period|is longer"):
        parse_period(text)


@pytest.mark.parametrize("period", ["-1d", "0d"])
def test_period_under_which_everything_is_too_old_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="not longer than zero"):
        retention_period(_keep(period=period))
    with pytest.raises(ValueError, match="not longer than zero"):
        decide(_hourly(3), _keep(period=period, last=1), _NOW)


def test_period_longer_than_the_calendar_of_the_past_is_no_limit() -> None:
    assert decide(_hourly(3), _keep(period="9000y"), _NOW).remove == ()


def test_last_keeps_the_newest() -> None:
    assert decide(_hourly(5), _keep(last=2), _NOW).keep == (
        "backup-202603101100",
        "backup-202603101200",
    )


@pytest.mark.parametrize(
    ("field", "step", "expected"),
    [
        ("hourly", timedelta(minutes=20), ["202603101040", "202603101140", "202603101200"]),
        ("daily", timedelta(hours=6), ["202603081800", "202603091800", "202603101200"]),
        ("weekly", timedelta(days=1), ["202603011200", "202603081200", "202603101200"]),
        ("monthly", timedelta(days=10), ["202601291200", "202602281200", "202603101200"]),
        ("yearly", timedelta(days=100), ["202410261200", "202511301200", "202603101200"]),
    ],
)
def test_bucket_keeps_the_newest_of_each_utc_hour_day_iso_week_month_and_year(
    field: str, step: timedelta, expected: list[str]
) -> None:
    facts = [_fact(_NOW - step * index) for index in range(12)]
    policy = RetentionPolicySpec(successful_snapshots=SuccessfulSnapshots.from_wire({field: 3}))
    kept = decide(facts, policy, _NOW).keep
    assert [name.removeprefix("backup-") for name in kept] == expected


def test_days_are_utc_days_whatever_zone_a_time_has() -> None:
    zone = timezone(timedelta(hours=5))
    first = datetime(2026, 3, 9, 23, tzinfo=UTC).astimezone(zone)
    second = datetime(2026, 3, 10, 1, tzinfo=UTC).astimezone(zone)
    assert first.date() == second.date()
    assert len(decide([_fact(first), _fact(second)], _keep(daily=2), _NOW).keep) == 2


def test_hours_without_a_snapshot_do_not_count() -> None:
    facts = [_fact(_NOW - timedelta(days=30 * month)) for month in range(3)]
    assert len(decide(facts, _keep(hourly=3), _NOW).keep) == 3


def test_rules_add_up() -> None:
    facts = _hourly(72)
    kept = set(decide(facts, _keep(last=3, daily=3), _NOW).keep)
    assert kept == {
        "backup-202603101200",
        "backup-202603101100",
        "backup-202603101000",
        "backup-202603092300",
        "backup-202603082300",
    }


def test_documented_policy_keeps_five_good_and_two_failed_of_two_months() -> None:
    policy = RetentionPolicySpec.model_validate(
        {
            "maxRetentionPeriod": "2mo",
            "successfulSnapshots": {"last": 5},
            "failedSnapshots": {"last": 2},
        }
    )
    ticks = [_NOW - timedelta(minutes=5 * tick) for tick in range(12)]
    facts = [
        _fact(time, Phase.FAILED if index % 3 == 0 else Phase.SUCCEEDED)
        for index, time in enumerate(ticks)
    ]
    old = [_fact(_NOW - timedelta(days=61), Phase.FAILED), _fact(_NOW - timedelta(days=62))]
    kept = set(decide([*facts, *old], policy, _NOW).keep)
    assert kept == {facts[index].name for index in (0, 1, 2, 3, 4, 5, 7)}
    # Nothing newer has succeeded: the last good one stays though it is older than two months.
    assert decide(old, policy, _NOW).keep == (old[1].name,)


def test_grandfather_father_son_keeps_the_newest_of_every_generation() -> None:
    facts = [_fact(_NOW - timedelta(hours=12 * index)) for index in range(2 * 400)]
    kept = decide(facts, _keep(hourly=2, daily=3, weekly=2, monthly=3, yearly=2), _NOW).keep
    assert [name.removeprefix("backup-") for name in kept] == [
        "202512311200",  # the last of 2025
        "202601311200",  # of January
        "202602281200",  # of February
        "202603081200",  # of last week (Sunday), and the third day back
        "202603091200",  # of yesterday
        "202603100000",  # the hour before
        "202603101200",  # now
    ]


def test_period_limits_what_the_counts_keep() -> None:
    assert len(decide(_hourly(10), _keep(period="3h", last=10), _NOW).keep) == 4


def test_without_counts_everything_within_the_period_is_kept() -> None:
    assert len(decide(_hourly(10), _keep(period="5h"), _NOW).keep) == 6


def test_empty_counts_count_as_none() -> None:
    policy = RetentionPolicySpec(
        max_retention_period="5h", successful_snapshots=SuccessfulSnapshots()
    )
    assert len(decide(_hourly(10), policy, _NOW).keep) == 6


def test_last_good_snapshot_survives_every_policy() -> None:
    old = [_fact(_NOW - timedelta(days=400 + day)) for day in range(3)]
    assert decide(old, _keep(period="1d"), _NOW).keep == (old[0].name,)
    assert decide(old, _keep(last=0), _NOW).keep == (old[0].name,)


def test_the_newest_whole_snapshot_is_kept_beside_a_newer_one_that_lacks_files() -> None:
    whole, *incomplete = [
        replace(_fact(_NOW - timedelta(days=day)), is_whole=day == 400) for day in (400, 3, 2, 1)
    ]
    decision = decide([whole, *incomplete], _keep(last=1, period="30d"), _NOW)
    assert decision.keep == (whole.name, incomplete[-1].name)


def test_of_a_day_the_newest_whole_snapshot_is_kept() -> None:
    morning, noon, evening = (
        replace(_fact(datetime(2026, 3, 9, hour, tzinfo=UTC)), is_whole=hour != 20)
        for hour in (8, 12, 20)
    )
    newest = _fact(_NOW)
    decision = decide([morning, noon, evening, newest], _keep(daily=2), _NOW)
    assert decision.keep == (noon.name, newest.name)
    lacking = replace(noon, is_whole=False)
    decision = decide([lacking, evening, newest], _keep(daily=2), _NOW)
    assert decision.keep == (evening.name, newest.name)


def test_one_failed_snapshot_is_kept_unless_another_number_is_said() -> None:
    failed = [_fact(_NOW - timedelta(hours=hour), Phase.FAILED) for hour in range(4)]
    assert len(decide(failed, _keep(last=1), _NOW).keep) == 1
    assert len(decide(failed, _keep(failed=3, last=1), _NOW).keep) == 3
    assert decide(failed, _keep(failed=0, last=1), _NOW).keep == ()


def test_failed_snapshots_do_not_use_up_the_counts_of_good_ones() -> None:
    facts = [
        _fact(_NOW - timedelta(hours=hour), Phase.FAILED if hour < 3 else Phase.SUCCEEDED)
        for hour in range(6)
    ]
    kept = decide(facts, _keep(last=2), _NOW).keep
    assert kept == ("backup-202603100800", "backup-202603100900", "backup-202603101200")


def test_unfinished_snapshots_are_never_removed() -> None:
    phases = (Phase.PENDING, Phase.RUNNING)
    facts = [_fact(_NOW - timedelta(days=900), phase, name=phase) for phase in phases]
    assert decide(facts, _keep(period="1d", last=1), _NOW).remove == ()


def test_sessions_of_a_repository_are_counted_apart() -> None:
    facts = _hourly(4) + [_fact(_NOW - timedelta(days=day), session="weekly") for day in (1, 8, 15)]
    kept = decide(facts, _keep(last=2), _NOW).keep
    assert len([name for name in kept if name.startswith("weekly")]) == 2
    assert len([name for name in kept if name.startswith("backup")]) == 2


def test_negative_count_keeps_all_as_with_restic() -> None:
    assert decide(_hourly(30), _keep(last=-1), _NOW).remove == ()
    assert len(decide(_hourly(30), _keep(daily=-1), _NOW).keep) == 2


_FACTS = st.lists(
    st.builds(
        SnapshotFact,
        name=st.integers(0, 10**6).map("snapshot-{}".format),
        time=st.datetimes(datetime(2020, 1, 1), datetime(2026, 3, 10), timezones=st.just(UTC)),
        phase=st.sampled_from(Phase),
        session=st.sampled_from(["backup", "weekly"]),
        is_whole=st.booleans(),
    ),
    max_size=40,
    unique_by=lambda fact: fact.name,
)
_SOME = st.none() | st.integers(0, 10)
_POLICIES = st.builds(
    RetentionPolicySpec,
    max_retention_period=st.none() | st.integers(1, 3000).map("{}d".format),
    successful_snapshots=st.none()
    | st.builds(
        SuccessfulSnapshots,
        last=_SOME,
        hourly=_SOME,
        daily=_SOME,
        weekly=_SOME,
        monthly=_SOME,
        yearly=_SOME,
    ),
    failed_snapshots=st.none() | st.builds(FailedSnapshots, last=_SOME),
    usage_policy=st.none(),
    default=st.none(),
)


def _kept(facts: list[SnapshotFact], decision: RetentionDecision) -> list[SnapshotFact]:
    return [fact for fact in facts if fact.name in decision.keep]


@given(facts=_FACTS, policy=_POLICIES)
def test_decision_parts_the_input(facts: list[SnapshotFact], policy: RetentionPolicySpec) -> None:
    decision = decide(facts, policy, _NOW)
    assert sorted(decision.keep + decision.remove) == sorted(fact.name for fact in facts)


@given(facts=_FACTS, policy=_POLICIES)
def test_second_run_removes_nothing(facts: list[SnapshotFact], policy: RetentionPolicySpec) -> None:
    first = decide(facts, policy, _NOW)
    assert decide(_kept(facts, first), policy, _NOW).remove == ()


@given(facts=_FACTS, policy=_POLICIES, later=st.integers(0, 10**6))
def test_removed_snapshot_never_comes_back(
    facts: list[SnapshotFact], policy: RetentionPolicySpec, later: int
) -> None:
    now = _NOW + timedelta(minutes=later)
    before = set(decide(facts, policy, _NOW).remove)
    grown = [*facts, _fact(now, name="newest")]
    assert before <= set(decide(grown, policy, now).remove)


@given(facts=_FACTS, policy=_POLICIES, field=st.sampled_from(_COUNTS), more=st.integers(1, 5))
def test_greater_count_never_keeps_less(
    facts: list[SnapshotFact], policy: RetentionPolicySpec, field: str, more: int
) -> None:
    counts = policy.successful_snapshots or SuccessfulSnapshots()
    counts = counts.model_copy(update={"last": counts.last or 0})
    few = policy.model_copy(update={"successful_snapshots": counts})
    raised = counts.model_copy(update={field: (getattr(counts, field) or 0) + more})
    many = policy.model_copy(update={"successful_snapshots": raised})
    assert set(decide(facts, few, _NOW).keep) <= set(decide(facts, many, _NOW).keep)


@given(facts=_FACTS, policy=_POLICIES)
def test_newest_good_snapshot_of_a_session_is_always_kept(
    facts: list[SnapshotFact], policy: RetentionPolicySpec
) -> None:
    keep = decide(facts, policy, _NOW).keep
    for session in ("backup", "weekly"):
        good = [f for f in facts if f.session == session and f.phase is Phase.SUCCEEDED]
        if good:
            assert max(good, key=lambda fact: (fact.time, fact.name)).name in keep


@given(facts=_FACTS, policy=_POLICIES, seed=st.randoms())
def test_order_of_the_input_does_not_matter(
    facts: list[SnapshotFact], policy: RetentionPolicySpec, seed: object
) -> None:
    shuffled = sorted(facts, key=lambda fact: hash((str(seed), fact.name)))
    assert decide(shuffled, policy, _NOW) == decide(facts, policy, _NOW)
