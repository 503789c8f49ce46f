"""All about one volume, on one screen: golden texts from objects."""

import io
from datetime import timedelta

from stashgen.api.base import JsonObject
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    EVENTS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    REPOSITORIES,
    RESTORE_SESSIONS,
    SNAPSHOTS,
)
from stashgen_controller.kubectl.console import Console
from stashgen_controller.kubectl.lookup import find
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.kubectl.status.volume import detail
from stashgen_controller.kubectl.status.volume_text import detail_json, detail_text
from tests.support.objects import NOW, Objects, backup_session, configuration, snapshot

_HOUR = timedelta(hours=1)
_MEMORY = "the container was killed because it exceeded its memory limit"


def _objects() -> Objects:
    objects = Objects()
    objects.add(
        PERSISTENT_VOLUME_CLAIMS,
        "library",
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}},
        status={"phase": "Bound"},
    )
    configuration(objects)
    stored = objects.stored(BACKUP_CONFIGURATIONS, "demo", "library")
    assert stored is not None
    tick: JsonObject = {"name": "backup", "nextSchedule": "2026-03-01T16:00:00Z"}
    stored["status"] = {"phase": "Ready", "sessions": [tick]}
    objects.add(
        REPOSITORIES,
        "local-abcde",
        spec={
            "appRef": {"kind": "PersistentVolumeClaim", "name": "library"},
            "storageRef": {"name": "nas"},
            "encryptionSecret": {"name": "restic-key"},
        },
        status={"phase": "Ready", "snapshotCount": 1, "size": "1.500 GiB"},
    )
    snapshot(objects, "good", "Succeeded", age=7 * _HOUR)
    backup_session(objects, "library-backup-1", "Succeeded", age=7 * _HOUR, duration="58s")
    copies = [{"name": "bad", "phase": "Failed", "repository": "local-abcde"}]
    backup_session(
        objects, "library-backup-2", "Failed", age=3 * _HOUR, duration="4m2s", snapshots=copies
    )
    objects.add(
        SNAPSHOTS,
        "bad",
        spec={"repository": "local-abcde", "session": "backup"},
        status={"phase": "Failed", "components": {"dump": {"error": f"OutOfMemory: {_MEMORY}"}}},
    )
    objects.add(JOBS, "bad", spec={})
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    pod = objects.add(
        PODS,
        "bad-x7k2p",
        spec={"nodeName": "node1"},
        status={
            "phase": "Failed",
            "containerStatuses": [{"name": "worker", "state": {"terminated": ended}}],
        },
    )
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    metadata["labels"] = {"batch.kubernetes.io/job-name": "bad"}
    _event(objects, "one", "BackupSession", "library-backup-2", "BackupFailed", "08:56")
    _event(objects, "two", "Pod", "bad-x7k2p", "OOMKilling", "08:55")
    _event(objects, "other", "Pod", "somebody-elses", "Killing", "08:57")
    return objects


def _event(
    objects: Objects,
    name: str,
    kind: str,
    about: str,
    reason: str,
    time: str,
    type_: str = "Warning",
) -> None:
    objects.add(
        EVENTS,
        name,
        involvedObject={"kind": kind, "name": about, "namespace": "demo"},
        type=type_,
        reason=reason,
        message=f"{reason} in\nwords",
        lastTimestamp=f"2026-03-01T{time}:00Z",
    )


_SCREEN = f"""\
demo/library, 2026-03-01 12:00:00Z: 1 problem
1.  session backup in local-abcde is late: OutOfMemory: {_MEMORY}
volume         PersistentVolumeClaim library, Bound, 20Gi, ReadWriteOnce
configuration  BackupConfiguration library, Ready, plain, age 30d

SESSION  SCHEDULE     ZONE     TIMEOUT  ALLOWED AGE  NEXT
backup   0 */4 * * *  Etc/UTC  1h       5h           2026-03-01 16:00:00Z (in 4h)

REPOSITORY   SESSION  LAST GOOD  STORAGE  POINTS  SIZE       RETENTION  LAST CHECK
local-abcde  backup   7h, late   nas      1       1.500 GiB  -          none yet

RUN                             AGE  PHASE      DURATION  WHY
backupsession/library-backup-2  3h   Failed     4m2s      Snapshot bad: OutOfMemory: {_MEMORY}
backupsession/library-backup-1  7h   Succeeded  58s       -

NEWEST POD  JOB  NODE   STATE
bad-x7k2p   bad  node1  Failed: OOMKilled, exit code 137

EVENT  TYPE     REASON        OBJECT                          MESSAGE
3h4m   Warning  BackupFailed  backupsession/library-backup-2  BackupFailed in words
3h5m   Warning  OOMKilling    pod/bad-x7k2p                   OOMKilling in words

OutOfMemory: the pod exceeded the memory limit of its reviewed PodTemplate.
next:
  kubectl describe pod bad-x7k2p -n demo
  kubectl stashgen logs library -n demo
  kubectl stashgen snapshots library -n demo
  kubectl stashgen trigger library -n demo --wait"""


