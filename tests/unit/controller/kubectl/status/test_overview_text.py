"""One screen: golden texts from objects."""

import io
from datetime import timedelta

from stashgen.api.resources import BACKUP_STORAGES, SNAPSHOTS
from stashgen_controller.kubectl.console import Console
from stashgen_controller.kubectl.status.overview import overview
from stashgen_controller.kubectl.status.overview_text import as_json, overview_text
from tests.support.objects import (
    NOW,
    Objects,
    backup_session,
    claim,
    configuration,
    repository,
    snapshot,
)

_HOUR = timedelta(hours=1)
_THEN = "2026-03-01T00:00:00Z"
_REFUSED = "Unavailable: dial tcp 192.0.2.9:443: connect: connection refused"


def _console(width: int | None = None, *, has_colours: bool = False) -> Console:
    return Console(io.StringIO(), io.StringIO(), width, has_colours)


def _bad_night() -> Objects:
    objects = Objects()
    configuration(objects)
    locked = {"type": "RetentionApplied", "status": "False", "lastTransitionTime": _THEN}
    repository(objects, phase="Ready", conditions=[locked | {"message": "Locked: by PID 13"}])
    for name in ("library", "forgotten"):
        claim(objects, name)
    claim(objects, "scratch", **{"stashgen.dev/opt-out": "a cache"})
    snapshot(objects, "good", "Succeeded", age=7 * _HOUR)
    copies = [{"name": "bad", "phase": "Failed", "repository": "local-abcde"}]
    backup_session(objects, "library-backup-1", "Failed", age=3 * _HOUR, snapshots=copies)
    objects.add(
        SNAPSHOTS,
        "bad",
        age=3 * _HOUR,
        spec={"repository": "local-abcde", "session": "backup"},
        status={"phase": "Failed", "components": {"dump": {"error": _REFUSED}}},
    )
    denied = {"type": "BackendInitialized", "status": "False", "lastTransitionTime": _THEN}
    objects.add(
        BACKUP_STORAGES,
        "s3-eu",
        age=3 * _HOUR,
        spec={"storage": {"provider": "s3"}},
        status={
            "phase": "NotReady",
            "conditions": [denied | {"message": "AccessDenied: the key may not write"}],
        },
    )
    backup_session(objects, "library-backup-2", None, age=timedelta(seconds=20))
    return objects


_SCREEN = """\
namespace demo, 2026-03-01 12:00:00Z: 1 late, 1 failed, 2 not ready, 1 unprotected

LATE (1)  the newest good backup is older than promised
  COPY                           LAST GOOD  ALLOWED  WHY
  library/backup in local-abcde  7h         5h       BackupSession library-backup-2 has been running
                                                     since 2026-03-01 11:59Z; the last one failed:
                                                     Unavailable: dial tcp 192.0.2.9:443: ...

FAILED (1)  the last run failed
  WHAT                      AGE  WHY
  retention of local-abcde  -    Locked: by PID 13

NOT READY (2)  backups that use them do not run
  OBJECT                       AGE  WHY
  BackupConfiguration library  30d  no controller has reconciled it: kubectl get pods -n
                                    stashgen-system
  BackupStorage s3-eu          3h   AccessDenied: the key may not write

UNPROTECTED (1)  no BackupConfiguration and no stashgen.dev/opt-out annotation
  VOLUME     AGE  SIZE
  forgotten  0s   -

RUNNING (1)  in progress
  WHAT                   AGE  WHY
  backup library/backup  20s  BackupSession library-backup-2 has been running since 2026-03-01
                              11:59Z

next:
  kubectl stashgen trigger library -n demo --wait
  kubectl stashgen status library -n demo
  kubectl describe backupstorage s3-eu -n demo

0 of 1 copy recent enough, 1 of 3 volumes backed up, 1 opted out, 1 restore point."""


def test_the_screen_of_a_bad_night() -> None:
    found = overview(_bad_night(), NOW)
    text = overview_text(found, "demo", NOW, _console(100))
    assert text == _SCREEN
    assert max(map(len, text.splitlines())) <= 100


