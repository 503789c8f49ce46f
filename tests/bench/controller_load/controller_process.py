"""The controller as a process of its own, as a pod would run it, and what it takes."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from tests.api_contract.servers import running
from tests.bench.controller_load.apiserver import ApiServer, User
from tests.bench.controller_load.processor import cpu_seconds

_MODULE = "stashgen_controller.process.main"
_IN_POD = "tests.bench.controller_load.in_pod"
# As in the image (controller/Dockerfile).
_IMAGE = {"MALLOC_ARENA_MAX": "2"}
_PROFILED = "tests.bench.controller_load.profiled"
_RESET_PEAK = "5"
# So long it has done next to nothing: what comes later is not what was waited for.
_QUIET_SECONDS = 4.0
_QUIET_CPU_SECONDS = 0.1
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Controller:
    """The running process."""

    process: "Popen[str]"
    log: Path

    @property
    def cpu_seconds(self) -> float:
        """What it has used since its start."""
        return cpu_seconds(self.process.pid)

    @property
    def memory_mb(self) -> float:
        """What is resident now."""
        return self._status("VmRSS")

    @property
    def peak_mb(self) -> float:
        """The most that was resident since ``reset_peak``."""
        return self._status("VmHWM")

    def reset_peak(self) -> None:
        """Let the peak begin anew (proc(5), clear_refs)."""
        (self._folder / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")

    def check(self) -> None:
        """Raise if it has ended."""
        if self.process.poll() is not None:
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            msg = f"the controller ended with {self.process.returncode}:\n{tail}"
            raise RuntimeError(msg)

    @property
    def _folder(self) -> Path:
        return Path(f"/proc/{self.process.pid}")

    def _status(self, key: str) -> float:
        lines = (self._folder / "status").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith(key))
        return int(line.split()[1]) * 1024 / 1e6


@contextmanager
def controller(server: ApiServer, name: str, profiles: Path | None = None) -> Iterator[Controller]:
    """The controller runs inside the block.

    Args:
        server: Where.
        name: Of its log in the server's folder.
        profiles: Where to write a profile of each thread at the end; None for none.
    """
    account, address = server.account(User.CONTROLLER)
    module = [_MODULE] if profiles is None else [_PROFILED, str(profiles / name), _MODULE]
    command = [sys.executable, "-m", _IN_POD, str(account), *module]
    pod = [f"{key}={value}" for key, value in (address | _IMAGE).items()]
    log = server.folder / f"{name}.log"
    flags = ["--metrics-address=127.0.0.1:0"]
    with running(["/usr/bin/env", "--unset=KUBECONFIG", *pod, *command, *flags], log) as process:
        yield Controller(process, log)


def settle(process: Controller) -> float:
    """Wait until the controller has nothing to do; the time at which that began."""
    busy, used = time.time(), process.cpu_seconds
    while time.time() - busy < _QUIET_SECONDS:
        time.sleep(_LOOK_SECONDS)
        process.check()
        cpu = process.cpu_seconds
        if cpu - used > _QUIET_CPU_SECONDS:
            busy, used = time.time(), cpu
    return busy
