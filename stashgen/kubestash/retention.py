"""Which snapshots a RetentionPolicy keeps.

KubeStash documents the fields, not the algorithm; ours is restic's (manual, "Removing snapshots
according to a policy"): among succeeded snapshots the last N and the newest of each of the N most
recent hours, days, ISO weeks, months and years that contain one, in UTC. Applied per session of a
repository. Unlike KubeStash it never removes the last good snapshot; unlike restic it does not
keep the oldest one as well for as long as there are fewer of them than the count.

A succeeded snapshot that lacks unreadable files (a policy may accept that) never takes the place
of a whole one: the newest whole one is kept as well, and of an hour, day and so on the newest
whole one counts, if there is one. The last N are the last N.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase

_PERIOD_PART = re.compile(r"(?P<number>-?[0-9]+)(?P<unit>mo|[ywdhm])")
_MINUTES = {"y": 525_600, "mo": 43_200, "w": 10_080, "d": 1_440, "h": 60, "m": 1}
_DEFAULT_FAILED = 1

_Bucket = Callable[[datetime], object]
BUCKETS: dict[str, _Bucket] = {
    "hourly": lambda time: (time.date(), time.hour),
    "daily": lambda time: time.date(),
    "weekly": lambda time: time.isocalendar()[:2],
    "monthly": lambda time: (time.year, time.month),
    "yearly": lambda time: time.year,
}


@dataclass(frozen=True, slots=True)
class SnapshotFact:
    """What retention needs to know of a snapshot; ``time`` is aware.

    Attributes:
        is_whole: It lacks no file that could not be read.
    """

    name: str
    time: datetime
    phase: Phase
    session: str
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """Names to keep and names to remove, each oldest first; together the whole input."""

    keep: tuple[str, ...]
    remove: tuple[str, ...]


def parse_period(text: str) -> timedelta:
    """A ``maxRetentionPeriod``: integers with y, mo, w, d, h, m; a repeated unit overwrites.

    A minus is part of the grammar, so the result may be negative.

    Raises:
        ValueError: when the text is not such a period, or longer than the calendar.
    """
    text = text.strip()
    minutes: dict[str, int] = {}
    end = 0
    while match := _PERIOD_PART.match(text, end):
        minutes[match["unit"]] = int(match["number"]) * _MINUTES[match["unit"]]
        end = match.end()
    if end == 0 or end != len(text):
        msg = f"{text!r} is not a period like '2mo' or '1y6mo'"
        raise ValueError(msg)
    try:
        return timedelta(minutes=sum(minutes.values()))
    except OverflowError:
        msg = f"{text!r} is longer than the calendar"
        raise ValueError(msg) from None


def retention_period(policy: RetentionPolicySpec) -> timedelta | None:
    """How old a snapshot may get; None without a limit.

    Raises:
        ValueError: when the text is not a period, or not a positive one: every snapshot would
            be too old.
    """
    if not (policy.max_retention_period or "").strip():
        return None
    period = parse_period(policy.max_retention_period or "")
    if period <= timedelta():
        msg = f"{policy.max_retention_period!r} is not longer than zero"
        raise ValueError(msg)
    return period


def decide(
    snapshots: Iterable[SnapshotFact], policy: RetentionPolicySpec, now: datetime
) -> RetentionDecision:
    """Which of one repository's snapshots to keep.

    Running and pending ones are always kept. The newest succeeded one of each session is kept
    whatever the policy says, and so is the newest whole one.

    Raises:
        ValueError: when ``maxRetentionPeriod`` is not a positive period.
    """
    oldest = _oldest(policy, now)
    ordered = sorted(snapshots, key=lambda item: (item.time, item.name))
    keep = {item.name for item in ordered if item.phase in {Phase.PENDING, Phase.RUNNING}}
    for session in {item.session for item in ordered}:
        mine = [item for item in ordered if item.session == session]
        good = [item for item in mine if item.phase is Phase.SUCCEEDED]
        bad = [item for item in mine if item.phase is Phase.FAILED]
        keep |= {item.name for item in good[-1:]}
        keep |= {item.name for item in [item for item in good if item.is_whole][-1:]}
        keep |= _kept_good([item for item in good if item.time >= oldest], policy)
        keep |= _kept_bad([item for item in bad if item.time >= oldest], policy)
    return RetentionDecision(
        keep=tuple(item.name for item in ordered if item.name in keep),
        remove=tuple(item.name for item in ordered if item.name not in keep),
    )


def _oldest(policy: RetentionPolicySpec, now: datetime) -> datetime:
    """The time before which everything is removed."""
    period = retention_period(policy)
    beginning = datetime.min.replace(tzinfo=UTC)
    return now - period if period is not None and period < now - beginning else beginning


def _kept_good(snapshots: Sequence[SnapshotFact], policy: RetentionPolicySpec) -> set[str]:
    counts = policy.successful_snapshots or SuccessfulSnapshots()
    if counts == SuccessfulSnapshots():
        return {item.name for item in snapshots}
    newest_first = list(reversed(snapshots))
    kept = {item.name for item in newest_first[: _count(counts.last)]}
    for field, bucket in BUCKETS.items():
        kept |= _newest_of_each(newest_first, bucket, _count(getattr(counts, field)))
    return kept


def _newest_of_each(
    newest_first: Sequence[SnapshotFact], bucket: _Bucket, count: int | None
) -> set[str]:
    kept: dict[object, SnapshotFact] = {}
    for item in newest_first:
        key = bucket(item.time.astimezone(UTC))
        if key not in kept or (item.is_whole and not kept[key].is_whole):
            kept[key] = item
    return {item.name for item in list(kept.values())[:count]}


def _kept_bad(snapshots: Sequence[SnapshotFact], policy: RetentionPolicySpec) -> set[str]:
    failed = policy.failed_snapshots
    count = _DEFAULT_FAILED if failed is None or failed.last is None else failed.last
    return {item.name for item in list(reversed(snapshots))[: _count(count)]}


def _count(value: int | None) -> int | None:
    """How many to take: none where nothing is said, all where restic's -1 is."""
    return None if value is not None and value < 0 else value or 0
