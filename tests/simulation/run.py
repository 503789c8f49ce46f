"""One seed from its beginning to its end, and many of them."""

from dataclasses import dataclass

from tests.simulation.faults import Fault
from tests.simulation.invariants import Invariant, ViolationError
from tests.simulation.world import World, beginning

_STORM_SECONDS = 4 * 3600.0
_CALM_SECONDS = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed led to.

    Attributes:
        broken: The first checked promise that was broken; None where none was.
        text: How.
        lines: The trace.
        digest: Of the trace.
        steps: Actions on the time line.
    """

    seed: int
    broken: Invariant | None
    text: str
    lines: tuple[str, ...]
    digest: str
    steps: int


def simulate(seed: int, faults: frozenset[Fault], checked: frozenset[Invariant]) -> Outcome:
    """Run a seed."""
    world = World(seed, faults, checked, beginning())
    broken, text = None, ""
    try:
        world.storm(_STORM_SECONDS)
        world.calm(_CALM_SECONDS)
        world.finale()
    except ViolationError as violation:
        broken, text = violation.invariant, str(violation)
    finally:
        world.close()
    return Outcome(
        seed, broken, text, tuple(world.trace.lines), world.trace.digest, world.timeline.steps
    )
