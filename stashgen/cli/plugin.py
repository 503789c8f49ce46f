"""``kubectl stashgen``: the commands for clusters, which the controller's distribution brings.

kubectl runs a program of that name, and an installed tool offers its own programs only; so the
program is here, and what it runs is found as the verbs are.
"""

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from stashgen.cli.parsers import INSTALL
from stashgen.diagnostics import ExitCode

GROUP = "stashgen.plugin"


def main() -> int:
    """Run the plugin with the command line of this process; returns the exit code."""
    for entry in entry_points(group=GROUP):
        run = cast("Callable[[], int]", entry.load())
        return run()
    if sys.stderr is not None:
        print(
            f"stashgen: commands for clusters are not installed; install them: {INSTALL}",
            file=sys.stderr,
        )
    return ExitCode.USAGE
