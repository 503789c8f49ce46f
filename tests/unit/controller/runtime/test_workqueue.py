"""Several threads take keys: none of one lane beside another, and none later than it is due."""

from datetime import timedelta
from threading import Event, Thread

import pytest

from stashgen.api.resources import JOBS
from stashgen_controller.kube.clock import SystemClock
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.workqueue import WorkQueue

_LIMIT_SECONDS = 60


def key(name: str) -> Key:
    return Key(JOBS, "demo", name)


def test_keys_of_one_lane_come_one_after_the_other() -> None:
    queue = WorkQueue(SystemClock(), lambda item: (item.name[0],))
    for name in ("a1", "a2", "b1"):
        queue.add(key(name))
    with queue.take() as first, queue.take() as second:
        assert (first, second) == (key("a1"), key("b1"))
    with queue.take() as third:
        assert third == key("a2")


def test_a_key_that_becomes_due_does_not_wait_for_a_busy_thread() -> None:
    queue = WorkQueue(SystemClock())
    came, release = Event(), Event()

    def work() -> None:
        while True:
            with queue.take() as item:
                if item is None:
                    return
                if item == key("slow"):
                    release.wait(_LIMIT_SECONDS)
                else:
                    came.set()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    # Whoever is told of the delayed key takes the slow one, which is there a moment later.
    queue.add_after(key("due"), timedelta(milliseconds=300))
    queue.add(key("slow"))
    assert came.wait(_LIMIT_SECONDS / 2)
    release.set()
    queue.stop()
    for thread in threads:
        thread.join()


def test_a_key_that_shares_one_of_several_lanes_waits_for_it() -> None:
    queue = WorkQueue(SystemClock(), lambda item: item.name)
    for name in ("ab", "bc", "c"):
        queue.add(key(name))
    with queue.take() as first:
        with queue.take() as second:
            assert (first, second) == (key("ab"), key("c"))
        assert queue.depth == 1
    with queue.take() as third:
        assert third == key("bc")
    assert queue.idle


def test_an_urgent_key_comes_before_the_others() -> None:
    queue = WorkQueue(SystemClock())
    for name in ("a", "b", "c"):
        queue.add(key(name))
    queue.add(key("urgent"), is_urgent=True)
    queue.add(key("b"), is_urgent=True)
    assert taken(queue, 4) == ["urgent", "b", "a", "c"]


@pytest.mark.parametrize(("is_urgent", "then"), [(True, ["a", "b"]), (False, ["b", "a"])])
def test_a_key_that_was_added_while_it_was_worked_on_comes_next_if_it_is_urgent(
    is_urgent: bool, then: list[str]
) -> None:
    queue = WorkQueue(SystemClock())
    for name in ("a", "b"):
        queue.add(key(name))
    with queue.take() as first:
        assert first == key("a")
        queue.add(key("a"), is_urgent=is_urgent)
        queue.add(key("a"))
    assert taken(queue, 2) == then


def test_a_key_that_comes_back_for_ever_does_not_hold_up_the_others() -> None:
    queue = WorkQueue(SystemClock())
    queue.add(key("again"))
    with queue.take():
        queue.add(key("again"), is_urgent=True)
        queue.add(key("other"))
        queue.add(key("urgent"), is_urgent=True)
    seen = []
    for _ in range(8):
        with queue.take() as item:
            seen.append(item)
            queue.add(key("again"), is_urgent=True)
    assert {key("other"), key("urgent")} <= set(seen)


def taken(queue: WorkQueue, count: int) -> list[str]:
    """The names of the next keys."""
    names = []
    for _ in range(count):
        with queue.take() as item:
            assert item is not None
            names.append(item.name)
    return names


def test_a_key_waits_until_all_of_its_lanes_are_free() -> None:
    """A restore into one volume from the Repository of another shares a lane with both."""
    lanes = {
        "backup": ("volume", "repository"),
        "other": ("aside",),
        "restore": ("repository", "aside"),
    }
    queue = WorkQueue(SystemClock(), lambda item: lanes[item.name])
    for name in ("backup", "restore", "other"):
        queue.add(key(name))
    with queue.take() as first, queue.take() as second:
        assert (first, second) == (key("backup"), key("other"))
    with queue.take() as third:
        assert third == key("restore")
