"""One run of a verb: its arguments, run spec and storage, the work, and the report."""

import argparse
import gc
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from stashgen.kubestash.backends import FLAG_NAMES
from stashgen.kubestash.paths import TMP_PATH
from stashgen.kubestash.verbs import Verb
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.api_client import Api
from stashgen_controller.worker.environment import Environment, drop_reserved, from_process
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.version import VersionCheck
from stashgen_controller.worker.result_file import with_details
from stashgen_controller.worker.run import (
    RunContext,
    RunFailedError,
    execute,
    failed,
    report,
    run_error,
)
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.storage import open_storage
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.verbs import VerbModule, load


def run_verb(
    verb: Verb,
    command: str,
    argv: Sequence[str],
    interruption: Interruption,
    version: VersionCheck | None,
) -> int:
    """Run a verb and report.

    Args:
        verb: What to do.
        command: The pod's part of the command line, which comes before the verb's own.
        argv: The verb's own part.
        interruption: Stops it.
        version: Of restic; None for a verb that starts none.

    Returns:
        Exit code 0 or 1, or 2 for a wrong command line.
    """
    environment = from_process()
    drop_reserved()
    module = load(verb)
    args = arguments(command, module).parse_args(argv)
    reporter = Reporter(Api(environment), args.namespace, environment.now)
    work = module.prepare(args, reporter)
    gc.freeze()
    gc.enable()
    try:
        plan = _read_plan(environment, verb, module, args)
        run = RunContext(
            environment=environment,
            plan=plan,
            bucket=open_storage(args.storage, _storage_flags(args), environment.credentials),
            directory=args.directory,
            scratch=_scratch(args),
            cache=args.enable_cache == "true",
            interruption=interruption,
            started=environment.now(),
            version=version,
        )
    except (RunFailedError, StorageError) as failure:
        result = failed(verb.value, run_error(failure), environment.now())
        return report(result, environment.termination_log)
    result = with_details(run, execute(run, work.do))
    code = report(result, environment.termination_log)
    if work.ended is not None:
        work.ended(plan, result)
    return code


def arguments(command: str, module: VerbModule) -> argparse.ArgumentParser:
    """The parser for the reviewed arguments of a verb."""
    parser = argparse.ArgumentParser(prog=f"stashgen-worker {command}")
    parser.set_defaults(namespace="", directory="", scratch_dir=None, enable_cache="false")
    parser.add_argument("--storage", required=True)
    for flag in FLAG_NAMES:
        parser.add_argument(f"--{flag}")
    module.add_arguments(parser)
    return parser


def _read_plan(
    environment: Environment, verb: Verb, module: VerbModule, args: argparse.Namespace
) -> RunSpec:
    """The run spec, which must match the reviewed command line.

    Raises:
        RunFailedError: there is none, or it belongs to something else.
    """
    try:
        plan = environment.read_plan()
    except (OSError, ValidationError) as error:
        msg = f"the run spec cannot be read: {error}"
        raise RunFailedError(ErrorClass.INTERNAL, msg) from error
    subject = module.subject(plan)
    said = {"verb": plan.verb.value, **subject}
    asked = {"verb": verb.value, **{name: getattr(args, name) for name in subject}}
    if said != asked:
        msg = f"the run spec is for {said}, but the command line for {asked}"
        raise RunFailedError(ErrorClass.INTERNAL, msg)
    return plan


def _scratch(args: argparse.Namespace) -> str | None:
    scratch: str = args.scratch_dir or TMP_PATH
    return scratch if Path(scratch).is_dir() else None


def _storage_flags(args: argparse.Namespace) -> Mapping[str, str]:
    said = {flag: getattr(args, flag.replace("-", "_")) for flag in FLAG_NAMES}
    return {flag: value for flag, value in said.items() if value is not None}
