"""The days that are simulated, and what goes wrong in them."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b

_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a storage cannot be reached; whole quarters of an hour, in UTC."""

    storage: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated.

    Attributes:
        start: A midnight in UTC.
        days: How many from then on.
        outages: In which nothing is written to a storage, and nothing is removed from it.
        failures: The share of the other runs that fail in the end, from 0 to 1.
        seed: Which of them.
        change: The share of a volume that another content replaces within a day, from 0 to 1.
        growth: By which share a volume grows in a year.
    """

    start: datetime
    days: int
    outages: tuple[Outage, ...] = ()
    failures: float = 0.0
    seed: int = 0
    change: float = 0.0
    growth: float = 0.0

    @property
    def end(self) -> datetime:
        """The midnight after the last day."""
        return self.start + timedelta(days=self.days)

    def day(self, number: int) -> date:
        """One of the days, counted from 0."""
        return (self.start + timedelta(days=number)).date()

    def of_storage(self, storage: str) -> "Scenario":
        """The same without the outages of other storages."""
        own = tuple(one for one in self.outages if one.storage == storage)
        return replace(self, outages=own)

    def distinguished(self, storage: str) -> str:
        """The storage's name if something happens to it alone; otherwise they are all alike."""
        away = any(one.storage == storage for one in self.outages)
        return storage if away or self.failures else ""

    def is_away(self, moment: datetime) -> bool:
        """Whether any of the outages lasts then."""
        return any(one.start <= moment < one.end for one in self.outages)

    def fails(self, name: str, tick: datetime) -> bool:
        """Whether a run fails although its storage can be reached; the same at each call."""
        if not self.failures or tick < self.start:
            return False
        text = f"{self.seed}/{name}/{tick:%Y%m%d%H%M}".encode()
        drawn = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
        return drawn < self.failures * _RANGE
