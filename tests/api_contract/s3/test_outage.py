"""A server that goes away; alone in its module, because it waits longer than all others take."""

import os
import socket
from datetime import timedelta

from tests.support.gateway import Gateway
from tests.support.workbench import NOW, Workbench, snapshot_name, wait_until

# The backup has begun by then on a busy machine too; restic tries again and again until then.
_UNTIL_DEADLINE_SECONDS = 15


def test_a_server_that_goes_away_in_the_middle_is_named_and_used_again(
    gateway: Gateway, used: Workbench
) -> None:
    whole = used.volume / "large"
    whole.write_bytes(os.urandom(1 << 20))
    deadline = f"{NOW + timedelta(days=1, seconds=_UNTIL_DEADLINE_SECONDS):%Y-%m-%dT%H:%M:%SZ}"
    plan = used.backup_plan(1, deadline=deadline)
    worker = used.start(used.backup_args(1), plan, 1)
    try:
        wait_until("restic's lock", (used.repository / "locks").exists)
        gateway.stop()
        ended = used.wait(worker)
    finally:
        gateway.start()
    assert ended.reason == "DeadlineExceeded"
    assert "connection refused" in ended.text
    used.backup(2, terminatedPods=[socket.gethostname()]).succeeded()
    for path in used.volume.rglob("*"):
        if path.is_file():
            path.unlink()
    used.restore(used.record(snapshot_name(2))).succeeded()
    assert whole.stat().st_size == 1 << 20
