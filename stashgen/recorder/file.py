"""The file of a record on disk: read, and replaced whole or not at all."""

import contextlib
import os
from pathlib import Path

from stashgen.diagnostics import ToolError

_TEMPORARY = ".stashgen-tmp"


def read_file(path: Path) -> bytes | None:
    """The file's content; None if there is none.

    Raises:
        ToolError: it is a link, no file, or cannot be read.
    """
    if path.is_symlink():
        raise ToolError(f"{path} is a symbolic link; a record is never written through one")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ToolError(f"cannot read {path}: {error.strerror}") from error


def create_file(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet, whole or not at all; False if something is there.

    Raises:
        ToolError: the system refuses.
    """
    if os.path.lexists(path):
        return False
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
        # Unlike a rename, a link never takes the place of another file.
        os.link(temporary, path)
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Put a new file in the place of the old one, which stays if anything fails.

    Raises:
        ToolError: the system refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
