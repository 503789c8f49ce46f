"""A command for which names with a word are listed but never found: stands in for CIFS or FUSE.

    python tests/support/unresolvable.py WORD CALL COMMAND ...

seccomp(2) asks a supervisor about each call of that name (``newfstatat``, ``openat``), which reads
the path from the caller's memory and answers ENOENT or lets the call go on. x86-64's numbers.
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

_NUMBERS = {"newfstatat": 262, "openat": 257}
_SECCOMP = 317
_NO_NEW_PRIVILEGES, _MODE_FILTER, _NEW_LISTENER = 38, 1, 1 << 3
_LOAD_NUMBER, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ASK, _ALLOW = 0x7FC00000, 0x7FFF0000
# struct seccomp_notif: id, pid, flags, then seccomp_data: number, architecture, address, arguments.
_QUESTION, _ANSWER = "=QII" + "iIQ6Q", "=QqiI"
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1
_LONGEST = 4096


def unresolvable(word: str, call: str = "newfstatat") -> Sequence[str]:
    """The prefix of a command line for which paths with this word are not found by a call."""
    return (sys.executable, str(Path(__file__)), word, call)


def _install(call: str) -> int:
    """Install the filter; returns the supervisor's file descriptor."""
    steps = [
        (_LOAD_NUMBER, 0, 0, 0),
        (_IF_EQUAL, 0, 1, _NUMBERS[call]),
        (_RETURN, 0, 0, _ASK),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    listener = int(libc.syscall(_SECCOMP, _MODE_FILTER, _NEW_LISTENER, ctypes.byref(program)))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def _path(pid: int, address: int) -> bytes:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        # Not over the end of a page, which may be that of the mapping.
        found = memory.read(_LONGEST - address % _LONGEST)
        if b"\0" not in found:
            found += memory.read(_LONGEST)
    return found.partition(b"\0")[0]


def _supervise(listener: int, word: bytes) -> None:
    while True:
        question = bytearray(struct.calcsize(_QUESTION))
        try:
            fcntl.ioctl(listener, _RECEIVE, question)
        except OSError as error:
            if error.errno in {errno.EINTR, errno.ENOENT}:
                continue
            return
        id_, pid, *_, path, _, _, _, _ = struct.unpack(_QUESTION, question)
        is_lost = False
        with contextlib.suppress(OSError):
            is_lost = word in _path(pid, path)
        answer = (id_, 0, -errno.ENOENT, 0) if is_lost else (id_, 0, 0, _CONTINUE)
        with contextlib.suppress(OSError):
            fcntl.ioctl(listener, _SEND, bytearray(struct.pack(_ANSWER, *answer)))


def _run(word: str, call: str, command: Sequence[str]) -> int:
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        listener = _install(call)
        theirs.sendmsg(
            [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
        )
        os.close(listener)
        os.execvp(command[0], list(command))
    theirs.close()
    _, [(_, _, descriptors)], _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    (listener,) = array.array("i", descriptors[:4])
    threading.Thread(target=_supervise, args=(listener, os.fsencode(word)), daemon=True).start()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1], sys.argv[2], sys.argv[3:]))
