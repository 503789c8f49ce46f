"""The controller under load: a real kube-apiserver and etcd, everything around them played.

    python -m tests.bench controller --sessions 500 --history 0 100

Each measured session is one of many: it makes a Snapshot and has an old one removed, and an old
BackupSession goes. The cases are ``install`` (nothing is initialised yet), ``restart`` (all is as
it should be), ``sessions`` (all volumes at once) and ``floor`` (the same requests from a bare
loop); ``look`` is one look at one object, without any server.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.controller_load import look
from tests.bench.controller_load.measure import Settings, measure

_SESSIONS, _HISTORY = (100, 500, 2000), (0, 100)
# History costs minutes, and is felt with any number of volumes.
_DEFAULT_CASES = ((100, 0), (500, 0), (2000, 0), (500, 100))


def run(options: Sequence[str] = ()) -> Iterator[dict[str, object]]:
    """Four lines and more for each number of sessions and each history, then the looks."""
    args = _parse(options)
    for sessions, history in _cases(args.sessions, args.history):
        yield from measure(
            Settings(
                sessions=sessions,
                history=history,
                per_namespace=args.per_namespace,
                with_retention=not args.without_retention,
                floor_threads=tuple(args.floor_threads),
                timeout_seconds=args.timeout,
                profiles=args.profile,
            )
        )
    yield from look.run()


def _cases(
    sessions: Sequence[int] | None, history: Sequence[int] | None
) -> Sequence[tuple[int, int]]:
    if sessions is None and history is None:
        return _DEFAULT_CASES
    return [
        (number, old)
        for old in (history if history is not None else (0,))
        for number in (sessions if sessions is not None else _SESSIONS)
    ]


def _parse(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench controller")
    parser.add_argument("--sessions", type=int, nargs="+", help="volumes, all triggered at once")
    parser.add_argument("--history", type=int, nargs="+", help="old Snapshots of each volume")
    parser.add_argument("--per-namespace", type=int, default=10, help="volumes of a namespace")
    parser.add_argument(
        "--without-retention",
        action="store_true",
        help="no Job of retention is done while the sessions are measured",
    )
    parser.add_argument(
        "--floor-threads",
        type=int,
        nargs="*",
        default=(1, 4),
        help="requests that the floor has under way at a time; nothing for no floor",
    )
    parser.add_argument(
        "--timeout", type=float, default=1800, metavar="SECONDS", help="for each phase"
    )
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FOLDER",
        help="write a profile of each of the controller's threads there; it is slower then",
    )
    return parser.parse_args(options)
