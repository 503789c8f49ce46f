"""A queue of objects to look at: each key once, some of them not before a time.

Several threads take from it. Keys that share a lane are not worked on beside each other.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from threading import Condition

from stashgen_controller.kube.clock import Clock
from stashgen_controller.runtime.decision import Key

# The system's clock may be set while we wait: look at it again this often.
_LONGEST_WAIT = timedelta(seconds=30)


class WorkQueue:
    """Keys in order of arrival; a key is held back until all of its lanes are free.

    Three come before the others: an urgent key that was added while it was worked on, since what
    it waited for is most often what it wrote; one that a busy lane held back; one that is urgent.
    Of eight that are taken one is the oldest of the others and one the oldest that is urgent, so
    that a key that comes back for ever does not hold them up.

    Args:
        clock: The time.
        lanes: What no two keys at work may share; asked when a key is taken.
    """

    def __init__(
        self, clock: Clock, lanes: Callable[[Key], Iterable[object]] = lambda key: (key,)
    ) -> None:
        self._clock = clock
        self._lanes_of = lanes
        self._lanes: set[object] = set()
        self._changed = Condition()
        # A key is in one of the first four at most: in the order in which they are taken, then
        # those that wait for a lane.
        self._next_up: dict[Key, None] = {}
        self._urgent: dict[Key, None] = {}
        self._ready: dict[Key, None] = {}
        self._held: dict[object, list[Key]] = {}
        self._waiting: set[Key] = set()
        self._active: set[Key] = set()
        # Added while they were worked on, and whether they are urgent.
        self._again: dict[Key, bool] = {}
        self._delayed: list[tuple[datetime, int, Key]] = []
        self._due: dict[Key, datetime] = {}
        self._order, self._turn = count(), count()
        self._stopped = False
        clock.subscribe(self._wake)

    def add(self, key: Key, *, is_urgent: bool = False) -> None:
        """Have a key looked at as soon as possible; an urgent one before those that are not."""
        with self._changed:
            if self._add(key, is_urgent=is_urgent):
                self._changed.notify()

    def add_after(self, key: Key, delay: timedelta) -> None:
        """Have a key looked at after a delay on the clock; the earliest wish of several counts."""
        with self._changed:
            due = self._clock.now() + delay
            known = self._due.get(key)
            if known is not None and known <= due:
                return
            self._due[key] = due
            heapq.heappush(self._delayed, (due, next(self._order), key))
            if self._delayed[0][0] == due:
                self._changed.notify()

    @contextmanager
    def take(self) -> Iterator[Key | None]:
        """Wait for a key and hold it while the block runs; None once the queue is stopped."""
        taken = self._take()
        try:
            yield taken[0] if taken is not None else None
        finally:
            if taken is not None:
                self._done(*taken)

    def stop(self) -> None:
        """Let every waiting worker go home."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def depth(self) -> int:
        """How many keys wait to be looked at now."""
        with self._changed:
            return len(self._waiting)

    @property
    def idle(self) -> bool:
        """True when nothing waits and nobody works."""
        with self._changed:
            return not self._waiting and not self._active

    def _add(self, key: Key, *, is_urgent: bool = False) -> bool:
        """Whether it waits from now on."""
        if key in self._active:
            self._again[key] = is_urgent or self._again.get(key, False)
            return False
        if key in self._waiting:
            if is_urgent and key in self._ready:
                del self._ready[key]
                self._urgent[key] = None
            return False
        self._waiting.add(key)
        (self._urgent if is_urgent else self._ready)[key] = None
        return True

    def _take(self) -> tuple[Key, frozenset[object]] | None:
        with self._changed:
            while not self._stopped:
                wait = self._promote()
                while (key := self._pop()) is not None:
                    lanes = frozenset(self._lanes_of(key))
                    taken = lanes & self._lanes
                    if taken:
                        # Whoever is there frees the lane; until then nobody looks at the key.
                        self._held.setdefault(next(iter(taken)), []).append(key)
                        continue
                    self._waiting.discard(key)
                    self._active.add(key)
                    self._lanes |= lanes
                    # Another one waits for the rest, or for the next to become due.
                    self._changed.notify()
                    return key, lanes
                self._changed.wait(wait.total_seconds())
            return None

    def _pop(self) -> Key | None:
        """The next key, or None where all that wait are held back."""
        match next(self._turn) % 8:
            case 3:
                order = (self._urgent, self._ready, self._next_up)
            case 7:
                order = (self._ready, self._urgent, self._next_up)
            case _:
                order = (self._next_up, self._urgent, self._ready)
        for keys in order:
            if keys:
                key = next(iter(keys))
                del keys[key]
                return key
        return None

    def _promote(self) -> timedelta:
        """Move what is due to the ready keys; says how long nothing else becomes due."""
        now = self._clock.now()
        while self._delayed:
            due, _, key = self._delayed[0]
            if self._due.get(key) != due:
                heapq.heappop(self._delayed)
            elif due <= now:
                heapq.heappop(self._delayed)
                del self._due[key]
                self._add(key)
            else:
                return min(due - now, _LONGEST_WAIT)
        return _LONGEST_WAIT

    def _done(self, key: Key, lanes: frozenset[object]) -> None:
        with self._changed:
            self._active.discard(key)
            self._lanes -= lanes
            is_urgent = self._again.pop(key, None)
            if is_urgent is not None:
                self._waiting.add(key)
                (self._next_up if is_urgent else self._ready)[key] = None
            for lane in lanes:
                self._next_up.update(dict.fromkeys(self._held.pop(lane, ())))
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
