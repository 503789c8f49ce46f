"""One seed from its beginning to its end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from random import Random

from tests.simulation.faults import Fault
from tests.simulation.invariants import Invariant, ViolationError
from tests.simulation.shapes import Shape
from tests.simulation.world import Beginning, World, beginnings

_STORM_SECONDS = (1800.0, 3600.0, 3600.0, 7200.0)
# A pod of which no kubelet says anything counts as running until its Job's deadline, a day at most.
_CALM_SECONDS = 26 * 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed led to.

    Attributes:
        broken: The first checked promise that was broken; None where none was.
        text: How.
        all_broken: Every promise that was broken, checked or not.
        lines: The trace.
        digest: Of the trace.
        steps: Actions on the time line.
        worker_runs: Containers that ran a verb.
        removed: Restic snapshots that retention removed.
    """

    seed: int
    broken: Invariant | None
    text: str
    all_broken: frozenset[Invariant]
    lines: tuple[str, ...]
    digest: str
    steps: int
    worker_runs: int
    removed: int


def simulate(seed: int, allowed: frozenset[Fault], checked: frozenset[Invariant]) -> Outcome:
    """Run a seed: hours in which everything may fail, hours without a fault, a last backup.

    Args:
        seed: Decides all that happens.
        allowed: The faults that may happen.
        checked: The promises that end the run where they are broken.
    """
    choice = Random(seed)
    shape, beginning = choice.choice(_kept_beginnings())
    world = World(seed, allowed, checked, shape, beginning)
    broken, text = None, ""
    try:
        with _uncollected():
            world.storm(choice.choice(_STORM_SECONDS))
            world.calm(_CALM_SECONDS)
            world.finale()
    except ViolationError as violation:
        broken, text = violation.invariant, str(violation)
    finally:
        world.close()
    return Outcome(
        seed,
        broken,
        text,
        frozenset(world.invariants.all_broken),
        tuple(world.trace.lines),
        world.trace.digest,
        world.timeline.steps,
        world.worker_runs,
        world.invariants.removed,
    )


@cache
def _kept_beginnings() -> tuple[tuple[Shape, Beginning], ...]:
    """What runs begin with; it stays, and so does all code: nothing of that is garbage."""
    made = beginnings()
    gc.collect()
    gc.freeze()
    return made


@contextmanager
def _uncollected() -> Iterator[None]:
    """A run keeps nearly all that it makes: to look for garbage meanwhile takes a quarter of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def shrink(
    outcome: Outcome, allowed: frozenset[Fault], checked: frozenset[Invariant]
) -> frozenset[Fault]:
    """Fewer faults with which the same seed still breaks the same promise."""
    found = allowed
    for fault in sorted(allowed):
        fewer = found - {fault}
        if simulate(outcome.seed, fewer, checked).broken is outcome.broken:
            found = fewer
    return found
