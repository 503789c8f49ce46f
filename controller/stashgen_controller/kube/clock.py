"""Time as a value that is passed in, so that a test or an embedded cluster can move it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Protocol

# The server's Date counts in seconds, and an answer may be some time on its way.
_RESOLUTION = timedelta(seconds=1)
_LONGEST_WAY = timedelta(seconds=5)


class Clock(Protocol):
    """Where the controller and the embedded cluster take the time from."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called whenever the time jumps, so that waits can be counted anew."""
        ...


class SystemClock:
    """The node's clock; it never jumps as far as we know."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Nothing to do: the system's time only passes."""


class ServerClock:
    """The API server's clock: what it last said, and the time that has passed since.

    All times in objects are the API server's. Were they compared with the clock of our node, a
    clock that is set wrong, or jumps, would make every Job late, or none.

    Args:
        system: Asked until the server has said its time.
        passed: Seconds that have passed, from wherever they are counted; nobody sets them.
    """

    def __init__(
        self,
        system: Callable[[], datetime] = lambda: datetime.now(UTC),
        passed: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._system, self._passed = system, passed
        self._lock = Lock()
        self._said = ""
        self._zero: datetime | None = None

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        zero = self._zero
        return self._system() if zero is None else zero + timedelta(seconds=self._passed())

    def heard(self, date: str) -> None:
        """Take over the time of an answer: its Date field (RFC 9110, section 6.6.1).

        One that says nothing new, or is no date, changes nothing.
        """
        if date == self._said:
            return
        try:
            server = parsedate_to_datetime(date).astimezone(UTC)
        except (ValueError, OverflowError):
            return
        with self._lock:
            self._said = date
            passed = timedelta(seconds=self._passed())
            ours = self._zero + passed if self._zero is not None else None
            if ours is None or not server <= ours <= server + _RESOLUTION + _LONGEST_WAY:
                self._zero = server - passed

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Nothing to do: a correction is small, or was long awaited."""


class MovableClock:
    """The system's time plus an offset that only grows; time passes between two moves."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._offset = timedelta()
        self._subscribers: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    @property
    def offset(self) -> timedelta:
        """How far this clock is ahead of the system's."""
        with self._lock:
            return self._offset

    def advance(self, by: timedelta) -> datetime:
        """Move the time forward and wake everybody who waits for it; returns the new time.

        Raises:
            ValueError: for a negative step: Kubernetes' times never go back.
        """
        if by < timedelta():
            msg = "the clock can only be moved forward"
            raise ValueError(msg)
        with self._lock:
            self._offset += by
            subscribers = tuple(self._subscribers)
        for wake in subscribers:
            wake()
        return self.now()

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after each move."""
        with self._lock:
            self._subscribers.append(wake)
