"""When a repository is checked and pruned: work on all of it, apart from any session.

A policy's rhythm is compiled into an annotation of the Repository; one without it, as plain
KubeStash manifests have it, gets the default.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.labels import UPKEEP_ANNOTATION
from stashgen.api.meta import ObjectMeta
from stashgen.kubestash.quantities import format_duration, parse_duration

SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=366)
# A check that found damage is worth repeating sooner: somebody is repairing it.
_WHILE_DAMAGED = timedelta(days=1)
# So much later than planned is a matter for people: backups and restores went first, say.
_GRACE = timedelta(days=1)
_PERCENT = re.compile(r"(100|[1-9][0-9]?)%")
_FIELDS = frozenset({"check", "prune", "readData"})


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The rhythm of one repository.

    Attributes:
        check_every: The time from one check to the next.
        prune_every: The same for removing the data of forgotten snapshots.
        read_percent: How much of the stored data each check reads; 0 for none of it.
    """

    check_every: timedelta
    prune_every: timedelta
    read_percent: int = 0

    def annotation(self) -> str:
        """The annotation's value, such as ``check=168h0m0s,readData=5%,prune=24h0m0s``."""
        parts = [f"check={format_duration(self.check_every)}"]
        if self.read_percent:
            parts.append(f"readData={self.read_percent}%")
        return ",".join((*parts, f"prune={format_duration(self.prune_every)}"))

    def next_check(self, last: datetime | None, now: datetime, *, is_damaged: bool) -> datetime:
        """When the next check is due; ``now`` where no earlier one is known."""
        every = min(self.check_every, _WHILE_DAMAGED) if is_damaged else self.check_every
        return _after(last, every, now)

    def next_prune(self, last: datetime | None, now: datetime) -> datetime:
        """When the next prune is due; ``now`` where no earlier one is known."""
        return _after(last, self.prune_every, now)

    def is_overdue(self, checked: datetime | None, pruned: datetime | None, now: datetime) -> bool:
        """Whether one of them, which was done before, is late by more than a day."""
        return any(
            last is not None and now - last > every + _GRACE
            for last, every in ((checked, self.check_every), (pruned, self.prune_every))
        )


DEFAULT = Upkeep(check_every=timedelta(days=7), prune_every=timedelta(days=1))


def upkeep_of(metadata: ObjectMeta) -> Upkeep:
    """A Repository's rhythm: its annotation's, else the default.

    Raises:
        ValueError: the annotation cannot be read; a rhythm is not guessed.
    """
    text = (metadata.annotations or {}).get(UPKEEP_ANNOTATION)
    if text is None:
        return DEFAULT
    parts = [item.partition("=") for item in text.split(",")]
    fields = {name: value for name, _, value in parts}
    if len(fields) < len(parts) or not fields.keys() <= _FIELDS:
        msg = f"annotation {UPKEEP_ANNOTATION}: {text!r} is not check=…,readData=…,prune=…"
        raise ValueError(msg)
    return Upkeep(
        check_every=_interval(fields.get("check"), DEFAULT.check_every),
        prune_every=_interval(fields.get("prune"), DEFAULT.prune_every),
        read_percent=percent(fields["readData"]) if "readData" in fields else 0,
    )


def percent(text: str) -> int:
    """A share of the data, ``1%`` to ``100%``.

    Raises:
        ValueError: the text is not such a share.
    """
    match = _PERCENT.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not a share from 1% to 100%"
        raise ValueError(msg)
    return int(match[1])


def _interval(text: str | None, default: timedelta) -> timedelta:
    if text is None:
        return default
    found = parse_duration(text)
    if not SHORTEST <= found <= LONGEST:
        msg = f"annotation {UPKEEP_ANNOTATION}: {text!r} is not between 1h and 366 days"
        raise ValueError(msg)
    return found


def _after(last: datetime | None, every: timedelta, now: datetime) -> datetime:
    # A time that is still to come was written by a clock that was wrong.
    return now if last is None or last > now else last + every
