"""Timelines against a simulation that looks at every minute, with retention after every run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import Phase as Step
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase
from stashgen.cron import Schedule
from stashgen.kubestash.objectives import Objectives, Promise
from stashgen.kubestash.retention import SnapshotFact, decide
from stashgen.timeline.history import History
from stashgen.timeline.scenario import Outage, Scenario
from stashgen.timeline.spans import Span
from stashgen.timeline.volume import Copy, VolumeTimeline, volume_timeline

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# With the day on which the clocks of Berlin and New York change.
START = datetime(2027, 3, 10, tzinfo=UTC)
DAYS = 20
# What is kept reaches back less far than this.
BEFORE = 50 * DAY
_SCHEDULES = ("30 2 * * *", "0 */4 * * *", "45 1,13 * * 1-5", "15 3 * * 0", "0,30 9-11 * * *")
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu")
_KEEP = st.dictionaries(st.sampled_from(COUNTS[:4]), st.integers(0, 6), min_size=1, max_size=3)


@dataclass
class _Naive:
    """One copy, as the minutes go by."""

    copy: Copy
    kept: list[SnapshotFact] = field(default_factory=list)
    running: list[tuple[datetime, datetime]] = field(default_factory=list)
    newest: datetime | None = None
    busy_until: datetime | None = None

    def minute(self, now: datetime, scenario: Scenario) -> None:
        for tick, end in [*self.running]:
            if end <= now:
                self.running.remove((tick, end))
                self.newest = tick if self.newest is None else max(tick, self.newest)
        history = self.copy.history
        if not _matches(Schedule.parse(history.schedule), now - self.copy.later, history):
            return
        of_storage = [one for one in scenario.outages if one.storage == self.copy.storage]
        is_away = any(one.start <= now - self.copy.later < one.end for one in of_storage)
        name = f"{history.schedule}/{history.time_zone}/{history.storage}"
        is_good = not is_away and not scenario.fails(name, now - self.copy.later)
        if self.busy_until is None or now >= self.busy_until:
            self.busy_until = now + history.allowance
            if is_good:
                self.running.append((now, now + history.allowance))
        if is_good:
            tick = now - self.copy.later
            self.kept.append(SnapshotFact(tick.isoformat(), tick, Phase.SUCCEEDED, ""))
        if not is_away:
            late = now - self.copy.later + history.slack
            left = {*decide(self.kept, history.retention, late).keep}
            self.kept = [one for one in self.kept if one.name in left]

    @property
    def oldest(self) -> datetime | None:
        return self.kept[0].time + self.copy.later if self.kept else None


def _matches(schedule: Schedule, now: datetime, history: History) -> bool:
    if now.minute % 15:
        return False
    local = now.astimezone(ZoneInfo(history.time_zone))
    return (
        local.minute in schedule.minutes
        and local.hour in schedule.hours
        and schedule.matches_date(local.date())
    )


@dataclass
class _Found:
    """The minutes in which an objective does not hold, and the numbers of each day's end."""

    missed: dict[str, set[datetime]]
    points: list[list[int]]
    worst: timedelta


def _naive(copies: Sequence[Copy], objectives: Objectives, scenario: Scenario) -> _Found:
    states = [_Naive(copy) for copy in copies]
    found = _Found(
        {"rpo": set(), "minCopies": set(), "keepFor": set()}, [[] for _ in copies], DAY * 0
    )
    now = scenario.start - BEFORE
    while now < scenario.end:
        for state in states:
            state.minute(now, scenario)
        if now >= scenario.start:
            _judge(states, objectives, now, found)
        now += MINUTE
        if now > scenario.start and not now.hour and not now.minute:
            for state, points in zip(states, found.points, strict=True):
                points.append(len(state.kept))
    return found


def _judge(states: Sequence[_Naive], objectives: Objectives, now: datetime, found: _Found) -> None:
    ages = [now - state.newest if state.newest else DAY * 999 for state in states]
    found.worst = max(found.worst, min(ages) + MINUTE)
    assert objectives.rpo is not None
    if min(ages) >= objectives.rpo:
        found.missed["rpo"].add(now)
    recent = {
        state.copy.storage
        for state, age in zip(states, ages, strict=True)
        if age < objectives.recent_enough(state.copy.promised)
    }
    if len(recent) < (objectives.min_copies or 0):
        found.missed["minCopies"].add(now)
    oldest = min((state.oldest for state in states if state.oldest is not None), default=now)
    if now - oldest < (objectives.keep_for or timedelta()):
        found.missed["keepFor"].add(now)


def _minutes(spans: Sequence[Span]) -> Iterator[datetime]:
    for one in spans:
        now = one.start
        while now < one.end:
            yield now
            now += MINUTE


def _copy(
    storage: str, schedule: str, zone: str, keep: Mapping[str, int], max_age: str | None, later: int
) -> Copy:
    interval = Schedule.parse(schedule).longest_gap(ZoneInfo(zone), START)
    promised = Promise(interval, HOUR)
    retention = RetentionPolicySpec(
        max_retention_period=max_age,
        successful_snapshots=SuccessfulSnapshots.model_validate(keep),
    )
    history = History(schedule, zone, interval, HOUR, HOUR, retention, storage)
    return Copy("backup", storage, history, later * MINUTE, promised)


_COPIES = st.builds(
    _copy,
    st.sampled_from(["one", "two"]),
    st.sampled_from(_SCHEDULES),
    st.sampled_from(_ZONES),
    _KEEP,
    st.sampled_from([None, "3d", "9d"]),
    st.integers(0, 14),
)
_OUTAGES = st.builds(
    lambda storage, day, hours: Outage(
        storage, START + day * DAY, START + day * DAY + hours * HOUR
    ),
    st.sampled_from(["one", "two"]),
    st.integers(0, DAYS - 1),
    st.integers(1, 90),
)


def _spans(found: VolumeTimeline) -> dict[str, set[datetime]]:
    return {
        "rpo": {*_minutes(found.without_rpo)},
        "minCopies": {*_minutes(found.without_copies)},
        "keepFor": {*_minutes(found.without_keep_for)},
    }


@settings(max_examples=4, deadline=None, phases=[Step.explicit, Step.generate])
@given(
    st.lists(_COPIES, min_size=1, max_size=2),
    st.lists(_OUTAGES, max_size=2),
    st.sampled_from([0.0, 0.1]),
    st.integers(2, 60),
    st.integers(1, 12),
)
def test_every_moment_is_what_the_minutes_say(
    copies: list[Copy], outages: list[Outage], failures: float, rpo: int, keep_for: int
) -> None:
    scenario = Scenario(START, DAYS, tuple(outages), failures)
    objectives = Objectives(rpo * HOUR, keep_for * DAY, 2)
    found = volume_timeline(copies, objectives, scenario)
    naive = _naive(copies, objectives, scenario)
    assert _spans(found) == naive.missed
    assert [[day.points for day in line.days] for _, line in found.copies] == naive.points
    assert found.oldest_newest is not None
    assert found.oldest_newest.value == naive.worst
