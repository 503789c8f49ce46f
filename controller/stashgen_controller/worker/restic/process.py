"""restic as a child process: JSON out, signals forwarded."""

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.restic.errors import error_class
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.output import ErrorLog, Output
from stashgen_controller.worker.storage.base import LOCAL_ACCESS, ResticAccess

HOST = "host-0"
# With a check ends a good backup, which another one's lock shall not turn into a failed one.
_LONGEST_LOCK_WAIT = 300.0
_WAITS_LONGER = frozenset({"check"})
# A restore's progress is all that is known of it when it is interrupted.
_PROGRESS_FPS = {"restore": "20"}
_SELDOM = "0.1"
_KILLED = -9
_TICK = 0.5
_CHUNK = 1 << 16


class ResticError(Exception):
    """restic failed; ``reason`` is the class, the text restic's own message.

    Attributes:
        output: What it said before; None where it was not even started.
    """

    def __init__(self, reason: ErrorClass, message: str, output: Output | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.output = output


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command that ended with an exit code that its caller accepts."""

    exit_code: int
    output: Output

    @property
    def text(self) -> str:
        """Restic's own words about what went wrong."""
        return self.output.text(self.exit_code)


@dataclass(slots=True)
class Restic:
    """restic on one repository.

    Attributes:
        repository: As restic spells it.
        password_file: Holds the password; it is never an argument nor in the environment.
        cache_dir: Where the cache goes; None switches it off.
        temp_dir: For files that restic needs while it runs; None leaves that to the system.
        interruption: Ends the running command, and lets no other one start.
        errors: Takes what restic complains about, of all commands.
        deadline: restic is interrupted at this time on ``now``'s clock.
        no_lock: Our keys may only read: the commands hold no lock.
        access: What the storage needs: environment variables, and flags of every command.
        priority: What comes before restic on its command line.
    """

    repository: str
    password_file: str
    cache_dir: str | None
    temp_dir: str | None
    now: Callable[[], datetime]
    interruption: Interruption
    errors: ErrorLog
    deadline: datetime | None = None
    access: ResticAccess = LOCAL_ACCESS
    no_lock: bool = False
    priority: Sequence[str] = ()
    binary: str = "restic"

    def run(
        self,
        command: str,
        *args: str,
        ok: Sequence[int] = (0,),
        on_progress: Callable[[dict[str, object]], None] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Outcome:
        """Run a command with ``--json`` and wait for its end.

        A command that ends well although it was asked to end has done its work: that counts.

        Args:
            command: restic's.
            args: Its own.
            ok: The exit codes after which it has done its work.
            on_progress: Takes each message that is no error.
            meanwhile: Called once the command has started, while it derives its key from the
                password.

        Raises:
            ResticError: for any exit code that is not in ``ok``, or when no command may start.
        """
        if self._seconds_left() <= 0:
            self.interruption.request(late=True)
        if self.interruption.is_requested:
            what = f"restic {command} was not started: the run is being stopped"
            raise self._interrupted(what)
        output = Output(repository=self.repository)
        exit_code = self._run([command, *args], output, on_progress, meanwhile)
        for text in output.errors.texts:
            self.errors.add(text)
        self.errors.count += output.errors.count - len(output.errors.texts)
        if exit_code in ok:
            return Outcome(exit_code, output)
        raise self._error(command, exit_code, output)

    def time_flag(self) -> str:
        """``--time`` for a backup: our clock is the one that retention counts with."""
        return f"--time={self.now().astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    def _run(
        self,
        args: Sequence[str],
        output: Output,
        on_progress: Callable[[dict[str, object]], None] | None,
        meanwhile: Callable[[], None] | None,
    ) -> int:
        try:
            child = subprocess.Popen(
                [*self.priority, self.binary, "--json", *self._flags(args[0]), *args],
                env=self._environment(args[0]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # A signal to the worker's group must not reach restic twice.
                start_new_session=True,
            )
        except OSError as error:
            raise ResticError(ErrorClass.RESTIC_TOO_OLD, f"restic: {error}") from error
        with child:
            self.interruption.watch(child)
            try:
                if meanwhile is not None:
                    meanwhile()
                for line, is_error in _lines(child, self._tick()):
                    message = output.feed(line, is_error=is_error)
                    if message is not None and on_progress is not None:
                        on_progress(message)
                return child.wait()
            finally:
                self.interruption.release()

    def _tick(self) -> Callable[[], None]:
        """What to look after every moment while restic runs."""
        stop_at = time.monotonic() + self._seconds_left()

        def tick() -> None:
            if time.monotonic() >= stop_at:
                self.interruption.request(late=True)
            self.interruption.kill_if_deaf()

        return tick

    def _seconds_left(self) -> float:
        if self.deadline is None:
            return float("inf")
        return (self.deadline - self.now()).total_seconds()

    def _flags(self, command: str) -> list[str]:
        flags = (
            ["--cache-dir", f"{self.cache_dir}/restic-cache", "--cleanup-cache"]
            if self.cache_dir is not None
            else ["--no-cache"]
        )
        flags += self.access.flags
        if self.no_lock:
            return [*flags, "--no-lock"]
        if command != "init":
            # Half of the time left, so that a lock is reported as such and not as a deadline.
            seconds = max(self._seconds_left() / 2, 0.0)
            if command not in _WAITS_LONGER or self.deadline is None:
                seconds = min(_LONGEST_LOCK_WAIT, seconds)
            flags += ["--retry-lock", f"{int(seconds)}s"]
        return flags

    def _environment(self, command: str) -> Mapping[str, str]:
        """The container's variables (proxies, GOGC, RESTIC_PACK_SIZE), overridden by ours."""
        ours = {
            "RESTIC_REPOSITORY": self.repository,
            "RESTIC_PASSWORD_FILE": self.password_file,
            "RESTIC_PROGRESS_FPS": _PROGRESS_FPS.get(command, _SELDOM),
            "TZ": "UTC",
        }
        ours |= self.access.environment
        return {**os.environ} | ours | ({"TMPDIR": self.temp_dir} if self.temp_dir else {})

    def _error(self, command: str, exit_code: int, output: Output) -> ResticError:
        text = output.text(exit_code)
        if self.interruption.is_requested:
            how = (
                "had to be killed: it may have left its lock"
                if exit_code == _KILLED
                else "was interrupted before it finished"
            )
            # A storage that went away is tried again and again until then.
            said = "".join(f": {last}" for last in output.errors.texts[-1:])
            what = f"restic {command} {how} (exit code {exit_code}){said}"
            return self._interrupted(what, output)
        reason = error_class(command, exit_code, output, self._scratch)
        return ResticError(reason, f"restic {command}: {text}", output)

    @property
    def _scratch(self) -> Sequence[str]:
        """The folders that restic uses beside the repository."""
        return [folder for folder in (self.temp_dir, self.cache_dir) if folder is not None]

    def _interrupted(self, message: str, output: Output | None = None) -> ResticError:
        late = self.interruption.is_late
        reason = ErrorClass.DEADLINE_EXCEEDED if late else ErrorClass.INTERRUPTED
        return ResticError(reason, message, output)


def _lines(
    child: "subprocess.Popen[bytes]", tick: Callable[[], None]
) -> Iterator[tuple[bytes, bool]]:
    """The lines of both streams as they come, and whether a line is of standard error.

    ``tick`` is called at least every half second.
    """
    rests: dict[IO[bytes], bytes] = {
        stream: b"" for stream in (child.stdout, child.stderr) if stream is not None
    }
    with selectors.DefaultSelector() as selector:
        for stream in rests:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            tick()
            for key, _ in selector.select(_TICK):
                stream = next(item for item in rests if item is key.fileobj)
                chunk = os.read(stream.fileno(), _CHUNK)
                if not chunk:
                    selector.unregister(stream)
                    chunk = b"\n"
                *lines, rests[stream] = (rests[stream] + chunk).split(b"\n")
                for line in lines:
                    yield line, stream is child.stderr
