"""The entry points: ``kubectl-stashgen``, a kubectl plugin, and ``stashgen VERB``.

Nothing slow is imported before the command line is parsed.
"""

import contextlib
import gc
import os
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stashgen import __version__
from stashgen.diagnostics import ExitCode, StashgenError, ToolError, printable
from stashgen_controller.kube.clock import Clock, SystemClock
from stashgen_controller.kubectl.arguments import SUMMARIES, Verb, Where, parse, parsers
from stashgen_controller.kubectl.console import Console

_PLUGIN, _PROGRAM = "kubectl stashgen", "stashgen"


@dataclass(frozen=True, slots=True)
class StashgenVerb:
    """A verb of ``stashgen``, found through the entry point group ``stashgen.verbs``."""

    verb: Verb

    @property
    def summary(self) -> str:
        """Its line in ``stashgen --help``."""
        return SUMMARIES[self.verb]

    def parser(self) -> ArgumentParser:
        """What it understands, for the shell's completion."""
        return parsers(_PROGRAM)[self.verb]

    def __call__(self, arguments: Sequence[str]) -> int:
        """Run the verb in this process; returns the exit code."""
        return _in_process([self.verb, *arguments], _PROGRAM)


status = StashgenVerb("status")
snapshots = StashgenVerb("snapshots")
trigger = StashgenVerb("trigger")
restore = StashgenVerb("restore")
logs = StashgenVerb("logs")


def main() -> int:
    """Run ``kubectl stashgen`` with this process's command line; returns the exit code."""
    code = _in_process(sys.argv[1:], _PLUGIN)
    # Python collects garbage once more at exit, disabled or not; what is frozen it passes over.
    gc.freeze()
    return code


def _in_process(arguments: Sequence[str], program: str) -> int:
    # Plugins of other packages could change what validation accepts, and cost start-up time.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()
    try:
        console = Console.of_process()
        code = run(arguments, console, SystemClock(), os.environ, program)
        console.out.flush()
    except BrokenPipeError:
        # The reader of our output has gone away. Python flushes again at exit, which would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.USAGE
    return code


def run(
    arguments: Sequence[str],
    console: Console,
    clock: Clock,
    environment: Mapping[str, str],
    program: str = _PLUGIN,
) -> int:
    """Run one command; any exception becomes a line on standard error and an exit code."""
    try:
        return _run(arguments, console, clock, environment, program)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        console.say(f"{_PROGRAM}: interrupted")
        return ExitCode.INTERRUPTED
    except StashgenError as error:
        console.say(f"{_PROGRAM}: {error}")
        return error.exit_code
    except OSError as error:
        console.say(f"{_PROGRAM}: {error.filename or 'output'}: {error.strerror or error}")
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 (the one place where a bug becomes an exit code)
        if "--debug" in arguments:
            with contextlib.suppress(OSError):
                traceback.print_exception(error, file=console.err)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        console.say(
            f"{_PROGRAM}: this is a bug in stashgen {__version__}: {printable(text)}; please "
            "report it with the output of --debug"
        )
        return ExitCode.INTERNAL


def _run(
    arguments: Sequence[str],
    console: Console,
    clock: Clock,
    environment: Mapping[str, str],
    program: str,
) -> int:
    command = parse(arguments, program)
    if isinstance(command, int):
        return command
    # The Kubernetes client takes most of a second to import, too long for --help.
    from stashgen_controller.kube.client import ApiError, Client
    from stashgen_controller.kube.connection import UnconfiguredError
    from stashgen_controller.kubectl.api_reader import Cluster, failure
    from stashgen_controller.kubectl.verbs import Session, run_verb
    from stashgen_controller.runtime.malformed import MalformedError

    where = command.where
    try:
        client, of_context = Client.of_user(_kubeconfig(where, environment), where.context or None)
    except UnconfiguredError as error:
        raise ToolError(
            f"no cluster is configured: {' '.join(str(error).split())}; set --kubeconfig, "
            "--context or $KUBECONFIG"
        ) from error
    namespace = None if where.all_namespaces else where.namespace or of_context
    try:
        return run_verb(Session(command, Cluster(client, namespace), console, clock.now()))
    except ApiError as error:
        raise failure(error) from error
    except MalformedError as error:
        raise ToolError(str(error)) from error


def _kubeconfig(where: Where, environment: Mapping[str, str]) -> str:
    configured = where.kubeconfig or environment.get("KUBECONFIG")
    return configured or str(Path("~/.kube/config").expanduser())


if __name__ == "__main__":
    sys.exit(main())
