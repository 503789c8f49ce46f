"""The worker's command line: each verb loads what it needs, works and reports."""

import argparse
import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from stashgen import __version__
from stashgen.api.retention_policy import FailedSnapshots, RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase
from stashgen.kubestash.paths import TMP_PATH
from stashgen.kubestash.verbs import Verb
from stashgen_controller.protocol.run_result import ErrorClass, RunError, RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.api_client import Api
from stashgen_controller.worker.environment import Environment, from_process
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.result_file import with_details
from stashgen_controller.worker.run import (
    RunContext,
    RunFailedError,
    attempt,
    execute,
    report,
    run_error,
)
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.storage.base import Storage, StorageError
from stashgen_controller.worker.storage.local import LocalStorage
from stashgen_controller.worker.verbs.maintenance import MaintainOrder

_KEEPS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
_Work = Callable[[RunContext], None]


def run_command(argv: Sequence[str] | None, interruption: Interruption) -> int:
    """Do one verb and report; the exit code is 0 or 1, or 2 for a wrong command line."""
    args = _parser().parse_args(argv)
    environment = from_process()
    if args.command == "trigger":
        return report(_trigger(environment, args), environment.termination_log)
    reporter = Reporter(Api(environment), args.namespace or "", environment.now)
    work = _load(args, reporter)
    gc.freeze()
    gc.enable()
    try:
        plan = _read_plan(environment, args)
        run = _run(environment, plan, args, interruption)
    except (RunFailedError, StorageError) as failure:
        result = _failed(environment, _verb(args), run_error(failure))
        return report(result, environment.termination_log)
    result = with_details(run, execute(run, work))
    code = report(result, environment.termination_log)
    if plan.verb is Verb.BACKUP:
        reporter.backup_ended(plan, result)
    elif plan.verb is Verb.RESTORE:
        reporter.restore_ended(plan, result)
    return code


def _load(args: argparse.Namespace, reporter: Reporter) -> _Work:
    """The verb's work, with all modules that it needs."""
    match _verb(args):
        case "init-storage":
            from stashgen_controller.worker.verbs.init_storage import init_storage

            return init_storage
        case "backup":
            from stashgen_controller.worker.verbs import backup

            paths, exclude = _items(args.paths), _items(args.exclude)
            backup_order = backup.BackupOrder(args.component, paths, exclude)
            return lambda run: backup.backup(run, backup_order, reporter)
        case "restore":
            from stashgen_controller.worker.verbs import restore

            return lambda run: restore.restore(run, args.component, reporter)
        case "init-repository":
            from stashgen_controller.worker.verbs import init_repository

            order = _maintain_order(args)
            return lambda run: init_repository.init_repository(run, order)
        case _:
            from stashgen_controller.worker.verbs import retain

            order = _maintain_order(args)
            return lambda run: retain.retain(run, order)


def _verb(args: argparse.Namespace) -> str:
    return str(args.verb if args.command == "maintain" else args.command)


def _read_plan(environment: Environment, args: argparse.Namespace) -> RunSpec:
    """The plan, which must be about what the reviewed command line is about.

    Raises:
        RunFailedError: there is none, or it is another one's.
    """
    try:
        plan = environment.read_plan()
    except (OSError, ValidationError) as error:
        msg = f"the session's plan cannot be read: {error}"
        raise RunFailedError(ErrorClass.INTERNAL, msg) from error
    said = {"verb": plan.verb.value}
    asked = {"verb": _verb(args)}
    if args.command == "backup":
        said["backupsession"] = plan.backup_session or ""
        asked["backupsession"] = args.backupsession
    if args.command == "restore":
        metadata = cast("dict[str, str]", (plan.snapshot or {}).get("metadata") or {})
        said |= {"restoresession": plan.restore_session or "", "snapshot": metadata.get("name", "")}
        asked |= {"restoresession": args.restoresession, "snapshot": args.snapshot}
    if said != asked:
        msg = f"the plan is for {said}, the command line for {asked}"
        raise RunFailedError(ErrorClass.INTERNAL, msg)
    return plan


