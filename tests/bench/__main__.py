"""``make bench``: run every benchmark and print one JSON line a measurement.

A benchmark is a module with ``run()``; nothing here is a test, and no figure fails anything.
"""

import json
import sys
from collections.abc import Sequence

from tests.bench import build, worker

# The build first: a child starts with the peak of memory that its parent had (getrusage(2), Linux).
_BENCHMARKS = {"build": build.run, "worker": worker.run}


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all of them."""
    unknown = sorted(set(names) - set(_BENCHMARKS))
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there are {', '.join(_BENCHMARKS)}\n")
        return 2
    for name, run in _BENCHMARKS.items():
        if not names or name in names:
            for line in run():
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
