"""A command for which some system calls fail: stands in for a file system or a security module.

    python tests/support/denied.py ERRNO CALL[,CALL] COMMAND ...

seccomp(2) with a filter that answers them with an error; children inherit it. The numbers of the
calls are x86-64's.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_NUMBERS = {
    "chmod": 90,
    "fchmod": 91,
    "fchmodat": 268,
    "chown": 92,
    "fchown": 93,
    "lchown": 94,
    "fchownat": 260,
    "lsetxattr": 189,
    "lremovexattr": 198,
    "utimensat": 280,
    "link": 86,
    "linkat": 265,
    "renameat2": 316,
}
OWNERS = ("chown", "fchown", "lchown", "fchownat")
MODES = ("chmod", "fchmod", "fchmodat")
_LOAD_NUMBER, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_FAIL, _ALLOW = 0x00050000, 0x7FFF0000
_SET_SECCOMP, _NO_NEW_PRIVILEGES, _FILTER = 22, 38, 2


def denied(error: int, *calls: str) -> Sequence[str]:
    """The prefix of a command line for which these calls fail with an errno."""
    return (sys.executable, str(Path(__file__)), str(error), ",".join(calls))


def _deny(error: int, calls: Sequence[str]) -> None:
    steps = [(_LOAD_NUMBER, 0, 0, 0)]
    for call in calls:
        steps += [(_IF_EQUAL, 0, 1, _NUMBERS[call]), (_RETURN, 0, 0, _FAIL | error)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    _deny(int(sys.argv[1]), sys.argv[2].split(","))
    os.execvp(sys.argv[3], sys.argv[3:])
