"""Which word on a Repository is the last one."""

from datetime import timedelta

import pytest

from stashgen.api.base import JsonObject, format_time
from stashgen.api.repository import RepositoryStatus
from stashgen_controller.listers.history import SnapshotRecord, snapshot_record
from stashgen_controller.listers.integrity import found_whole_by, known_integrity
from tests.support.objects import NOW

_HOUR = timedelta(hours=1)


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


def test_the_last_word_on_the_only_restic_repository_is_worth_a_check() -> None:
    newest = backup(True, 1)
    assert found_whole_by(checked(False, 5), [newest, backup(False, 2)]) == newest
    assert found_whole_by(checked(False, 5), [backup(False, 1), backup(True, 2)]) is None
    assert found_whole_by(checked(False, 5, paths=2), [newest]) is None
    assert found_whole_by(checked(False, 0.5), [newest]) is None


def test_of_two_of_the_same_second_damage_counts() -> None:
    assert known_integrity(checked(True, 2), [backup(False, 2)]) is False
    assert known_integrity(checked(False, 2), [backup(True, 2)]) is False


def test_without_a_check_all_backups_count() -> None:
    assert known_integrity(RepositoryStatus(), [backup(False, 2)]) is False


def test_a_backup_does_not_clear_what_a_check_found() -> None:
    assert known_integrity(checked(False, 5), [backup(True, 1)]) is False
    assert known_integrity(checked(True, 5), [backup(False, 1)]) is False
    assert known_integrity(checked(None, 5), [backup(True, 1)]) is None
