"""Who used the processors meanwhile: figures of a busy machine are worth less, and say so."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = slice(3, 5)
_GUEST = 8


def cpu_seconds(pid: int) -> float:
    """What a process has used since its start, its threads included (proc(5), ``stat``)."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one moment.

    Attributes:
        servers: CPU seconds of API server and etcd.
        played: CPU seconds of this process, which plays the cluster.
        busy: CPU seconds of all that runs on the machine.
    """

    at: float
    servers: float
    played: float
    busy: float

    @classmethod
    def now(cls, servers: Sequence[int]) -> "Reading":
        """Read them; ``servers`` are process ids."""
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        fields = [int(field) for field in line.split()[1:]]
        # A guest's time is in the user's as well.
        busy = sum(fields[:_GUEST]) - sum(fields[_IDLE])
        return cls(
            time.monotonic(), sum(map(cpu_seconds, servers)), time.process_time(), busy / _TICKS
        )

    def since(self, before: "Reading", controller: float) -> dict[str, object]:
        """What was used between the two, beside what the measured process used.

        ``others_share`` is how much of all processors went to what is no part of this.
        """
        servers, played = self.servers - before.servers, self.played - before.played
        others = self.busy - before.busy - servers - played - controller
        available = (self.at - before.at) * (os.cpu_count() or 1)
        return {
            "servers_cpu_seconds": round(servers, 2),
            "played_cpu_seconds": round(played, 2),
            "others_share": round(max(others, 0.0) / available, 2),
        }
