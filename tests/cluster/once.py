"""What the processes of a run need once and share."""

import fcntl
from collections.abc import Callable
from pathlib import Path


class Once:
    """Does things once in a run; whoever comes meanwhile waits for the end.

    Args:
        folder: What all processes of the run have, and no other run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str, act: Callable[[], object]) -> None:
        """Do something, unless it has been done; what failed is tried again by the next one."""
        done = self._folder / f"{name}.done"
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                act()
                done.touch()
