"""Which restic there is: asked beside the imports, answered before its first command."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from stashgen.kubestash.pods.environment import why_reserved

OLDEST = (0, 18)


class ResticTooOldError(Exception):
    """restic lacks exit codes and JSON messages that we need, or is not there."""


class ResticUnusableError(Exception):
    """restic does not even start, for example with a variable that it cannot read."""


class VersionCheck:
    """A ``restic version`` that runs while the worker loads its modules."""

    def __init__(self, binary: str = "restic") -> None:
        self._missing: OSError | None = None
        self._child: subprocess.Popen[bytes] | None = None
        # What a user may not set has no effect on any of restic's commands.
        environment = {name: text for name, text in os.environ.items() if not why_reserved(name)}
        try:
            self._child = subprocess.Popen(
                [binary, "version"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            self._missing = error

    def require(self) -> None:
        """Wait for the answer.

        Raises:
            ResticTooOldError: it is too old, or not there.
            ResticUnusableError: it ended with an error, whose text is restic's.
        """
        if self._child is None:
            msg = f"restic: {self._missing}"
            raise ResticTooOldError(msg)
        printed, complaint = self._child.communicate()
        if self._child.returncode:
            said = complaint.decode(errors="replace").strip()
            raise ResticUnusableError(f"restic version: {said or self._child.returncode}")
        text = _version(printed)
        if _numbers(text) < OLDEST:
            msg = f"restic {text} is too old: 0.18 or newer is required"
            raise ResticTooOldError(msg)

    def close(self) -> None:
        """Leave no child behind, whether it was waited for or not."""
        if self._child is not None:
            with self._child:
                pass


@contextmanager
def asked_for_version() -> Iterator[VersionCheck]:
    """A check that runs meanwhile."""
    check = VersionCheck()
    try:
        yield check
    finally:
        check.close()


def _version(printed: bytes) -> str:
    words = printed.decode(errors="replace").split()
    return words[1] if len(words) > 1 else "unknown"


def _numbers(version: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
    except ValueError:
        return (0,)
