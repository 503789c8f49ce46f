"""``python -m tests.fuzz``: many inputs, or one of them again.

python -m tests.fuzz --inputs 1000000          the long run; prints each broken promise
python -m tests.fuzz --inputs 1000 --first 5000
python -m tests.fuzz --seed 7 --keep DIR       one input, left in DIR to be looked at
"""

import argparse
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.run import Broken, fuzz

# A process ends after so many inputs: its peak of memory is that of one of them, at most.
_INPUTS_EACH = 500
# Whatever goes wrong, in the product or here, must not take the machine's memory.
_MOST_ADDRESSES = 2 * 10**9


def main(argv: Sequence[str] | None = None) -> int:
    """0 where every promise was kept, 1 otherwise."""
    args = _parser().parse_args(argv)
    if args.seed is not None:
        broken = fuzz(args.seed, args.keep)
        _show(broken)
        return int(broken is not None)
    begin = time.monotonic()
    seeds = range(args.first, args.first + args.inputs)
    found: Counter[str] = Counter()
    with multiprocessing.get_context("fork").Pool(
        args.processes, _begin, maxtasksperchild=_INPUTS_EACH
    ) as pool:
        for broken in pool.imap_unordered(fuzz, seeds):
            if broken is not None:
                found[broken.why] += 1
                _show(broken)
    line = {
        "inputs": args.inputs,
        "first": args.first,
        "broken": dict(found),
        "seconds": round(time.monotonic() - begin, 1),
    }
    print(json.dumps(line))
    return int(bool(found))


def _begin() -> None:
    """Ctrl-C ends the parent, and with it the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESSES, _MOST_ADDRESSES))


def _show(broken: Broken | None) -> None:
    if broken is None:
        print("every promise was kept")
        return
    print(f"--seed {broken.seed}: {broken.why}: {broken.command}")
    print("\n".join(f"    {line}" for line in broken.output.splitlines()[-12:]))
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", allow_abbrev=False)
    parser.add_argument("--inputs", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first one")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--keep", type=Path, help="leave the input of --seed here")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="beside each other"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
