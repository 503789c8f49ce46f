"""How long a Repository's summary waits for retention, which changes it again."""

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from stashgen.api.base import JsonObject, format_time
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.kinds.repository.summary import retention_awaited
from stashgen_controller.listers.history import snapshot_record
from tests.support.objects import NOW


@pytest.mark.parametrize(
    ("ended", "wait"),
    [
        (timedelta(), timedelta(minutes=2)),
        (timedelta(seconds=-90), timedelta(seconds=30)),
        (timedelta(minutes=-2), None),
        # By the clock of a node that is ahead.
        (timedelta(hours=1), None),
        (timedelta(days=400), None),
    ],
)
def test_it_waits_two_minutes_at_most(ended: timedelta, wait: timedelta | None) -> None:
    metadata: JsonObject = {"name": "backup", "creationTimestamp": format_time(NOW)}
    status: JsonObject = {"phase": "Succeeded", "lastUpdateTime": format_time(NOW + ended)}
    newest = snapshot_record({"metadata": metadata, "spec": {}, "status": status})
    seen = cast("Observed", SimpleNamespace(snapshots=[newest], retention_follows=True))
    assert retention_awaited(seen, NOW) == wait
