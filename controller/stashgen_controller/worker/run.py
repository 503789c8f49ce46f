"""One run of a verb: open the repository, do the work, report both ways, end with 0 or 1.

The worker is the pod's first process: it hands SIGTERM and SIGINT on to restic, waits until restic
has released its lock, and reports before it ends.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from stashgen.api.snapshot import Component, Phase
from stashgen.kubestash import layout
from stashgen_controller.restic import Restic, ResticError
from stashgen_controller.result import (
    MAX_BYTES,
    ErrorClass,
    RepositoryState,
    Retention,
    RunError,
    WorkerResult,
)
from stashgen_controller.session_plan import SessionPlan
from stashgen_controller.storage import Bucket, StorageError
from stashgen_controller.worker.environment import Environment

_LONGEST_MESSAGE = 1000


class RunFailedError(Exception):
    """The run cannot go on; becomes the result's error."""

    def __init__(self, reason: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error = RunError(reason=reason, message=message)


@dataclass(slots=True)
class Run:
    """A run under way: what it works on and what it has to report so far."""

    environment: Environment
    plan: SessionPlan
    bucket: Bucket
    directory: str
    scratch: str | None
    started: datetime
    components: dict[str, Component] = field(default_factory=dict)
    uploaded: bool = False
    repository: RepositoryState | None = None
    retention: Retention | None = None
    _running: list[Restic] = field(default_factory=list)
    _interrupted: bool = False

    @property
    def now(self) -> Callable[[], datetime]:
        """The worker's clock."""
        return self.environment.now

    def restic(self, component_path: str) -> Restic:
        """Restic on one component's repository.

        Raises:
            RunFailedError: the encryption Secret is not there.
            ResticError: restic is missing or too old.
        """
        password = self.environment.password_file
        if not password.exists():
            raise RunFailedError(
                ErrorClass.SECRET_MISSING,
                "the encryption Secret does not exist or has no key RESTIC_PASSWORD",
            )
        place = layout.restic_folder(self.directory, component_path)
        restic = Restic(
            repository=self.bucket.path(place),
            password_file=str(password),
            cache_dir=self.scratch,
            now=self.now,
            deadline=self.plan.deadline,
        )
        if self._interrupted:
            restic.interrupt()
        elif not self._running:
            restic.check_version()
        self._running.append(restic)
        return restic

    def interrupt(self) -> None:
        """Hand a signal on to restic."""
        self._interrupted = True
        for restic in self._running:
            restic.interrupt()

    def result(self, error: RunError | None) -> WorkerResult:
        """What is to be reported now."""
        return WorkerResult(
            verb=self.plan.verb.value,
            phase=Phase.FAILED if error is not None else Phase.SUCCEEDED,
            error=error,
            components=self.components,
            uploaded=self.uploaded,
            repository=self.repository,
            retention=self.retention,
            started=self.started,
            finished=self.now(),
        )


def execute(run: Run, work: Callable[[Run], None]) -> WorkerResult:
    """Do a verb's work and say how it went; nothing that goes wrong escapes as an exception."""
    with _signals(run):
        try:
            work(run)
        except RunFailedError as failure:
            return run.result(failure.error)
        except ResticError as failure:
            return run.result(RunError(reason=failure.reason, message=_short(str(failure))))
        except StorageError as failure:
            reason = _storage_reason(str(failure))
            return run.result(RunError(reason=reason, message=_short(str(failure))))
        except Exception as failure:  # a bug of ours must be reported like any other failure
            text = f"{type(failure).__name__}: {failure}"
            return run.result(RunError(reason=ErrorClass.INTERNAL, message=_short(text)))
    return run.result(None)


def report(result: WorkerResult, log: Path) -> int:
    """Write the termination message and say the process' exit code."""
    text = encode(result)
    try:
        log.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"cannot write {log}: {error}", file=sys.stderr)  # noqa: T201
    print(text, file=sys.stderr)  # noqa: T201
    return 0 if result.phase is Phase.SUCCEEDED else 1


def encode(result: WorkerResult) -> str:
    """The result as JSON of at most 4,096 bytes; texts are shortened until it fits."""
    text = result.model_dump_json(by_alias=True, exclude_none=True)
    length = _LONGEST_MESSAGE
    while len(text.encode()) > MAX_BYTES and length > 1:
        length //= 2
        result = _shortened(result, length)
        text = result.model_dump_json(by_alias=True, exclude_none=True)
    return text


def _shortened(result: WorkerResult, length: int) -> WorkerResult:
    error = result.error
    components = {
        name: item.model_copy(update={"error": _short(item.error, length)}) if item.error else item
        for name, item in result.components.items()
    }
    if error is not None:
        error = error.model_copy(update={"message": _short(error.message, length)})
    return result.model_copy(update={"error": error, "components": components})


def _short(text: str, length: int = _LONGEST_MESSAGE) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _storage_reason(text: str) -> ErrorClass:
    lowered = text.lower()
    if "no space left" in lowered or "quota" in lowered:
        return ErrorClass.NO_SPACE
    return ErrorClass.UNAVAILABLE


@contextlib.contextmanager
def _signals(run: Run) -> Iterator[None]:
    def handle(_number: int, _frame: object) -> None:
        run.interrupt()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
