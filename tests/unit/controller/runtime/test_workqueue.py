"""Several threads take keys: none of one lane beside another, and none later than it is due."""

from datetime import timedelta
from threading import Event, Thread

from stashgen.api.resources import JOBS
from stashgen_controller.kube.clock import SystemClock
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.workqueue import WorkQueue

_LIMIT_SECONDS = 60


def key(name: str) -> Key:
    return Key(JOBS, "demo", name)


def test_keys_of_one_lane_come_one_after_the_other() -> None:
    queue = WorkQueue(SystemClock(), lambda item: item.name[0])
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
