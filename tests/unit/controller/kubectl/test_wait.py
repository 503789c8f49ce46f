"""What ``--wait`` says when people stop it."""

import io
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_SESSIONS, Resource
from stashgen_controller.kube.client import Client
from stashgen_controller.kubectl.console import Console
from stashgen_controller.kubectl.wait import Follower


class _Running:
    """A server whose backup never ends."""

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        del resource, namespace
        return {"metadata": {"name": name}, "status": {"phase": "Running"}}


def _interrupt(seconds: float, /) -> None:
    raise KeyboardInterrupt(seconds)


def test_ctrl_c_stops_watching_and_says_that_the_backup_goes_on() -> None:
    err = io.StringIO()
    client = cast("Client", _Running())
    follower = Follower(client, Console(io.StringIO(), err), 60, pause=_interrupt)
    assert follower.follow(BACKUP_SESSIONS, "shop", "data-1") == 130
    assert err.getvalue().endswith(
        "stopped watching backupsession/data-1; it continues: kubectl stashgen status -n shop\n"
    )
