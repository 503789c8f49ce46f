"""Code that is written to wait, run step by step: coroutines for what knows of none.

A worker's verb and a reconciler are plain functions. Each runs on a thread of its own, but never
two at once: ``resume`` waits until the function pauses or ends. So the order is the caller's alone.
"""

from collections.abc import Callable
from threading import Lock, Thread

from tests.simulation.timeline import Timeline


class KilledError(BaseException):
    """The process is gone at this moment: nothing of it runs any more, no clean-up either."""


class _Runner:
    """A thread that runs one fiber after the other; starting a new one each time is slow."""

    def __init__(self) -> None:
        self.go, self.back = Lock(), Lock()
        self.go.acquire()
        self.back.acquire()
        self.fiber: Fiber | None = None
        Thread(target=self._run, name="fiber", daemon=True).start()

    def _run(self) -> None:
        while True:
            self.go.acquire()
            if self.fiber is not None:
                self.fiber._work()
            self.back.release()


_idle: list[_Runner] = []


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
        self._runner = _idle.pop() if _idle else _Runner()
        self._runner.fiber = self
        self._failure: BaseException | None = None
        self._is_killed = False
        self._waits = 0
        self.is_over = False
        self.ended = timeline.now
        self.is_running = False

    def resume(self) -> None:
        """Go on until the next pause; raises what the function raises."""
        if self.is_over:
            return
        runner = self._runner
        self.is_running = True
        runner.go.release()
        runner.back.acquire()
        self.is_running = False
        self._give_back(runner)

    def _give_back(self, runner: _Runner) -> None:
        if self.is_over:
            runner.fiber = None
            _idle.append(runner)
            if self._failure is not None:
                raise self._failure

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
        self._runner.back.release()
        self._runner.go.acquire()
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
        except BaseException as failure:  # noqa: BLE001 (raised where the fiber was resumed)
            self._failure = failure
        self.ended = self._timeline.now
        self.is_over = True
