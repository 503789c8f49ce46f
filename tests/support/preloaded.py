"""Our programs as processes whose modules are loaded once: forked from a server, not started anew.

Most of the CPU time of a short process is Python that loads modules. What the process does, what it
prints and how it ends is the same. What a start costs, signals and closed streams are tested on
processes that are started as people and pods do.
"""

import importlib
import multiprocessing
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stashgen import cli
from stashgen_controller.worker import execution, storage, verbs

# What else a verb loads by name.
_LOADED = (execution,)
for _package in (cli, storage, verbs):
    for _found in pkgutil.iter_modules(_package.__path__):
        importlib.import_module(f"{_package.__name__}.{_found.name}")

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])


def run_preloaded(
    main: Callable[[], int],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    seconds: float = 180,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Args:
        main: Its entry point, a function of a module.
        arguments: Its command line without the program.
        environment: All of its variables; Python itself sees none of them.
        folder: Where it runs; the current folder by default.
        seconds: How long it may take.
    """
    with tempfile.TemporaryDirectory() as name:
        streams = Path(name, "out"), Path(name, "err")
        given = (main, list(arguments), dict(environment), folder or Path.cwd(), streams)
        process = _SERVER.Process(target=_run, args=given)
        process.start()
        try:
            process.join(seconds)
            code = process.exitcode
        finally:
            process.kill()
            process.join()
            process.close()
        assert code is not None, f"still running after {seconds} seconds: {arguments}"
        out, err = (path.read_text(encoding="utf-8") for path in streams)
    return subprocess.CompletedProcess(arguments, code, out, err)


def _run(
    main: Callable[[], int],
    arguments: list[str],
    environment: dict[str, str],
    folder: Path,
    streams: tuple[Path, Path],
) -> None:
    for number, path in enumerate(streams, start=1):
        stream = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    sys.argv = [main.__module__, *arguments]
    sys.exit(main())
