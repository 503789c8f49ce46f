"""The worker's command line: each verb imports what it needs, runs and reports."""

import argparse
import gc
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from stashgen import __version__
from stashgen.kubestash.backends import FLAG_NAMES
from stashgen.kubestash.paths import TMP_PATH
from stashgen.kubestash.verbs import PODS, TRIGGER, VERBS, Verb
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.api_client import Api
from stashgen_controller.worker.environment import Environment, drop_reserved, from_process
from stashgen_controller.worker.restic.interruption import Interruption
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

_DESCRIPTION = "Runs one step of a backup or restore inside a Job; started by the controller."


def run_command(argv: Sequence[str] | None, interruption: Interruption) -> int:
    """Run one verb and report; returns exit code 0 or 1, or 2 for a wrong command line."""
    chosen, rest = _parser().parse_known_args(argv)
    environment = from_process()
    drop_reserved()
    if chosen.command == TRIGGER:
        from stashgen_controller.worker.verbs import trigger

        return report(trigger.run(environment, rest), environment.termination_log)
    verb = Verb(chosen.verb)
    module = load(verb)
    args = _arguments(chosen.command, module).parse_args(rest)
    reporter = Reporter(Api(environment), args.namespace, environment.now)
    work = module.prepare(args, reporter)
    gc.freeze()
    gc.enable()
    try:
        plan = _read_plan(environment, verb, module, args)
        run = _run(environment, plan, args, interruption)
    except (RunFailedError, StorageError) as failure:
        result = failed(verb.value, run_error(failure), environment.now())
        return report(result, environment.termination_log)
    result = with_details(run, execute(run, work.do))
    code = report(result, environment.termination_log)
    if work.ended is not None:
        work.ended(plan, result)
    return code


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
        bucket=open_storage(args.storage, _storage_flags(args), environment.credentials),
        directory=args.directory,
        scratch=scratch if Path(scratch).is_dir() else None,
        cache=args.enable_cache == "true",
        interruption=interruption,
        started=environment.now(),
    )


def _storage_flags(args: argparse.Namespace) -> Mapping[str, str]:
    said = {flag: getattr(args, flag.replace("-", "_")) for flag in FLAG_NAMES}
    return {flag: value for flag, value in said.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    """The parser for the command; the verb itself parses the rest."""
    parser = argparse.ArgumentParser(prog="stashgen-worker", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"stashgen-worker {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        TRIGGER, help="create the BackupSession for a tick of the schedule", add_help=False
    )
    for template, pod in PODS.items():
        command = commands.add_parser(
            template, help=pod.summary, add_help=False, allow_abbrev=False
        )
        verbs = [verb.value for verb, row in VERBS.items() if row.template is template]
        if len(verbs) > 1:
            command.add_argument("--verb", required=True, choices=verbs)
        else:
            command.set_defaults(verb=verbs[0])
    return parser


def _arguments(command: str, module: VerbModule) -> argparse.ArgumentParser:
    """The parser for the reviewed arguments of a verb."""
    parser = argparse.ArgumentParser(prog=f"stashgen-worker {command}")
    parser.set_defaults(namespace="", directory="", scratch_dir=None, enable_cache="false")
    parser.add_argument("--storage", required=True)
    for flag in FLAG_NAMES:
        parser.add_argument(f"--{flag}")
    module.add_arguments(parser)
    return parser
