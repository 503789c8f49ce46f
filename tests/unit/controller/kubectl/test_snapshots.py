"""Restore points, and what retention does with them."""

from datetime import timedelta

import pytest

from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    REPOSITORIES,
    RETENTION_POLICIES,
    SNAPSHOTS,
)
from stashgen_controller.kubectl.lookup import find
from stashgen_controller.kubectl.snapshots import Fate, points, points_json, points_text
from tests.support.objects import NOW, Objects

_HOUR = timedelta(hours=1)


def _objects(*, last: int | None = 2) -> Objects:
    objects = Objects()
    app = {"kind": "PersistentVolumeClaim", "name": "library", "namespace": "demo"}
    objects.add(REPOSITORIES, "nas-abc", spec={"appRef": app, "storageRef": {"name": "nas"}})
    policy = {"name": "keep"}
    session = {
        "name": "backup",
        "repositories": [{"name": "nas-abc", "backend": "nas"}],
    }
    objects.add(
        BACKUP_CONFIGURATIONS,
        "library",
        spec={
            "target": app,
            "backends": [{"name": "nas", "retentionPolicy": policy}],
            "sessions": [session],
        },
    )
    if last is not None:
        objects.add(RETENTION_POLICIES, "keep", spec={"successfulSnapshots": {"last": last}})
    for hours in (3, 1, 2):
        _snapshot(objects, f"good-{hours}", "Succeeded", timedelta(hours=hours))
    _snapshot(objects, "bad", "Failed", timedelta(minutes=5))
    return objects


def _snapshot(objects: Objects, name: str, phase: str, age: timedelta) -> None:
    stats = [{"summary": {"id": "0123456789abcdef", "size": "1.500 GiB"}}]
    objects.add(
        SNAPSHOTS,
        name,
        age=age,
        spec={"repository": "nas-abc", "session": "backup"},
        status={
            "phase": phase,
            "components": {"dump": {"resticStats": stats if phase == "Succeeded" else []}},
        },
    )


def test_they_are_newest_first_and_the_next_retention_is_known() -> None:
    found = points(_objects(), None, NOW)
    assert [(item.name, item.fate) for item in found] == [
        ("bad", Fate.KEPT),
        ("good-1", Fate.KEPT),
        ("good-2", Fate.KEPT),
        ("good-3", Fate.REMOVED),
    ]


def test_without_a_policy_that_can_be_read_nothing_is_claimed() -> None:
    assert {item.fate for item in points(_objects(last=None), None, NOW)} == {Fate.UNKNOWN}


def test_a_policy_that_is_wrong_claims_nothing() -> None:
    objects = _objects()
    objects.add(RETENTION_POLICIES, "keep", spec={"maxRetentionPeriod": "soon"})
    assert {item.fate for item in points(objects, None, NOW)} == {Fate.UNKNOWN}


def test_snapshots_without_their_repository_are_still_shown() -> None:
    objects = Objects()
    _snapshot(objects, "left", "Succeeded", _HOUR)
    (point,) = points(objects, None, NOW)
    assert (point.name, point.fate) == ("left", Fate.UNKNOWN)


def test_of_one_volume_only_its_own_are_shown() -> None:
    objects = _objects()
    objects.add(REPOSITORIES, "other", spec={})
    objects.add(SNAPSHOTS, "of-other", spec={"repository": "other"}, status={})
    names = {item.name for item in points(objects, [find(objects, "library")], NOW)}
    assert names == {"bad", "good-1", "good-2", "good-3"}
    assert "of-other" in {item.name for item in points(objects, None, NOW)}


_TABLE = """\
NAME    TIME                  AGE   PHASE      SIZE       REPOSITORY  SESSION  RESTIC ID  RETENTION
bad     2026-03-01 11:55:00Z  5m    Failed     -          nas-abc     backup   -          kept
good-1  2026-03-01 11:00:00Z  60m   Succeeded  1.500 GiB  nas-abc     backup   01234567   kept
good-2  2026-03-01 10:00:00Z  120m  Succeeded  1.500 GiB  nas-abc     backup   01234567   kept
good-3  2026-03-01 09:00:00Z  3h    Succeeded  1.500 GiB  nas-abc     backup   01234567   \
removed next\
"""


def test_the_table_of_restore_points_says_what_retention_does_next() -> None:
    found = points(_objects(), None, NOW)
    assert points_text(found, NOW, None, with_namespace=False) == _TABLE
    wide = points_text(found, NOW, None, with_namespace=True).splitlines()
    assert wide[0].startswith("NAMESPACE  NAME ")
    assert wide[1].startswith("demo       bad ")


@pytest.mark.parametrize("width", [60, 80, 110])
def test_the_table_keeps_to_the_width_of_the_terminal(width: int) -> None:
    text = points_text(points(_objects(), None, NOW), NOW, width, with_namespace=True)
    assert max(map(len, text.splitlines())) <= width
    whole = points_text(points(_objects(), None, NOW), NOW, None, with_namespace=True)
    assert sorted(text.split()) == sorted(whole.split())


def test_json_has_the_whole_id() -> None:
    data = points_json(points(_objects(), None, NOW))["snapshots"]
    assert isinstance(data, list)
    assert data[1] == {
        "namespace": "demo",
        "name": "good-1",
        "time": "2026-03-01T11:00:00Z",
        "phase": "Succeeded",
        "unreadable": None,
        "isRestorable": True,
        "size": "1.500 GiB",
        "repository": "nas-abc",
        "session": "backup",
        "resticID": "0123456789abcdef",
        "retention": "kept",
    }
