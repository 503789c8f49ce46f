"""Which changes of guards are worse."""

from datetime import timedelta

import pytest

from stashgen.kubestash.objectives import Objectives
from stashgen.kubestash.upkeep import Upkeep
from stashgen.plan.guards import checks_less, demand_less
from stashgen.plan.words import upkeep_text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("before", "after", "is_less"),
    [
        (Objectives(rpo=_HOUR), Objectives(), True),
        (Objectives(rpo=_HOUR), Objectives(rpo=_DAY), True),
        (Objectives(rpo=_DAY), Objectives(rpo=_HOUR), False),
        (Objectives(keep_for=_DAY), Objectives(keep_for=_HOUR), True),
        (Objectives(min_copies=2), Objectives(min_copies=1), True),
        (Objectives(), Objectives(rpo=_HOUR, keep_for=_DAY, min_copies=2), False),
    ],
)
def test_objective_that_is_removed_or_easier_demands_less(
    before: Objectives, after: Objectives, *, is_less: bool
) -> None:
    assert demand_less(before, after) is is_less


def test_rarer_checks_and_less_read_data_are_less_but_not_rarer_prunes() -> None:
    before = Upkeep(7 * _DAY, _DAY, 5)
    assert checks_less(before, Upkeep(30 * _DAY, _DAY, 5))
    assert checks_less(before, Upkeep(7 * _DAY, _DAY))
    assert not checks_less(before, Upkeep(_DAY, 7 * _DAY, 10))
    assert upkeep_text(before) == "check every 7d reading 5%, prune every 1d"
