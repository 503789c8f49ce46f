"""A request to stop the worker, from a signal or a deadline, passed on to the running child.

Everything here may run inside a signal handler: nothing waits for a lock, no thread is started.
"""

import signal
import subprocess
import time
from dataclasses import dataclass

_KILL_AFTER = 60.0


@dataclass(slots=True)
class Interruption:
    """Asks the running child to stop, once, and kills it if it does not.

    Attributes:
        is_requested: The worker is stopping: no further child may be started.
        is_late: The deadline, not a signal, made the first request.
    """

    is_requested: bool = False
    is_late: bool = False
    _child: "subprocess.Popen[bytes] | None" = None
    _told: float | None = None

    def request(self, *, late: bool = False) -> None:
        """Have the child release its lock and end."""
        if not self.is_requested:
            self.is_late = late
            self.is_requested = True
        self._tell()

    def watch(self, child: "subprocess.Popen[bytes]") -> None:
        """Hand the wish on to this child, also if it is older than the child."""
        self._told = None
        self._child = child
        if self.is_requested:
            self._tell()

    def release(self) -> None:
        """The child has ended."""
        self._child = None

    def kill_if_deaf(self) -> None:
        """Kill the child if it was told to end long ago."""
        is_deaf = self._told is not None and time.monotonic() - self._told > _KILL_AFTER
        if is_deaf and self._child is not None:
            self._child.kill()

    def _tell(self) -> None:
        child = self._child
        if child is not None and self._told is None:
            self._told = time.monotonic()
            child.send_signal(signal.SIGTERM)
