"""Worker processes whose modules are loaded once: forked from a server, not started anew.

Most of the CPU time of a short worker is Python that loads modules. What its process does, and how
it ends, is the same; how long a start takes is measured on workers that are started as in a pod.
"""

import importlib
import multiprocessing
import os
import pkgutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stashgen_controller.worker import execution, main, storage, verbs

# The rest of what a verb loads by name.
_LOADED = (execution,)
for _package in (storage, verbs):
    for _found in pkgutil.iter_modules(_package.__path__):
        importlib.import_module(f"{_package.__name__}.{_found.name}")

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])


def run_preloaded(
    arguments: Sequence[str], environment: Mapping[str, str], printed: Path, seconds: float
) -> int:
    """Run a worker to its end; returns its exit code, or the negative number of a signal.

    Args:
        arguments: Its command line.
        environment: All of its variables; none that Python reads at its start.
        printed: Where its standard error goes.
        seconds: How long it may take.
    """
    process = _SERVER.Process(
        target=_work, args=(list(arguments), dict(environment), str(printed), str(Path.cwd()))
    )
    process.start()
    try:
        process.join(seconds)
        assert process.exitcode is not None, f"the worker still runs after {seconds} seconds"
        return process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()


def _work(arguments: list[str], environment: dict[str, str], printed: str, folder: str) -> None:
    errors = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(errors, 2)
    os.close(errors)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    sys.argv = [main.__file__, *arguments]
    sys.exit(main.main(arguments))
