"""How much memory a worker took at most."""

from tests.support.workbench import Ended

MOST_MEMORY_KB = 60_000
# The peak of the process itself: what its parent is told counts restic, too.
WITH_PEAK = """
import sys
from pathlib import Path
from stashgen_controller.worker.main import main
code = main()
peak = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
print("peak:", peak.split()[1], file=sys.stderr)
sys.exit(code)
"""


def peak_kb(ended: Ended) -> int:
    line = next(line for line in ended.printed.splitlines() if line.startswith("peak: "))
    return int(line.split()[1])
