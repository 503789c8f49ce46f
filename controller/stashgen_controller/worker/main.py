"""``stashgen-worker VERB``: the command of every container that stashgen starts.

The worker is the pod's first process, for which a signal without a handler does not exist: so the
handlers are here before anything else is loaded. Python's collector only costs time at the start.
"""

import gc
import signal
import sys
from collections.abc import Sequence

from stashgen_controller.worker.restic.interruption import Interruption


def main(argv: Sequence[str] | None = None) -> int:
    """Do one verb and report; the exit code is 0 or 1, or 2 for a wrong command line."""
    interruption = Interruption()
    before = {
        number: signal.signal(number, lambda _number, _frame: interruption.request())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    gc.disable()
    try:
        from stashgen_controller.worker.command import run_command

        return run_command(argv, interruption)
    finally:
        gc.enable()
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
