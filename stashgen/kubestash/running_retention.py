"""What retention leaves after each of many runs, without a look at every restore point each time.

``stashgen.kubestash.retention`` decides what a worker removes; this comes to the same, run after
run, where every restore point is of one session and whole: a restore point that a rule no longer
keeps is one that a newer one has displaced from it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec, SuccessfulSnapshots
from stashgen.kubestash.retention import BUCKETS, retention_period

_Bucket = Callable[[datetime], object]


def rule_counts(counts: SuccessfulSnapshots | None) -> dict[str, int | None]:
    """How many to keep by rule, None for all; without any rule all are kept."""
    found = {} if counts is None else {name: getattr(counts, name) for name in COUNTS}
    given = {name: count for name, count in found.items() if count is not None}
    return {name: None if count < 0 else count for name, count in given.items()} or {"last": None}


class Rule:
    """The newest restore point of each of the last ``count`` hours, days and so on."""

    def __init__(self, name: str, count: int | None) -> None:
        self.name = name
        self._bucket: _Bucket = BUCKETS.get(name, lambda time: time)
        self._kept: deque[tuple[object, datetime]] = deque(maxlen=count)

    def add(self, tick: datetime) -> datetime | None:
        """A restore point newer than all; returns which one the rule keeps no longer, if any."""
        bucket, kept = self._bucket(tick), self._kept
        displaced = None
        if kept and kept[-1][0] == bucket:
            displaced = kept.pop()[1]
        elif len(kept) == kept.maxlen:
            displaced = kept[0][1] if kept else tick
        kept.append((bucket, tick))
        return displaced

    def reach(self, now: datetime, oldest: timedelta | None) -> timedelta:
        """The age of the oldest that is left; what is too old goes for good."""
        while oldest is not None and self._kept and now - self._kept[0][1] > oldest:
            self._kept.popleft()
        return now - self._kept[0][1] if self._kept else timedelta()


class RestorePoints:
    """What there is of one session, the oldest first, by the time in UTC of each.

    Args:
        retention: A valid one.
    """

    def __init__(self, retention: RetentionPolicySpec) -> None:
        self._rules = [
            Rule(name, count) for name, count in rule_counts(retention.successful_snapshots).items()
        ]
        self._period = retention_period(retention)
        # By how many rules each is kept.
        self._keepers: OrderedDict[datetime, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keepers)

    def __iter__(self) -> Iterator[datetime]:
        return iter(self._keepers)

    @property
    def oldest(self) -> datetime | None:
        """None if there is none."""
        return next(iter(self._keepers), None)

    @property
    def newest(self) -> datetime | None:
        """None if there is none."""
        return next(reversed(self._keepers), None)

    def add(self, time: datetime) -> None:
        """One more, newer than all; what no rule keeps any longer goes."""
        before = self.newest
        self._keepers[time] = len(self._rules)
        for rule in self._rules:
            displaced = rule.add(time)
            if displaced is not None and displaced in self._keepers:
                self._keepers[displaced] -= 1
                if not self._keepers[displaced] and displaced != time:
                    del self._keepers[displaced]
        # The newest is kept whatever the rules say, and until now this was it.
        if before is not None and not self._keepers.get(before, 1):
            del self._keepers[before]

    def expire(self, now: datetime) -> None:
        """What has become too old goes, but never the newest."""
        while self._period is not None and len(self._keepers) > 1:
            if now - next(iter(self._keepers)) <= self._period:
                return
            self._keepers.popitem(last=False)
