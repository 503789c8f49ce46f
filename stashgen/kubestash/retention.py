"""Which snapshots a RetentionPolicy keeps.

KubeStash documents the fields, not the algorithm; ours is restic's (manual, "Removing snapshots
according to a policy"): among succeeded snapshots the last N and the newest of each of the N most
recent hours, days, ISO weeks, months and years that contain one, in UTC. Applied per session of a
repository. Unlike KubeStash it never removes the last good snapshot.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.snapshot import Phase

_PERIOD_PART = re.compile(r"(?P<number>-?[0-9]+)(?P<unit>mo|[ywdhm])")
_MINUTES = {"y": 525_600, "mo": 43_200, "w": 10_080, "d": 1_440, "h": 60, "m": 1}
_DEFAULT_FAILED = 1

_Bucket = Callable[[datetime], object]
_BUCKETS: dict[str, _Bucket] = {
    "hourly": lambda time: (time.date(), time.hour),
    "daily": lambda time: time.date(),
    "weekly": lambda time: time.isocalendar()[:2],
    "monthly": lambda time: (time.year, time.month),
    "yearly": lambda time: time.year,
}


@dataclass(frozen=True, slots=True)
class SnapshotFact:
    """What retention needs to know of a snapshot; ``time`` is aware."""

    name: str
    time: datetime
    phase: Phase
    session: str


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """Names to keep and names to remove, each oldest first; together the whole input."""

    keep: tuple[str, ...]
    remove: tuple[str, ...]


def parse_period(text: str) -> timedelta:
    """A ``maxRetentionPeriod``: integers with y, mo, w, d, h, m; a repeated unit overwrites.

    Raises:
        ValueError: when the text is not such a period.
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
    return timedelta(minutes=sum(minutes.values()))


def decide(
    snapshots: Iterable[SnapshotFact], policy: RetentionPolicySpec, now: datetime
) -> RetentionDecision:
    """Which of one repository's snapshots to keep.

    Running and pending ones are always kept. The newest succeeded one of each session is kept
    whatever the policy says.

    Raises:
        ValueError: when ``maxRetentionPeriod`` is not a period.
    """
    ordered = sorted(snapshots, key=lambda item: (item.time, item.name))
    keep = {item.name for item in ordered if item.phase in {Phase.PENDING, Phase.RUNNING}}
    for session in {item.session for item in ordered}:
        mine = [item for item in ordered if item.session == session]
        good = [item for item in mine if item.phase is Phase.SUCCEEDED]
        bad = [item for item in mine if item.phase is Phase.FAILED]
        keep |= {item.name for item in good[-1:]}
        keep |= _kept_good(_within(good, policy, now), policy)
        keep |= _kept_bad(_within(bad, policy, now), policy)
    return RetentionDecision(
        keep=tuple(item.name for item in ordered if item.name in keep),
        remove=tuple(item.name for item in ordered if item.name not in keep),
    )


def _within(
    snapshots: Sequence[SnapshotFact], policy: RetentionPolicySpec, now: datetime
) -> Sequence[SnapshotFact]:
    if not policy.max_retention_period:
        return snapshots
    oldest = now - parse_period(policy.max_retention_period)
    return [item for item in snapshots if item.time >= oldest]


def _kept_good(snapshots: Sequence[SnapshotFact], policy: RetentionPolicySpec) -> set[str]:
    counts = policy.successful_snapshots
    if counts is None:
        return {item.name for item in snapshots}
    newest_first = list(reversed(snapshots))
    kept = {item.name for item in newest_first[: counts.last or 0]}
    for field, bucket in _BUCKETS.items():
        kept |= _newest_of_each(newest_first, bucket, getattr(counts, field) or 0)
    return kept


def _newest_of_each(newest_first: Sequence[SnapshotFact], bucket: _Bucket, count: int) -> set[str]:
    kept: dict[object, str] = {}
    for item in newest_first:
        if len(kept) == count:
            break
        kept.setdefault(bucket(item.time.astimezone(UTC)), item.name)
    return set(kept.values()) if count else set()


def _kept_bad(snapshots: Sequence[SnapshotFact], policy: RetentionPolicySpec) -> set[str]:
    failed = policy.failed_snapshots
    count = _DEFAULT_FAILED if failed is None or failed.last is None else failed.last
    return {item.name for item in snapshots[-count:]} if count > 0 else set()
