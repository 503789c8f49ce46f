"""``python -m tests.simulation``: many seeds, or one of them with its trace.

python -m tests.simulation --runs 1000             stop at the first broken promise
python -m tests.simulation --steps 1000000         the long run
python -m tests.simulation --seed 7                replay, and print what happened
python -m tests.simulation --only pinned-is-kept   look at some promises only
python -m tests.simulation --without partition     leave some faults out
python -m tests.simulation --survey --runs 200     count what each promise's seeds are
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from itertools import count

from tests.simulation.faults import Fault
from tests.simulation.invariants import Invariant
from tests.simulation.run import Outcome, shrink, simulate

_SHOWN_LINES = 120


def main(argv: Sequence[str] | None = None) -> int:
    """0 where every promise was kept, 1 otherwise."""
    args = _parser().parse_args(argv)
    logging.disable()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # A set's order must not decide what happens: the same seed is the same run everywhere.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(
            sys.executable, [sys.executable, "-m", "tests.simulation", *(argv or sys.argv[1:])]
        )
    checked = frozenset(map(Invariant, args.only or Invariant))
    checked -= frozenset(map(Invariant, args.skip))
    allowed = frozenset(map(Fault, args.faults)) if args.faults is not None else frozenset(Fault)
    allowed -= frozenset(map(Fault, args.without))
    if args.seed is not None:
        outcome = simulate(args.seed, allowed, checked)
        _show(outcome, args.lines)
        if outcome.broken is not None and args.shrink:
            fewer = shrink(outcome, allowed, checked)
            print(f"the same without other faults: --faults {' '.join(sorted(fewer))}")
        return int(outcome.broken is not None)
    if args.survey:
        return _survey(args.first, args.runs or 100, allowed, checked)
    return _many(args, allowed, checked)


def _many(
    args: argparse.Namespace, allowed: frozenset[Fault], checked: frozenset[Invariant]
) -> int:
    started, steps, runs, jobs = time.process_time(), 0, 0, 0
    for seed in count(args.first):
        if runs >= (args.runs or sys.maxsize) or steps >= (args.steps or sys.maxsize):
            break
        outcome = simulate(seed, allowed, checked)
        runs, steps, jobs = runs + 1, steps + outcome.steps, jobs + outcome.worker_runs
        if outcome.broken is not None:
            _show(outcome, args.lines)
            return 1
    seconds = time.process_time() - started
    print(
        f"{runs} runs, {steps} steps, {jobs} worker runs in {seconds:.0f} CPU seconds "
        f"({runs / seconds * 60:.0f} runs a CPU minute): nothing was broken"
    )
    return 0


def _survey(first: int, runs: int, allowed: frozenset[Fault], checked: frozenset[Invariant]) -> int:
    """Count how many seeds break each promise, whatever else they break."""
    found: dict[Invariant, list[int]] = {}
    for seed in range(first, first + runs):
        for invariant in simulate(seed, allowed, frozenset()).all_broken & checked:
            found.setdefault(invariant, []).append(seed)
    for invariant in sorted(checked):
        seeds = found.get(invariant, [])
        print(f"{invariant:34} {len(seeds):5} of {runs}  {' '.join(map(str, seeds[:8]))}")
    return int(bool(found))


def _show(outcome: Outcome, lines: int) -> None:
    for line in outcome.lines[-lines:]:
        print(line)
    print(f"seed {outcome.seed}, {outcome.steps} steps, digest {outcome.digest}")
    print(outcome.text or "nothing was broken")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=(__doc__ or "").split("\n", 1)[0]
    )
    names, faults = [item.value for item in Invariant], [item.value for item in Fault]
    add = parser.add_argument
    add("--seed", type=int, help="replay one seed and print its trace")
    add("--first", type=int, default=1, metavar="SEED", help="begin with this seed (default: 1)")
    add("--runs", type=int, help="run so many seeds")
    add("--steps", type=int, help="run until so many steps were made")
    add("--only", nargs="+", default=[], choices=names, metavar="PROMISE", help=", ".join(names))
    add("--skip", nargs="+", default=[], choices=names, metavar="PROMISE", help="leave these out")
    add("--faults", nargs="*", choices=faults, metavar="FAULT", help=", ".join(faults))
    add("--without", nargs="+", default=[], choices=faults, metavar="FAULT", help="leave these out")
    add("--survey", action="store_true", help="count the seeds that break each promise")
    add("--shrink", action="store_true", help="with --seed: find fewer faults that do the same")
    add("--lines", type=int, default=_SHOWN_LINES, help="of the trace (default: 120)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