def test_eighty_columns_are_enough() -> None:
    text = overview_text(overview(_bad_night(), NOW), None, NOW, _console(80))
    tables = [line for line in text.splitlines() if not line.startswith(("all namespaces", "0 of"))]
    assert max(map(len, tables)) <= 80


def test_a_pipe_gets_whole_reasons_on_one_line_and_no_colours() -> None:
    text = overview_text(overview(_bad_night(), NOW), "demo", NOW, _console())
    assert any(line.endswith(_REFUSED) for line in text.splitlines())
    assert "\x1b" not in text


def test_a_terminal_gets_colours() -> None:
    text = overview_text(overview(_bad_night(), NOW), "demo", NOW, _console(100, has_colours=True))
    assert "\x1b[31mLATE (1)\x1b[0m" in text


def test_nothing_there_points_to_the_other_namespaces() -> None:
    found = overview(Objects(), NOW)
    assert not found.is_well, "nothing is known to be well"
    assert overview_text(found, "demo", NOW, _console()) == (
        "namespace demo, 2026-03-01 12:00:00Z: nothing is backed up\n\n"
        "There are no volumes here, and nothing is backed up; use -A for all namespaces."
    )
    assert "-A" not in overview_text(found, None, NOW, _console())


def _outage(number: int) -> Objects:
    objects = Objects()
    for index in range(number):
        name = f"volume-{index:03}"
        configuration(objects, name)
        claim(objects, name)
    storage_away = {"type": "BackendInitialized", "status": "False", "lastTransitionTime": _THEN}
    objects.add(
        BACKUP_STORAGES,
        "s3-eu",
        spec={"storage": {"provider": "s3"}},
        status={"conditions": [storage_away | {"message": _REFUSED}]},
    )
    return objects


def test_five_hundred_late_volumes_are_one_screen_told_by_their_cause() -> None:
    found = overview(_outage(500), NOW)
    text = overview_text(found, "demo", NOW, _console(100))
    assert len(text.splitlines()) < 40
    assert "LATE (500)" in text
    assert "  500    volume-000/backup in local-abcde  no controller has reconciled it" in text
    assert "--full lists all of them" in text
    commands = text.partition("next:\n")[2].partition("\n\n")[0].splitlines()
    assert commands == [
        "  kubectl stashgen status volume-000 -n demo",
        "  kubectl describe backupstorage s3-eu -n demo",
    ]
    full = overview_text(found, "demo", NOW, _console(100), is_full=True)
    assert sum("volume-499" in line for line in full.splitlines()) == 2


def test_many_unprotected_volumes_are_named_up_to_a_screen() -> None:
    objects = Objects()
    for index in range(14):
        claim(objects, f"volume-{index:02}")
    text = overview_text(overview(objects, NOW), "demo", NOW, _console())
    assert "volume-09" in text
    assert "volume-10" not in text
    assert "... and 4 more; --full lists them" in text


def test_json_says_the_same() -> None:
    found = overview(_bad_night(), NOW)
    data = as_json(found, "demo", NOW, ["pods are left out: forbidden"])
    assert data["isWell"] is False
    entries = data["entries"]
    assert isinstance(entries, list)
    shown = [
        (item["section"], item["kind"], item["name"]) for item in entries if isinstance(item, dict)
    ]
    assert shown == [
        ("late", "BackupConfiguration", "library"),
        ("failed", "Repository", "local-abcde"),
        ("not ready", "BackupConfiguration", "library"),
        ("not ready", "BackupStorage", "s3-eu"),
        ("unprotected", "PersistentVolumeClaim", "forgotten"),
        ("running", "BackupSession", "library-backup-2"),
    ]
    assert data["counts"] == {
        "copies": 1,
        "copiesMet": 0,
        "volumes": 3,
        "protected": 1,
        "optedOut": 1,
        "restorePoints": 1,
    }
    assert data["notLookedAt"] == ["pods are left out: forbidden"]
