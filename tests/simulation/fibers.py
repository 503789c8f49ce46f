"""Code that is written to wait, run step by step: coroutines for what knows of none.

A worker's verb and a reconciler are plain functions. Each runs on a stack of its own (greenlet),
and only one at a time: ``resume`` returns when the function pauses or ends. So the order is the
caller's alone.
"""

from collections.abc import Callable

from greenlet import getcurrent, greenlet

from tests.simulation.timeline import Timeline


class KilledError(BaseException):
    """The process is gone at this moment: nothing of it runs any more, no clean-up either."""


class Fiber:
    """One function that pauses.

    Attributes:
        is_over: It has ended, in whatever way.
        ended: When it did.
        is_running: It is the one that runs now.
    """

    def __init__(self, timeline: Timeline, work: Callable[[], None]) -> None:
        self._timeline = timeline
        self._function = work
        self._stack = greenlet(self._work)
        self._caller: greenlet | None = None
        self._is_killed = False
        self._waits = 0
        self.is_over = False
        self.ended = timeline.now
        self.is_running = False

    def resume(self) -> None:
        """Go on until the next pause; raises what the function raises."""
        if self.is_over:
            return
        self._caller = self._stack.parent = getcurrent()
        self.is_running = True
        try:
            self._stack.switch()
        finally:
            self.is_running = False

    def kill(self) -> None:
        """End it where it waits."""
        self._is_killed = True
        self.resume()

    def wake(self) -> None:
        """End its sleep now."""
        self._waits += 1
        self._timeline.after(0, self.resume)

    def sleep(self, seconds: float) -> None:
        """Pause for so many seconds of virtual time; called by the function itself.

        Raises:
            KilledError: the process was ended meanwhile.
        """
        self.require_alive()
        self._waits += 1
        number = self._waits

        def wake() -> None:
            if self._waits == number:
                self.resume()

        self._timeline.after(seconds, wake)
        assert self._caller is not None
        self._caller.switch()
        self.require_alive()

    def require_alive(self) -> None:
        """Raises KilledError where the process was ended."""
        if self._is_killed:
            raise KilledError

    def _work(self) -> None:
        try:
            self.require_alive()
            self._function()
        except KilledError:
            pass
        finally:
            self.ended = self._timeline.now
            self.is_over = True
