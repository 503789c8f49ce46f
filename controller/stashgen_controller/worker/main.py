"""``stashgen-worker VERB``: the command of every container that stashgen starts.

The worker is the pod's init process, which ignores signals without a handler, so the handlers are
installed before anything else is imported. Python's collector only costs time at the start.
"""

import gc
import os
import signal
import sys
from collections.abc import Sequence

from stashgen_controller.worker.restic.interruption import Interruption


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and report; returns exit code 0 or 1, or 2 for a wrong command line."""
    interruption = Interruption()
    before = {
        number: signal.signal(number, lambda _number, _frame: interruption.request())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    gc.disable()
    # A look through all installed packages, for what none of ours is.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    try:
        from stashgen_controller.worker.command import run_command

        return run_command(argv, interruption)
    finally:
        gc.enable()
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
