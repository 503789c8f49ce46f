"""restic as a child process: JSON out, exit codes into error classes, signals forwarded.

Exit codes: restic manual, "Scripting", since 0.17 (10 no repository, 11 locked, 12 wrong
password, 3 source incomplete, 130 interrupted).
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread, Timer
from typing import cast

from stashgen.kubestash.addons import TMP_PATH
from stashgen_controller.result import ErrorClass

OLDEST = (0, 18)
HOST = "host-0"
_LOCK_WAIT = "5m"
_EXIT_CODES = {
    3: ErrorClass.SOURCE_INCOMPLETE,
    10: ErrorClass.NO_REPOSITORY,
    11: ErrorClass.LOCKED,
    12: ErrorClass.WRONG_PASSWORD,
    130: ErrorClass.INTERRUPTED,
}
_TEXTS = (
    ("no space left on device", ErrorClass.NO_SPACE),
    ("disk quota exceeded", ErrorClass.NO_SPACE),
    ("file too large", ErrorClass.NO_SPACE),
    ("connection refused", ErrorClass.UNAVAILABLE),
    ("no such host", ErrorClass.UNAVAILABLE),
    ("i/o timeout", ErrorClass.UNAVAILABLE),
    ("transport endpoint", ErrorClass.UNAVAILABLE),
    ("stale file handle", ErrorClass.UNAVAILABLE),
    ("permission denied", ErrorClass.UNAVAILABLE),
    ("read-only file system", ErrorClass.UNAVAILABLE),
)
_KILL_AFTER = 60.0


class ResticError(Exception):
    """restic failed; ``reason`` is the class, the text restic's own message."""

    def __init__(self, reason: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a restic command said: its JSON messages and its exit code."""

    exit_code: int
    messages: list[dict[str, object]]
    errors: str

    def last(self, message_type: str) -> dict[str, object] | None:
        """The last message of a type."""
        found = [item for item in self.messages if item.get("message_type") == message_type]
        return found[-1] if found else None


@dataclass(slots=True)
class Restic:
    """restic on one repository.

    Attributes:
        repository: As restic spells it.
        password_file: Holds the password; it is never an argument nor in the environment.
        cache_dir: None switches the cache off.
        deadline: restic is interrupted at this time on ``now``'s clock.
    """

    repository: str
    password_file: str
    cache_dir: str | None
    now: Callable[[], datetime]
    deadline: datetime | None = None
    binary: str = "restic"
    _child: "subprocess.Popen[str] | None" = None
    _interrupted: bool = False
    _late: bool = False
    _lock: Lock = field(default_factory=Lock)

    def check_version(self) -> None:
        """Refuse a restic that lacks exit codes and JSON messages.

        Raises:
            ResticError: too old, or not there.
        """
        try:
            done = subprocess.run(
                [self.binary, "version"], capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise ResticError(ErrorClass.RESTIC_TOO_OLD, f"restic: {error}") from error
        words = done.stdout.split()
        text = words[1] if len(words) > 1 else "unknown"
        try:
            version = tuple(int(part) for part in text.split("-")[0].split(".")[:2])
        except ValueError:
            version = (0,)
        if version < OLDEST:
            msg = f"restic {text} is too old: 0.18 or newer is needed"
            raise ResticError(ErrorClass.RESTIC_TOO_OLD, msg)

    def run(
        self,
        *args: str,
        ok: Sequence[int] = (0,),
        on_message: Callable[[dict[str, object]], None] | None = None,
    ) -> Outcome:
        """Run a command with ``--json`` and wait for its end.

        Raises:
            ResticError: for any exit code that is not in ``ok``.
        """
        if self._interrupted:
            raise ResticError(ErrorClass.INTERRUPTED, "interrupted before restic was started")
        outcome = self._run(args, on_message)
        if self._late:
            raise ResticError(
                ErrorClass.DEADLINE_EXCEEDED, f"restic {args[0]} did not end before the deadline"
            )
        if self._interrupted:
            msg = f"restic {args[0]} was interrupted and released its lock"
            raise ResticError(ErrorClass.INTERRUPTED, msg)
        if outcome.exit_code not in ok:
            raise _error(args[0], outcome)
        return outcome

    def interrupt(self) -> None:
        """Have the running command release its lock and end; no further command is started."""
        with self._lock:
            self._interrupted = True
            child = self._child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)
            Timer(_KILL_AFTER, child.kill).start()

    def _run(
        self, args: Sequence[str], on_message: Callable[[dict[str, object]], None] | None
    ) -> Outcome:
        with self._lock:
            child = subprocess.Popen(
                [self.binary, "--json", *self._flags(args[0]), *args],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # A signal to the worker's group must not reach restic twice.
                start_new_session=True,
            )
            self._child = child
        timer = self._timer()
        errors: list[str] = []
        reader = Thread(target=lambda: errors.extend(child.stderr or ()), daemon=True)
        reader.start()
        messages: list[dict[str, object]] = []
        try:
            for message in _messages(child.stdout or ()):
                if message.get("message_type") == "status":
                    if on_message is not None:
                        on_message(message)
                else:
                    messages.append(message)
            exit_code = child.wait()
        finally:
            if timer is not None:
                timer.cancel()
        reader.join()
        return Outcome(exit_code, messages, "".join(errors))

    def _timer(self) -> Timer | None:
        if self.deadline is None:
            return None
        left = (self.deadline - self.now()).total_seconds()
        timer = Timer(max(left, 0.0), self._stop_late)
        timer.daemon = True
        timer.start()
        return timer

    def _stop_late(self) -> None:
        self._late = True
        self.interrupt()

    def _flags(self, command: str) -> list[str]:
        flags = (
            ["--cache-dir", f"{self.cache_dir}/restic-cache", "--cleanup-cache"]
            if self.cache_dir is not None
            else ["--no-cache"]
        )
        if command not in {"init", "version"}:
            flags += ["--retry-lock", _LOCK_WAIT]
        return flags

    def _environment(self) -> Mapping[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        return kept | {
            "RESTIC_REPOSITORY": self.repository,
            "RESTIC_PASSWORD_FILE": self.password_file,
            "RESTIC_PROGRESS_FPS": "0.1",
            "TZ": "UTC",
            "TMPDIR": self.cache_dir or os.environ.get("TMPDIR") or TMP_PATH,
        }

    def time_flag(self) -> str:
        """``--time`` for a backup: our clock is the one that retention counts with."""
        return f"--time={self.now().astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _messages(lines: "Iterator[str] | Sequence[str] | object") -> Iterator[dict[str, object]]:
    for line in cast("Iterator[str]", lines):
        try:
            loaded = json.loads(line)
        except ValueError:
            continue
        if isinstance(loaded, dict):
            yield loaded
        elif isinstance(loaded, list):
            yield {"message_type": "list", "items": loaded}


def _error(command: str, outcome: Outcome) -> ResticError:
    text = _error_text(outcome)
    reason = _EXIT_CODES.get(outcome.exit_code)
    if reason in {None, ErrorClass.SOURCE_INCOMPLETE}:
        lowered = text.lower()
        found = next((kind for part, kind in _TEXTS if part in lowered), None)
        if reason is None or found is ErrorClass.NO_SPACE:
            reason = found or ErrorClass.INTERNAL
    return ResticError(reason, f"restic {command}: {text}")


def _error_text(outcome: Outcome) -> str:
    """Restic's own words: its fatal message, else its errors, else its exit code."""
    texts = []
    for line in outcome.errors.splitlines():
        try:
            loaded = json.loads(line)
        except ValueError:
            texts.append(line.strip())
            continue
        if not isinstance(loaded, dict):
            continue
        inner = loaded.get("error")
        message = inner.get("message") if isinstance(inner, dict) else None
        texts.append(str(message or loaded.get("message") or line))
    for found in outcome.messages:
        if found.get("message_type") in {"error", "exit_error"}:
            inner = found.get("error")
            message = inner.get("message") if isinstance(inner, dict) else None
            texts.append(str(message or found.get("message") or ""))
    shown = [text for text in texts if text]
    return "; ".join(dict.fromkeys(shown[-3:])) or f"exit code {outcome.exit_code}"


def seconds_between(start: object, end: object) -> timedelta:
    """The time between two of restic's own RFC 3339 times."""
    return datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))