def _view(objects: Objects) -> View:
    return View(objects, NOW)


def _console(width: int | None = None) -> Console:
    return Console(io.StringIO(), io.StringIO(), width)


def test_the_screen_leads_from_the_reason_to_its_pod_and_on() -> None:
    view = _view(_objects())
    assert detail_text(detail(view, find(view.reader, "library")), view, _console()) == _SCREEN


def test_the_steps_of_pods_do_not_push_warnings_out() -> None:
    objects = _objects()
    for index in range(20):
        _event(objects, f"step-{index}", "Pod", "bad-x7k2p", "Pulled", "11:00", "Normal")
    _event(objects, "older", "BackupSession", "library-backup-1", "Succeeded", "05:00", "Normal")
    view = _view(objects)
    reasons = [item.reason for item in detail(view, find(objects, "library")).events]
    assert reasons == ["Pulled"] * 5 + ["BackupFailed", "OOMKilling", "Succeeded"]


def test_it_fits_into_a_terminal() -> None:
    view = _view(_objects())
    text = detail_text(detail(view, find(view.reader, "local-abcde")), view, _console(80))
    assert max(map(len, text.splitlines())) <= 84


def test_what_is_well_has_no_problem() -> None:
    objects = _objects()
    snapshot(objects, "newer", "Succeeded", age=timedelta(minutes=5))
    backup_session(objects, "library-backup-3", "Succeeded", age=timedelta(minutes=5))
    view = _view(objects)
    found = detail(view, find(objects, "library"))
    assert found.problems == ()
    assert "nothing needs attention" in detail_text(found, view, _console())


def test_what_is_wrong_with_a_session_is_said_once() -> None:
    objects = _objects()
    snapshot(objects, "good", "Succeeded", age=4 * _HOUR)
    view = _view(objects)
    (problem,) = detail(view, find(objects, "library")).problems
    assert problem.startswith("backup library/backup to local-abcde failed: OutOfMemory: ")


def test_a_restore_that_held_no_lock_says_so_among_the_runs() -> None:
    objects = _objects()
    without = {
        "type": "RestoredWithoutLock",
        "status": "True",
        "reason": "StorageNotWritable",
        "message": "read without a lock",
        "lastTransitionTime": "2026-03-01T10:00:00Z",
    }
    objects.add(
        RESTORE_SESSIONS,
        "back",
        age=_HOUR,
        spec={
            "target": {"kind": "PersistentVolumeClaim", "name": "library"},
            "dataSource": {"repository": "local-abcde", "snapshot": "latest"},
        },
        status={"phase": "Succeeded", "duration": "9s", "conditions": [without]},
    )
    view = _view(objects)
    (run,) = (item for item in detail(view, find(objects, "library")).runs if item.name == "back")
    assert (run.phase, run.why) == ("Succeeded", "read without a lock")


def test_json_says_the_same() -> None:
    view = _view(_objects())
    data = detail_json(detail(view, find(view.reader, "library")), view, ["a note"])
    assert data["isWell"] is False
    assert data["claim"] == "library"
    assert data["copies"] == [
        {
            "session": "backup",
            "repository": "local-abcde",
            "lastGood": "2026-03-01T05:00:00Z",
            "allowedSeconds": 18000.0,
            "isMet": False,
            "unreadableFiles": 0,
        }
    ]
    assert data["pod"] == {
        "name": "bad-x7k2p",
        "job": "bad",
        "node": "node1",
        "state": "Failed: OOMKilled, exit code 137",
    }
    assert data["notLookedAt"] == ["a note"]
