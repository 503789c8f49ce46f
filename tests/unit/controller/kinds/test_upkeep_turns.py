"""Which Repository is pruned or checked next, where more are due than may be at a time."""

import random
from datetime import timedelta

from stashgen.api.base import JsonObject, format_time
from stashgen.api.repository import Repository
from stashgen.api.resources import REPOSITORIES
from stashgen_controller.kinds.repository.upkeep_observed import MOST_AT_ONCE, observe_upkeep
from tests.support.objects import NOW, Objects

_MANY = 5 * MOST_AT_ONCE
_BUSY: JsonObject = {"executor": {"job": "upkeep", "attempt": 1, "planDigest": "0" * 16}}


def _set(objects: Objects, name: str, upkeep: JsonObject) -> None:
    objects.add(REPOSITORIES, name, spec={}, status={"phase": "Ready", "upkeep": upkeep})


def _has_turn(objects: Objects, name: str) -> bool:
    repository = objects.get(Repository, "demo", name)
    assert repository is not None
    return observe_upkeep(objects, repository, ()).has_turn


def test_whatever_is_looked_at_first_those_begin_that_were_due_first() -> None:
    shuffle = random.Random(7)
    objects = Objects()
    names = [f"local-{number}" for number in range(_MANY)]
    order = shuffle.sample(names, _MANY)
    for number, name in enumerate(order):
        since = format_time(NOW - timedelta(days=9) + timedelta(minutes=number))
        _set(objects, name, {"waitingSince": since})
    begun: list[str] = []
    running: list[str] = []
    while len(begun) < _MANY:
        looked_at = [name for name in names if name not in begun]
        for name in shuffle.sample(looked_at, len(looked_at)):
            if _has_turn(objects, name):
                _set(objects, name, _BUSY)
                begun.append(name)
                running.append(name)
        assert len(running) == MOST_AT_ONCE or len(begun) == _MANY
        # Whoever ends first is another one each time, and is due again at once.
        for name in shuffle.sample(running, 3 * len(running) // 4):
            running.remove(name)
            _set(objects, name, {})
            assert not _has_turn(objects, name) or len(begun) > _MANY - MOST_AT_ONCE
    # Within one look the order is that of the looks; nobody is passed over by a later one.
    assert all(order.index(name) < place + MOST_AT_ONCE for place, name in enumerate(begun))


def test_one_that_has_not_waited_yet_goes_behind_those_that_have() -> None:
    objects = Objects()
    for number in range(MOST_AT_ONCE):
        _set(objects, f"local-{number}", {"waitingSince": format_time(NOW)})
    _set(objects, "new", {})
    assert not _has_turn(objects, "new")
    assert all(_has_turn(objects, f"local-{number}") for number in range(MOST_AT_ONCE))
