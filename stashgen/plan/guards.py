"""What watches over backups, and whether it watches less than before."""

from stashgen.kubestash.objectives import Objectives
from stashgen.kubestash.upkeep import Upkeep


def demand_less(before: Objectives, after: Objectives) -> bool:
    """Whether an objective is gone or easier to reach."""
    is_older = before.rpo is not None and (after.rpo is None or after.rpo > before.rpo)
    is_shorter = before.keep_for is not None and (
        after.keep_for is None or after.keep_for < before.keep_for
    )
    return is_older or is_shorter or (before.min_copies or 0) > (after.min_copies or 0)


def checks_less(before: Upkeep, after: Upkeep) -> bool:
    """Whether repositories are checked less often, or less of their data is read."""
    return after.check_every > before.check_every or after.read_percent < before.read_percent
