"""Which processes are ours: recorded when started, and checked before they are signalled.

A process number is used again by the kernel, so a record holds the start time and the program's
name too; a signal goes to a process only if all of them agree.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.layout import Layout

_START_SECONDS = 10.0
_STOP_SECONDS = 20.0
_STEP_SECONDS = 0.02
_LOG_LINES = 15


def start(layout: Layout, name: str, command: Sequence[str], *, program: str) -> int:
    """Start a program that runs on after us, by a command that forks and executes it.

    Args:
        layout: Where its output and its record go.
        name: What it is called in the log and the record.
        command: unshare or nsenter, which wait for the program as its parent.
        program: The program's file name, by which the child is recognised.

    Raises:
        ClusterError: it ended at once; the message has the end of its log.
    """
    with (layout.logs / f"{name}.log").open("ab") as log:
        parent = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if parent.poll() is not None:
            break
        for pid in _children(parent.pid):
            found = _identity(pid)
            # The kernel keeps 15 characters of a name.
            if found and found["program"] == program[:15]:
                (layout.processes / f"{name}.json").write_text(json.dumps(found))
                return pid
        time.sleep(_STEP_SECONDS)
    parent.kill()
    parent.wait()
    raise ClusterError(f"{name} did not start\n{log_end(layout, name)}")


def running(layout: Layout, name: str) -> int | None:
    """The process that was started under the name, if it still runs."""
    try:
        recorded = json.loads((layout.processes / f"{name}.json").read_text())
    except FileNotFoundError:
        return None
    pid = int(recorded["pid"])
    return pid if _identity(pid) == recorded else None


def kill(layout: Layout, name: str) -> None:
    """Kill a process of ours, if it runs, and wait until it is gone.

    Raises:
        ClusterError: it is still there after the time that any of them needs.
    """
    pid = running(layout, name)
    if pid is None:
        return
    # Between the check and the signal the number cannot pass to another process: a handle does.
    handle = os.pidfd_open(pid)
    try:
        if running(layout, name) == pid:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)
    deadline = time.monotonic() + _STOP_SECONDS
    while running(layout, name) is not None:
        if time.monotonic() > deadline:
            raise ClusterError(f"{name} (process {pid}) did not exit")
        time.sleep(_STEP_SECONDS)


def names(layout: Layout) -> list[str]:
    """Every process that was ever started in this state folder."""
    return sorted(path.stem for path in layout.processes.glob("*.json"))


def log_end(layout: Layout, name: str) -> str:
    """The last lines that a process wrote, with the file they are from."""
    log = layout.logs / f"{name}.log"
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return "\n".join([f"{log}:", *(f"  {line}" for line in lines[-_LOG_LINES:])])


def _identity(pid: int) -> dict[str, str | int] | None:
    """What tells the process from another with its number, now, before or after a reboot."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may itself contain some; proc(5).
    program, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :]
    state, threads, start_ticks = (fields.split()[number] for number in (0, 17, 19))
    # A process that is killed has its files and sockets until its last thread has ended.
    if state in {"Z", "X"} and int(threads) <= 1:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {"pid": pid, "program": program, "startTicks": int(start_ticks), "boot": boot}


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            text = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(text[text.rindex(")") + 2 :].split()[1]) == parent:
            found.append(int(folder.name))
    return found
