"""``stashgen completion``: a script for the shell, made of the command line's own description."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab

from stashgen.cli.commands import CompletionCommand
from stashgen.cli.installed import installed_verbs, load
from stashgen.cli.parsers import parsers
from stashgen.diagnostics import ExitCode, UsageError

_FILE = "FILE"


def completion(command: CompletionCommand) -> int:
    """Print the script; the verbs of other installed packages are in it.

    Raises:
        UsageError: there is no standard output to print to.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    others = {name: load(entry) for name, entry in installed_verbs().items()}
    parser = parsers(others)[None]
    for action in _actions(parser):
        if action.type is Path:
            kind = shtab.FILE if action.metavar == _FILE else shtab.DIRECTORY
            vars(action)["complete"] = kind
    print(shtab.complete(parser, shell=command.shell))
    return ExitCode.OK


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The options and arguments of a command line and of its verbs."""
    # There is no public list of them; shtab reads this one, too.
    for action in parser._actions:  # noqa: SLF001
        yield action
        if isinstance(action.choices, dict):
            for verb in action.choices.values():
                yield from _actions(verb)
