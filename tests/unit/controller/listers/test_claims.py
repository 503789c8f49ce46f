"""When what waits for others looks again."""

from datetime import timedelta

from stashgen_controller.listers.claims import Claimant, look_by
from stashgen_controller.protocol.reason import Reason
from tests.support.objects import NOW

_TEN_MINUTES = timedelta(minutes=10)


def _until(minutes: float | None) -> Claimant:
    ends = NOW + timedelta(minutes=minutes) if minutes is not None else None
    return Claimant(Reason("WaitingForPod", "a pod of a lost node"), ends)


def test_it_looks_again_as_soon_as_the_first_of_them_does_not_count_any_more() -> None:
    claimants = (_until(None), _until(-1), _until(7), _until(3))
    assert look_by(claimants, NOW, _TEN_MINUTES) == timedelta(minutes=3)


def test_without_a_known_end_it_is_not_sooner() -> None:
    assert look_by((_until(None), _until(-1), _until(60)), NOW, _TEN_MINUTES) == _TEN_MINUTES
