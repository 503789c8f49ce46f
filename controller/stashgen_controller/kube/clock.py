"""Time as a value that is passed in, so that a test or an embedded cluster can move it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Protocol


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
