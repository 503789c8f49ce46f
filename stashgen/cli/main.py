"""The entry point: runs a command and turns errors into exit codes.

A pre-commit hook spends most of its time on start-up, so each command imports only the modules it
needs, and the garbage collector, which would only traverse live data, is off, also at the end.
"""

import contextlib
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TextIO, cast

from stashgen import __version__
from stashgen.diagnostics import ExitCode, StashgenError, printable


def main() -> int:
    """Run the command line of this process; returns the exit code."""
    gc.disable()
    # Plugins of other packages could change what validation accepts, and cost start-up time.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if sys.stderr is None:
        # Closed by the caller (2>&-); print would use standard output instead.
        sys.stderr = io.StringIO()
    code = run(sys.argv[1:])
    _let_go(sys.stdout)
    _let_go(sys.stderr)
    # Python collects garbage once more at exit, disabled or not; what is frozen it passes over.
    gc.freeze()
    return code


def run(arguments: Sequence[str]) -> int:
    """Run one command; any exception becomes a line on stderr and an exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        _say("interrupted")
        return ExitCode.INTERRUPTED
    except StashgenError as error:
        _say(str(error), *error.details)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone away; there is no one to report to.
        return ExitCode.USAGE
    except OSError as error:
        _say(f"{error.filename or 'output'}: {error.strerror or error}")
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 (the one place where a bug becomes an exit code)
        return _bug(error, debug="--debug" in arguments)


def _run(arguments: Sequence[str]) -> int:
    # Imported here so that an interrupted or failed import is reported like any other error.
    from stashgen.cli.arguments import OWN_VERBS, parse, verb_of
    from stashgen.cli.commands import Command

    verb = verb_of(arguments)
    if verb in OWN_VERBS or "--version" in arguments:
        command = parse(arguments)
    else:
        from stashgen.cli.installed import installed_verbs, load

        found = installed_verbs()
        if verb is not None and verb in found:
            rest = list(arguments)
            rest.remove(verb)
            return load(found[verb])(rest)
        command = parse(arguments, {name: load(entry) for name, entry in found.items()})
    if isinstance(command, int):
        return command
    # A verb is a function of its name in a module of its name.
    module = import_module(f"stashgen.cli.{command.verb}")
    perform = cast("Callable[[Command], int]", getattr(module, command.verb))
    code = perform(command)
    if sys.stdout is not None:
        # Detect a full disk or a closed pipe here, not at interpreter exit.
        sys.stdout.flush()
    return code


def _bug(error: Exception, *, debug: bool) -> int:
    if debug:
        import traceback

        with contextlib.suppress(OSError):
            traceback.print_exception(error, file=sys.stderr)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    _say(
        f"this is a bug in stashgen {__version__}: {text}; please report it with the "
        "output of --debug"
    )
    return ExitCode.INTERNAL


def _say(text: str, *details: str) -> None:
    lines = (f"stashgen: {printable(text)}", *(f"  {printable(line)}" for line in details))
    with contextlib.suppress(OSError):
        print("\n".join(lines), file=sys.stderr, flush=True)


def _let_go(stream: TextIO | None) -> None:
    """Flush a standard stream; output that can no longer be written must not fail at exit."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        # Python flushes again at exit and would then exit with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
