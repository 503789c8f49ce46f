"""A container ends as a whole, whoever runs in it."""

import os
from pathlib import Path

import pytest

from stashgen_controller.embedded.kubelet import sandbox
from tests.support.processes import wait_until

# By it the command is told from those of other tests.
_SECONDS = f"1000.{os.getpid()}"


@pytest.mark.parametrize("user", [0, 65534])
def test_nothing_of_a_killed_container_goes_on(tmp_path: Path, user: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    container = sandbox.Container(
        hostname="one",
        command=["sleep", _SECONDS],
        environment={},
        mounts=(),
        # Without root there is only one user.
        uid=user if sandbox.is_root() else 0,
        gid=user if sandbox.is_root() else 0,
        groups=(),
        capabilities=(),
        read_only_root=True,
        new_privileges=False,
    )
    process = sandbox.start(container, root=root, tools=(), log=tmp_path / "log")
    wait_until(lambda: bool(_sleeping()), (tmp_path / "log").read_text("utf-8"))
    running = _sleeping()
    process.kill()
    wait_until(lambda: not running & _sleeping(), "the container goes on")


def _sleeping() -> set[int]:
    """Who runs the container's command, by their numbers on the machine."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes() == f"sleep\0{_SECONDS}\0".encode():
                found.add(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
