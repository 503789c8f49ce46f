"""A rename that never replaces: the other call of Linux by which a file is created whole or not.

renameat2(2) with RENAME_NOREPLACE. SMB, exFAT and most FUSE file systems have it; NFS has hard
links instead.
"""

import ctypes
import errno
import os

_AT_FDCWD = -100
_NO_REPLACE = 1
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


class NotSupportedError(OSError):
    """The file system, or the kernel, has no such call."""


def rename_new(source: str, target: str) -> None:
    """Rename a file unless there is one of the new name.

    Raises:
        FileExistsError: there is one.
        NotSupportedError: it cannot be done here.
        OSError: any other refusal.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "renameat2", None)
    if call is None:
        raise NotSupportedError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _NO_REPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code in _UNKNOWN:
        raise NotSupportedError(code, os.strerror(code))
    raise OSError(code, os.strerror(code), target)
