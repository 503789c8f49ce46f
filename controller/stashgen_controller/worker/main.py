"""``stashgen-worker VERB``: the command of every container that stashgen starts."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from pydantic import ValidationError

from stashgen.api.retention_policy import (
    FailedSnapshots,
    RetentionPolicySpec,
    SuccessfulSnapshots,
)
from stashgen.api.snapshot import Phase
from stashgen_controller.result import ErrorClass, RunError, WorkerResult
from stashgen_controller.session_plan import SessionPlan, Verb
from stashgen_controller.worker.api import Api
from stashgen_controller.worker.environment import Environment, from_process
from stashgen_controller.worker.maintain import MaintainOrder
from stashgen_controller.worker.run import Run, RunFailedError, execute, report

_KEEPS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def main(argv: Sequence[str] | None = None) -> int:
    """Do one verb and report; the exit code is 0 or 1, or 2 for a wrong command line."""
    args = _parser().parse_args(argv)
    environment = from_process()
    if args.command == "trigger":
        return report(_trigger(environment, args), environment.termination_log)
    try:
        plan = environment.read_plan()
    except (OSError, ValidationError) as error:
        message = f"the session's plan cannot be read: {error}"
        return report(
            _failed(environment, args.command, ErrorClass.INTERNAL, message),
            environment.termination_log,
        )
    return report(_work(environment, plan, args), environment.termination_log)


def _work(environment: Environment, plan: SessionPlan, args: argparse.Namespace) -> WorkerResult:
    from stashgen_controller.storage import Bucket, StorageError  # noqa: PLC0415

    try:
        bucket = Bucket(args.storage)
    except StorageError as error:
        return _failed(environment, plan.verb.value, ErrorClass.INTERNAL, str(error))
    scratch = getattr(args, "scratch_dir", None)
    run = Run(
        environment=environment,
        plan=plan,
        bucket=bucket,
        directory=getattr(args, "directory", ""),
        scratch=scratch if getattr(args, "enable_cache", "false") == "true" else None,
        started=environment.now(),
    )
    return execute(run, partial(_do, args=args))


def _do(run: Run, args: argparse.Namespace) -> None:
    """The verb of the command line; for maintain, the plan's verb must be the same."""
    from stashgen_controller.worker import (  # noqa: PLC0415
        backup,
        init_storage,
        maintain,
        reporting,
        restore,
    )

    wanted = args.verb if args.command == "maintain" else args.command
    if wanted != run.plan.verb.value:
        msg = f"the plan says {run.plan.verb.value!r}, the command line {wanted!r}"
        raise RunFailedError(ErrorClass.INTERNAL, msg)
    match run.plan.verb:
        case Verb.INIT_STORAGE:
            init_storage.init_storage(run)
        case Verb.INIT_REPOSITORY:
            maintain.init_repository(run, _maintain_order(args))
        case Verb.RETAIN:
            maintain.retain(run, _maintain_order(args))
        case Verb.BACKUP:
            reporter = reporting.Reporter(Api(run.environment), args.namespace, run.now)
            paths, exclude = _items(args.paths), _items(args.exclude)
            order = backup.BackupOrder(args.component, paths, exclude)
            backup.backup(run, order, reporter)
        case Verb.RESTORE:
            reporter = reporting.Reporter(Api(run.environment), args.namespace, run.now)
            include, exclude = _items(args.include), _items(args.exclude)
            restore.restore(run, restore.RestoreOrder(args.component, include, exclude), reporter)


def _trigger(environment: Environment, args: argparse.Namespace) -> WorkerResult:
    from stashgen_controller.worker import trigger  # noqa: PLC0415

    order = trigger.TriggerOrder(
        args.namespace, args.invoker_kind, args.invoker_name, args.session_name
    )
    started = environment.now()
    try:
        trigger.trigger(environment, Api(environment), order)
    except RunFailedError as failure:
        return _failed(environment, "trigger", failure.error.reason, failure.error.message)
    return WorkerResult(
        verb="trigger", phase=Phase.SUCCEEDED, started=started, finished=environment.now()
    )


def _failed(environment: Environment, verb: str, reason: ErrorClass, message: str) -> WorkerResult:
    now = environment.now()
    error = RunError(reason=reason, message=message)
    return WorkerResult(verb=verb, phase=Phase.FAILED, error=error, started=now, finished=now)


def _maintain_order(args: argparse.Namespace) -> MaintainOrder:
    counts = {name: getattr(args, f"keep_{name}") for name in _KEEPS}
    any_count = any(value is not None for value in counts.values())
    keep = RetentionPolicySpec(
        max_retention_period=args.max_retention_period,
        successful_snapshots=SuccessfulSnapshots(**counts) if any_count else None,
        failed_snapshots=FailedSnapshots(last=args.keep_failed),
    )
    return MaintainOrder(args.component, _items(args.sessions), keep)


def _items(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stashgen-worker", description=__doc__)
    verbs = parser.add_subparsers(dest="command", required=True)
    trigger = verbs.add_parser("trigger", help="create the BackupSession of a tick")
    for flag in ("--namespace", "--invoker-kind", "--invoker-name", "--session-name"):
        trigger.add_argument(flag, required=True)
    init = verbs.add_parser("init-storage", help="leave metadata.yaml in a storage")
    init.add_argument("--storage", required=True)
    backup = verbs.add_parser("backup", help="back a mounted volume up")
    backup.add_argument("--backupsession", required=True)
    backup.add_argument("--paths", required=True)
    backup.add_argument("--exclude", default="")
    restore = verbs.add_parser("restore", help="restore a snapshot into a mounted volume")
    restore.add_argument("--restoresession", required=True)
    restore.add_argument("--snapshot", required=True)
    restore.add_argument("--include", default="")
    restore.add_argument("--exclude", default="")
    maintain = verbs.add_parser("maintain", help="make repositories, apply retention")
    maintain.add_argument("--verb", required=True)
    maintain.add_argument("--sessions", required=True)
    for name in _KEEPS:
        maintain.add_argument(f"--keep-{name}", type=int)
    maintain.add_argument("--keep-failed", type=int, default=1)
    maintain.add_argument("--max-retention-period")
    for verb in (backup, restore):
        verb.add_argument("--enable-cache", default="true")
        verb.add_argument("--scratch-dir", type=str)
    for verb in (backup, restore, maintain):
        for flag in ("--namespace", "--storage", "--directory", "--component"):
            verb.add_argument(flag, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
