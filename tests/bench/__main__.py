"""``make bench``: run every benchmark and print one JSON line a measurement.

A benchmark is a module with ``run()``; nothing here is a test, and no figure fails anything. What
follows the name of a benchmark and begins with a dash is its own: ``controller --sessions 500``.
Those on a real cluster, ``argocd`` and ``flux``, only run when they are named (root, Debian, Go).
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.bench import (
    argocd,
    build,
    compiling,
    controller,
    examples,
    flux,
    growth,
    kustomize,
    plan,
    worker,
)

# The build first: a child starts with the peak of memory that its parent had (getrusage(2), Linux).
_BENCHMARKS: Mapping[str, Callable[[], Iterator[dict[str, object]]]] = {
    "build": build.run,
    "compile": compiling.run,
    "plan": plan.run,
    "kustomize": kustomize.run,
    "examples": examples.run,
    "worker": worker.run,
    "growth": growth.run,
    "controller": controller.run,
}
_WITH_OPTIONS: Mapping[str, Callable[[Sequence[str]], Iterator[dict[str, object]]]] = {
    "compile": compiling.run,
    "controller": controller.run,
    "argocd": argocd.run,
    "flux": flux.run,
}


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all of them."""
    if arguments and arguments[0] in _WITH_OPTIONS:
        _print(_WITH_OPTIONS[arguments[0]](arguments[1:]))
        return 0
    unknown = sorted(set(arguments) - set(_BENCHMARKS))
    if unknown:
        known = ", ".join({**_BENCHMARKS, **_WITH_OPTIONS})
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there are {known}\n")
        return 2
    for name, run in _BENCHMARKS.items():
        if not arguments or name in arguments:
            _print(run())
    return 0


def _print(lines: Iterator[dict[str, object]]) -> None:
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
