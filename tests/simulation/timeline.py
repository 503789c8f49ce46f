"""Virtual time: what happens when, in one order that a seed decides."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

START = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


class Timeline:
    """Actions in the order of their times; those of the same moment in a random order.

    Attributes:
        random: The only source of chance in a simulation.
        seconds: Since the start.
        steps: How many actions were done.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seconds = 0.0
        self.steps = 0
        self._number = 0
        self._actions: list[tuple[float, float, int, Callable[[], None]]] = []

    @property
    def now(self) -> datetime:
        """The time in truth; nobody's clock need show it."""
        return START + timedelta(seconds=self.seconds)

    def unix_time(self) -> float:
        """The time in truth, in seconds of Unix time."""
        return self.now.timestamp()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something done after so many seconds."""
        self._number += 1
        due = self.seconds + max(seconds, 0.0)
        heapq.heappush(self._actions, (due, self.random.random(), self._number, action))

    def run(self, seconds: float) -> None:
        """Do all that is due within so many seconds."""
        end = self.seconds + seconds
        while self._actions and self._actions[0][0] <= end:
            due, _, _, action = heapq.heappop(self._actions)
            self.seconds = max(self.seconds, due)
            self.steps += 1
            action()
        self.seconds = end
