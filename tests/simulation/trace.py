"""What happened, in order: enough to understand a violation, and to compare two runs."""

import hashlib
from collections import deque

from tests.simulation.timeline import Timeline

_MOST = 4000


class Trace:
    """Lines of time, who and what; the newest are kept."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._digest = hashlib.sha256()
        self.lines: deque[str] = deque(maxlen=_MOST)

    def add(self, who: str, what: str) -> None:
        """Note something now."""
        line = f"{self._timeline.now:%d %H:%M:%S.%f}"[:-3] + f"  {who:<22} {what}"
        self._digest.update(line.encode())
        self.lines.append(line)

    @property
    def digest(self) -> str:
        """The same for the same run."""
        return self._digest.hexdigest()[:16]
