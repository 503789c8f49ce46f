"""Which word on a Repository is the last one."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import UPKEEP_ANNOTATION
from stashgen.api.meta import ObjectMeta
from stashgen.api.repository import RepositoryStatus
from stashgen_controller.listers.history import SnapshotRecord, snapshot_record
from stashgen_controller.listers.integrity import checks_read_data
from stashgen_controller.listers.integrity import known_integrity as _known_integrity
from tests.support.objects import NOW

_HOUR = timedelta(hours=1)


def known_integrity(
    status: RepositoryStatus, snapshots: Sequence[SnapshotRecord], *, checks_data: bool = False
) -> bool | None:
    """The last word where checks read no data."""
    return _known_integrity(status, snapshots, checks_data=checks_data)


def backup(
    integrity: bool | None, hours: float, *, reported: float | None = None
) -> SnapshotRecord:
    """A Snapshot whose Job was created some hours ago; its node's clock may say otherwise."""
    ended = NOW - (hours if reported is None else reported) * _HOUR
    created = format_time(NOW - hours * _HOUR)
    # Made long before: it waited for its turn.
    metadata: JsonObject = {
        "name": f"backup-{hours}",
        "creationTimestamp": format_time(NOW - 100 * _HOUR),
    }
    status: JsonObject = {
        "phase": "Failed" if integrity is False else "Succeeded",
        "integrity": integrity,
        "lastUpdateTime": format_time(ended),
        "executor": {"job": "backup", "created": created},
    }
    return snapshot_record({"metadata": metadata, "spec": {}, "status": status})


def checked(integrity: bool | None, hours: float, paths: int = 1) -> RepositoryStatus:
    """A Repository whose last check found something; its Job was created some hours ago."""
    created = format_time(NOW - hours * _HOUR)
    found: JsonObject = {
        "integrity": integrity,
        "componentPaths": [f"repository/v1/session-{number}/dump" for number in range(paths)],
        "upkeep": {"lastCheckTime": format_time(NOW), "lastCheckCreated": created},
    }
    return RepositoryStatus.from_wire(found)


@pytest.mark.parametrize("reported", [0, 3, 1000])
def test_a_backup_after_the_check_decides_whatever_the_nodes_clock_says(reported: float) -> None:
    since = [backup(False, 1, reported=reported)]
    assert known_integrity(checked(True, 2), since) is False
    before = [backup(False, 3, reported=reported)]
    assert known_integrity(checked(True, 2), before) is True


def test_what_looked_for_nothing_says_nothing() -> None:
    assert known_integrity(checked(False, 5), [backup(None, 1)]) is False
    assert known_integrity(checked(None, 5), [backup(None, 1)]) is None


def test_damage_stays_known_although_the_next_backup_did_not_look() -> None:
    assert known_integrity(checked(True, 5), [backup(False, 2), backup(None, 1)]) is False


def test_the_last_word_on_the_only_restic_repository_counts() -> None:
    found = [backup(True, 1), backup(False, 2)]
    assert known_integrity(checked(False, 5), found) is True
    assert known_integrity(checked(False, 5, paths=2), found) is False


def test_of_two_of_the_same_second_damage_counts() -> None:
    assert known_integrity(checked(True, 2), [backup(False, 2)]) is False
    assert known_integrity(checked(False, 2), [backup(True, 2)]) is False


def test_without_a_check_all_backups_count() -> None:
    assert known_integrity(RepositoryStatus(), [backup(False, 2)]) is False


def test_a_backup_that_reads_no_data_does_not_clear_what_reading_it_found() -> None:
    assert known_integrity(checked(False, 5), [backup(True, 1)], checks_data=True) is False
    assert known_integrity(checked(True, 5), [backup(False, 1)], checks_data=True) is False
    assert known_integrity(checked(None, 5), [backup(True, 1)], checks_data=True) is None


@pytest.mark.parametrize(
    ("rhythm", "expected"),
    [(None, False), ("check=24h", False), ("check=24h,readData=5%", True), ("nonsense", True)],
)
def test_whether_checks_read_data_is_in_the_rhythm(rhythm: str | None, *, expected: bool) -> None:
    annotations = {UPKEEP_ANNOTATION: rhythm} if rhythm is not None else None
    assert checks_read_data(ObjectMeta(name="local", annotations=annotations)) is expected
