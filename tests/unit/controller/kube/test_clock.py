"""The clock that goes by the API server's answers."""

from datetime import UTC, datetime, timedelta

import pytest

from stashgen_controller.kube.clock import ServerClock

_START = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
_SAID = "Mon, 02 Mar 2026 12:00:00 GMT"
_END = "Fri, 31 Dec 9999 23:59:59 -0100"


class Node:
    """A node: its clock, which may be set, and the time that passes."""

    def __init__(self) -> None:
        self.clock = _START + timedelta(days=400)
        self.passed = 1000.0


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def clock(node: Node) -> ServerClock:
    return ServerClock(lambda: node.clock, lambda: node.passed)


def test_the_nodes_time_counts_until_the_server_says_its_own(
    node: Node, clock: ServerClock
) -> None:
    assert clock.now() == node.clock
    clock.heard(_SAID)
    assert clock.now() == _START


def test_time_passes_whatever_happens_to_the_nodes_clock(node: Node, clock: ServerClock) -> None:
    clock.heard(_SAID)
    node.passed += 90
    node.clock -= timedelta(days=1000)
    assert clock.now() == _START + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("passed", "said", "now"),
    [
        (0.9, "12:00:00", 0.9),
        (4.0, "12:00:00", 4.0),
        (0.2, "12:00:03", 3.0),
        (30.0, "12:00:01", 1.0),
        (1.0, "13:00:00", 3600.0),
    ],
)
def test_an_answer_corrects_what_it_contradicts(
    node: Node, clock: ServerClock, passed: float, said: str, now: float
) -> None:
    clock.heard(_SAID.replace("12:00:00", "11:59:59"))
    clock.heard(_SAID)
    node.passed += passed
    clock.heard(_SAID.replace("12:00:00", said))
    assert clock.now() == _START + timedelta(seconds=now)


@pytest.mark.parametrize("odd", ["", "yesterday", "Mon, 99 Mar 2026 12:00:00 GMT", _END])
def test_what_is_no_date_changes_nothing(node: Node, clock: ServerClock, odd: str) -> None:
    clock.heard(odd)
    assert clock.now() == node.clock
