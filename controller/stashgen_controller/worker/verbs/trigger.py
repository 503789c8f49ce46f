"""trigger: create the BackupSession of a CronJob's tick."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_CONFIGURATIONS, BACKUP_SESSIONS
from stashgen.api.snapshot import Phase
from stashgen.kubestash import names
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen.kubestash.verbs import TRIGGER
from stashgen_controller.protocol.run_result import ErrorClass, RunResult
from stashgen_controller.worker.api_client import Api, ApiRefusedError
from stashgen_controller.worker.environment import Environment, from_process
from stashgen_controller.worker.run import RunFailedError, attempt, failed, report

_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class TriggerOrder:
    """The arguments of the trigger."""

    namespace: str
    invoker_kind: str
    invoker_name: str
    session_name: str


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks for and report; returns the exit code."""
    environment = from_process()
    return report(run(environment, argv), environment.termination_log)


def run(environment: Environment, argv: Sequence[str]) -> RunResult:
    """Do what the command line asks for, and say how it went."""
    order = _order(argv)
    started = environment.now()
    error = attempt(lambda: trigger(environment, Api(environment), order))
    if error is not None:
        return failed(TRIGGER, error, environment.now())
    return RunResult(
        verb=TRIGGER, phase=Phase.SUCCEEDED, started=started, finished=environment.now()
    )


def _order(argv: Sequence[str]) -> TriggerOrder:
    parser = ArgumentParser(prog=f"stashgen-worker {TRIGGER}")
    for flag in ("--namespace", "--invoker-kind", "--invoker-name", "--session-name"):
        parser.add_argument(flag, required=True)
    args = parser.parse_args(argv)
    return TriggerOrder(args.namespace, args.invoker_kind, args.invoker_name, args.session_name)


def trigger(environment: Environment, api: Api, order: TriggerOrder) -> None:
    """Create the session for this tick, unless the configuration is paused.

    The name contains the scheduled tick, so a retried trigger finds what it created.

    Raises:
        RunFailedError: there is no session to start, or another object has its name.
    """
    if order.invoker_kind != "BackupConfiguration":
        msg = f"invoker kind {order.invoker_kind!r} is not supported yet"
        raise RunFailedError(ErrorClass.INTERNAL, msg)
    try:
        stored = api.get(BACKUP_CONFIGURATIONS, order.namespace, order.invoker_name)
    except ApiRefusedError as error:
        raise RunFailedError(_reason(error), f"BackupConfiguration: {error}") from error
    configuration = BackupConfiguration.from_wire(stored)
    session = configuration.session(order.session_name)
    if configuration.spec.paused:
        return
    if session is None:
        msg = f"BackupConfiguration {order.invoker_name} has no session {order.session_name!r}"
        raise RunFailedError(ErrorClass.INTERNAL, msg)
    tick = names.tick_of_job(environment.job_name or "")
    unix = tick if tick is not None else int(environment.now().timestamp())
    manifest = backup_session_manifest(configuration, session, unix)
    _create(api, order.namespace, manifest)


def _create(api: Api, namespace: str, manifest: JsonObject) -> None:
    try:
        api.create(BACKUP_SESSIONS, namespace, manifest)
    except ApiRefusedError as error:
        if error.status != _CONFLICT:
            raise RunFailedError(_reason(error), f"BackupSession: {error}") from error
        wanted = BackupSession.from_wire(manifest)
        try:
            stored = api.get(BACKUP_SESSIONS, namespace, wanted.metadata.name)
        except ApiRefusedError as gone:
            raise RunFailedError(_reason(gone), f"BackupSession: {gone}") from gone
        found = BackupSession.from_wire(stored)
        if (found.spec.invoker, found.spec.session) != (wanted.spec.invoker, wanted.spec.session):
            msg = f"NameCollision: BackupSession {wanted.metadata.name} belongs to another session"
            raise RunFailedError(ErrorClass.INTERNAL, msg) from error


def _reason(error: ApiRefusedError) -> ErrorClass:
    return ErrorClass.UNAVAILABLE if error.status == 0 else ErrorClass.INTERNAL
