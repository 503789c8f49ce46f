"""A short run of the simulation; ``python -m tests.simulation`` is the long one."""

import os
import subprocess
import sys

import pytest

from tests.simulation.faults import Fault
from tests.simulation.invariants import Invariant
from tests.simulation.run import simulate
from tests.support.place import ROOT

_EVERYTHING = frozenset(Fault)
_PROMISES = frozenset(Invariant)
# Several tests, so that they run beside each other.
_SEEDS = [range(first, first + 10) for first in range(1, 51, 10)]


@pytest.mark.parametrize("seeds", _SEEDS, ids=str)
def test_what_is_promised_holds_whatever_fails(seeds: range) -> None:
    for seed in seeds:
        outcome = simulate(seed, _EVERYTHING, _PROMISES)
        assert outcome.broken is None, "\n".join((*outcome.lines[-60:], outcome.text))


def test_without_faults_everything_succeeds_and_nothing_waits() -> None:
    for seed in range(3):
        outcome = simulate(seed, frozenset(), _PROMISES)
        assert not outcome.all_broken & {
            Invariant.FAULTLESS_SUCCEEDS,
            Invariant.NOTHING_IS_STUCK,
            Invariant.OBJECTS_FOLLOW_THE_BUCKET,
            Invariant.SUCCESS_HAS_DATA,
        }, outcome.lines[-60:]
        assert outcome.removed > 0


def test_a_seed_is_the_same_run_in_every_process() -> None:
    code = (
        "from tests.simulation.run import simulate; from tests.simulation.faults import Fault;"
        "print(simulate(3, frozenset(Fault), frozenset()).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1, digests
