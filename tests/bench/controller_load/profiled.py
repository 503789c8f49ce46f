"""Run a module under cProfile, each thread for itself: ``profiled FOLDER MODULE [ARGS]``.

At the end FOLDER has a file a thread, named after it, for ``python -m pstats``.
"""

import cProfile
import runpy
import sys
import threading
import time
from pathlib import Path
from types import FrameType


class _Profiles:
    """A profile for each thread that is started."""

    def __init__(self) -> None:
        self.by_thread: dict[str, cProfile.Profile] = {}

    def begin(self, _frame: FrameType, _event: str, _arg: object) -> None:
        """The first event of a new thread: from here on cProfile takes them."""
        profile = cProfile.Profile(time.thread_time)
        self.by_thread[threading.current_thread().name] = profile
        profile.enable()


def main(folder: str, module: str, *arguments: str) -> None:
    """Run the module as a program and write the profiles when it ends."""
    if sys.version_info >= (3, 12):
        # From then on cProfile follows all threads at once and can tell none from another.
        sys.exit("profiles of single threads need Python 3.11")
    profiles = _Profiles()
    threading.setprofile(profiles.begin)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, profile in profiles.by_thread.items():
            profile.dump_stats(str(Path(folder) / f"{name}.pstats"))


if __name__ == "__main__":
    main(*sys.argv[1:])
