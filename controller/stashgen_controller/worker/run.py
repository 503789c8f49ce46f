"""One run of a verb: its input, its report, and the guarantee that nothing goes unreported."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from stashgen.api.restore_session import RestoredBefore
from stashgen.api.shared import AffectedFiles
from stashgen.api.snapshot import Component, Phase, RecordedWriter
from stashgen.kubestash import layout
from stashgen.kubestash.quantities import format_duration
from stashgen.kubestash.verbs import VERBS
from stashgen_controller.protocol.run_result import (
    ErrorClass,
    RepositoryState,
    RestoredPart,
    Resync,
    Retention,
    RunError,
    RunResult,
    Upkeep,
    encode,
    shorten,
)
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.environment import Environment
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.output import ErrorLog
from stashgen_controller.worker.restic.process import Restic, ResticError
from stashgen_controller.worker.restic.version import (
    ResticTooOldError,
    ResticUnusableError,
    VersionCheck,
)
from stashgen_controller.worker.storage.base import Storage, StorageError


class RunFailedError(Exception):
    """The run cannot go on; becomes the result's error."""

    def __init__(self, reason: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class RunContext:
    """A run under way: what it works on and what it has to report so far.

    Attributes:
        scratch: A folder for temporary files; None where the pod has none.
        cache: Whether restic may keep its cache there.
        version: restic's; None for a verb that starts none.
        errors: What restic complained about, of all its commands.
        read_only: Our keys may only read the storage, and that was enough.
    """

    environment: Environment
    plan: RunSpec
    bucket: Storage
    directory: str
    scratch: str | None
    cache: bool
    interruption: Interruption
    started: datetime
    version: VersionCheck | None = None
    components: dict[str, Component] = field(default_factory=dict)
    uploaded: bool = False
    repository: RepositoryState | None = None
    retention: Retention | None = None
    restored: RestoredPart | None = None
    metadata_refused: AffectedFiles | None = None
    resync: Resync | None = None
    upkeep: Upkeep | None = None
    writer: RecordedWriter | None = None
    restored_before: RestoredBefore | None = None
    read_only: bool = False
    errors: ErrorLog = field(default_factory=ErrorLog)
    _is_checked: bool = False

    @property
    def now(self) -> Callable[[], datetime]:
        """The worker's clock."""
        return self.environment.now

    def is_there(self, path: str) -> bool:
        """Whether a path of the mounted volume exists."""
        return os.path.lexists(path)

    def link_in(self, path: str) -> str | None:
        """The first symbolic link on the way to a path, below the volume's top; None without."""
        top = self.environment.data
        if not Path(path).is_relative_to(top):
            return None
        steps = Path(path).relative_to(top).parts
        below = (top.joinpath(*steps[: count + 1]) for count in range(len(steps)))
        # What cannot be looked at is restic's to report: Path.is_symlink raises there.
        return next((str(step) for step in below if os.path.islink(step)), None)  # noqa: PTH114

    def restic(self, component_path: str, *, writes: bool = True) -> Restic:
        """Restic on one component's repository.

        Args:
            component_path: The repository's, below its directory.
            writes: Whether it is of use only if it may write there.

        Raises:
            RunFailedError: the encryption Secret is not there.
            ResticError: restic is missing or too old.
            StorageError: the storage does not respond, or refuses us.
        """
        self._require_password()
        if not self._is_checked:
            self._require_version()
            self.bucket.require()
            self._is_checked = True
        place = layout.restic_folder(self.directory, component_path)
        if writes:
            # A repository that can be read only has no place for a lock either.
            self.bucket.require_writable(layout.join(place, "locks"))
        return Restic(
            repository=self.bucket.address(place),
            password_file=str(self.environment.password_file),
            cache_dir=self.scratch if self.cache else None,
            temp_dir=self.scratch,
            now=self.now,
            interruption=self.interruption,
            errors=self.errors,
            deadline=self.plan.deadline,
            access=self.bucket.access,
            priority=self.environment.priority,
        )

    def _require_version(self) -> None:
        if self.version is None:
            raise ResticError(ErrorClass.INTERNAL, "this run starts no restic")
        try:
            self.version.require()
        except ResticTooOldError as error:
            raise ResticError(ErrorClass.RESTIC_TOO_OLD, str(error)) from error
        except ResticUnusableError as error:
            raise ResticError(ErrorClass.INTERNAL, str(error)) from error

    def _require_password(self) -> None:
        what = "does not exist or has no key RESTIC_PASSWORD"
        try:
            if self.environment.password_file.read_bytes().strip():
                return
            what = "has an empty RESTIC_PASSWORD"
        except FileNotFoundError:
            pass
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
        raise RunFailedError(ErrorClass.SECRET_MISSING, f"the encryption Secret {what}")

    def finish_component(self, name: str, phase: Phase, *, error: str | None = None) -> None:
        """Set a component's final phase."""
        self.components[name] = self.components[name].model_copy(
            update={
                "phase": phase,
                "error": shorten(error) if error else None,
                "duration": format_duration(self.now() - self.started),
            }
        )

    def fail_components(self, error: RunError) -> None:
        """Fail the components that are still running."""
        for name, component in self.components.items():
            if component.phase is Phase.RUNNING:
                self.finish_component(name, Phase.FAILED, error=error.why.text)

    def result(self, error: RunError | None) -> RunResult:
        """The result to report."""
        return RunResult(
            verb=self.plan.verb.value,
            phase=Phase.FAILED if error is not None else Phase.SUCCEEDED,
            error=error,
            components=self.components,
            uploaded=self.uploaded,
            repository=self.repository,
            retention=self.retention,
            restored=self.restored if error is not None else None,
            metadata_refused=self.metadata_refused if error is None else None,
            resync=self.resync,
            upkeep=self.upkeep,
            writer=self.writer,
            restored_before=self.restored_before,
            read_only=self.read_only or None,
            started=self.started,
            finished=self.now(),
        )


def execute(run: RunContext, work: Callable[[RunContext], None]) -> RunResult:
    """Run a verb's function and return the result; no exception escapes."""
    error = attempt(lambda: work(run))
    if error is not None:
        run.fail_components(error)
    result = run.result(error)
    part = VERBS[run.plan.verb].result
    if error is None and not getattr(result, part):
        # The controller reads a verb's result only from there.
        what = f"{run.plan.verb} succeeded without a value in {part!r}"
        return run.result(RunError(reason=ErrorClass.INTERNAL, message=what))
    return result


def attempt(work: Callable[[], None]) -> RunError | None:
    """Run a function; returns the error, if any."""
    try:
        work()
    except Exception as failure:  # noqa: BLE001 - a bug of ours must be reported too
        return run_error(failure)
    return None


def run_error(failure: Exception) -> RunError:
    """The error to report for an exception; a bug of ours is reported like any other failure."""
    match failure:
        case RunFailedError() | ResticError() | StorageError():
            reason, message = failure.reason, str(failure)
        case layout.UnsafePathError():
            reason, message = ErrorClass.INVALID_BUCKET, str(failure)
        case _:
            reason, message = ErrorClass.INTERNAL, f"{type(failure).__name__}: {failure}"
    return RunError(reason=reason, message=shorten(message))


def failed(verb: str, error: RunError, now: datetime) -> RunResult:
    """The result of what failed before it was a run."""
    return RunResult(verb=verb, phase=Phase.FAILED, error=error, started=now, finished=now)


def report(result: RunResult, log: Path) -> int:
    """Write the termination message; returns the exit code of the process."""
    text = encode(result)
    try:
        log.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"cannot write {log}: {error}", file=sys.stderr)
    print(text, file=sys.stderr)
    return 0 if result.phase is Phase.SUCCEEDED else 1