def _run(
    environment: Environment,
    plan: RunSpec,
    args: argparse.Namespace,
    interruption: Interruption,
) -> RunContext:
    scratch = args.scratch_dir or TMP_PATH
    return RunContext(
        environment=environment,
        plan=plan,
        bucket=_bucket(environment, args),
        directory=args.directory,
        scratch=scratch if Path(scratch).is_dir() else None,
        cache=args.enable_cache == "true",
        interruption=interruption,
        started=environment.now(),
    )


def _bucket(environment: Environment, args: argparse.Namespace) -> Storage:
    """The storage; what only a bucket needs is loaded for one only.

    Raises:
        StorageError: its keys are not there.
    """
    if not args.storage.startswith("s3:"):
        return LocalStorage(args.storage)
    from stashgen_controller.worker.storage.s3 import S3Bucket, read_credentials

    return S3Bucket(
        args.storage,
        read_credentials(environment.credentials),
        region=args.region,
        insecure_tls=args.insecure_tls == "true",
        connections=args.connections,
    )


def _trigger(environment: Environment, args: argparse.Namespace) -> RunResult:
    from stashgen_controller.worker.verbs import trigger

    order = trigger.TriggerOrder(
        args.namespace, args.invoker_kind, args.invoker_name, args.session_name
    )
    started = environment.now()
    error = attempt(lambda: trigger.trigger(environment, Api(environment), order))
    if error is not None:
        return _failed(environment, "trigger", error)
    return RunResult(
        verb="trigger", phase=Phase.SUCCEEDED, started=started, finished=environment.now()
    )


def _failed(environment: Environment, verb: str, error: RunError) -> RunResult:
    now = environment.now()
    return RunResult(verb=verb, phase=Phase.FAILED, error=error, started=now, finished=now)


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
    parser.add_argument("--version", action="version", version=f"stashgen-worker {__version__}")
    verbs = parser.add_subparsers(dest="command", required=True)
    trigger = verbs.add_parser("trigger", help="create the BackupSession of a tick")
    for flag in ("--namespace", "--invoker-kind", "--invoker-name", "--session-name"):
        trigger.add_argument(flag, required=True)
    init = verbs.add_parser("init-storage", help="leave metadata.yaml in a storage")
    init.add_argument("--storage", required=True)
    init.set_defaults(directory="", namespace="", scratch_dir=None, enable_cache="false")
    backup = verbs.add_parser("backup", help="back a mounted volume up")
    backup.add_argument("--backupsession", required=True)
    backup.add_argument("--paths", required=True)
    backup.add_argument("--exclude", default="")
    restore = verbs.add_parser("restore", help="restore a snapshot into a mounted volume")
    restore.add_argument("--restoresession", required=True)
    restore.add_argument("--snapshot", required=True)
    maintain = verbs.add_parser("maintain", help="make repositories, apply retention")
    maintain.add_argument("--verb", required=True, choices=("init-repository", "retain"))
    maintain.add_argument("--sessions", required=True)
    for name in _KEEPS:
        maintain.add_argument(f"--keep-{name}", type=int)
    maintain.add_argument("--keep-failed", type=int, default=1)
    maintain.add_argument("--max-retention-period")
    maintain.set_defaults(scratch_dir=None, enable_cache="false")
    for verb in (backup, restore):
        verb.add_argument("--enable-cache", default="true", choices=("true", "false"))
        verb.add_argument("--scratch-dir")
    for verb in (init, backup, restore, maintain):
        verb.add_argument("--region")
        verb.add_argument("--insecure-tls", default="false", choices=("true", "false"))
        verb.add_argument("--connections", type=int)
    for verb in (backup, restore, maintain):
        for flag in ("--namespace", "--storage", "--directory", "--component"):
            verb.add_argument(flag, required=True)
    return parser
