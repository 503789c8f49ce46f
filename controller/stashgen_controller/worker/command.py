"""The worker's command line: which verb, before anything is imported that only a verb needs."""

import argparse
from collections.abc import Sequence

from stashgen import __version__
from stashgen.kubestash.verbs import PODS, TRIGGER, VERBS, Verb
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.version import asked_for_version

_DESCRIPTION = "Runs one step of a backup or restore inside a Job; started by the controller."


def run_command(argv: Sequence[str] | None, interruption: Interruption) -> int:
    """Run one verb and report; returns exit code 0 or 1, or 2 for a wrong command line."""
    chosen, rest = parser().parse_known_args(argv)
    if chosen.command == TRIGGER:
        from stashgen_controller.worker.verbs import trigger

        return trigger.main(rest)
    verb = Verb(chosen.verb)
    if not PODS[VERBS[verb].template].has_key:
        from stashgen_controller.worker.execution import run_verb

        return run_verb(verb, chosen.command, rest, interruption, None)
    with asked_for_version() as version:
        from stashgen_controller.worker.execution import run_verb

        return run_verb(verb, chosen.command, rest, interruption, version)


def parser() -> argparse.ArgumentParser:
    """The parser for the command; the verb itself parses the rest."""
    found = argparse.ArgumentParser(prog="stashgen-worker", description=_DESCRIPTION)
    found.add_argument("--version", action="version", version=f"stashgen-worker {__version__}")
    commands = found.add_subparsers(dest="command", required=True)
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
    return found
