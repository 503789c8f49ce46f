"""Which restore point a command line means, and what is written about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.snapshot import Phase
from stashgen.diagnostics import UsageError
from stashgen_controller.kubectl.arguments import Command, Where
from stashgen_controller.kubectl.lookup import Subject
from stashgen_controller.kubectl.restore import (
    NoPointError,
    choose,
    request,
    restore_session,
    users_of,
)
from stashgen_controller.kubectl.snapshots import Fate, Point

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_POD_TEMPLATE = {"spec": {"securityContext": {"runAsUser": 65534}}}


def _point(name: str, hours: int, repository: str, phase: Phase = Phase.SUCCEEDED) -> Point:
    time = _NOW - timedelta(hours=hours)
    return Point("demo", name, time, phase, repository, "backup", "1 B", "ab", Fate.KEPT)


# Newest first, as they are handed over.
_POINTS = [
    _point("failed", 1, "nas", Phase.FAILED),
    _point("new", 2, "s3"),
    _point("middle", 3, "nas"),
    _point("old", 9, "nas"),
]


def _repository(name: str) -> Repository:
    key = {"name": "restic-key", "namespace": "demo"}
    metadata = {"name": name, "namespace": "demo"}
    spec, status = {"encryptionSecret": key}, {"componentPaths": ["repository/v1/backup/dump"]}
    return Repository.model_validate({"metadata": metadata, "spec": spec, "status": status})


def _subject() -> Subject:
    session = {
        "name": "backup",
        "addon": {"name": "pvc-addon", "jobTemplate": _POD_TEMPLATE},
        "repositories": [{"name": "nas"}, {"name": "s3"}],
    }
    configuration = BackupConfiguration.model_validate(
        {"metadata": {"name": "library", "namespace": "demo"}, "spec": {"sessions": [session]}}
    )
    return Subject("demo", "data.library", configuration, (_repository("nas"), _repository("s3")))


_RESTORE = Command("restore", Where(), "library")


@pytest.mark.parametrize(
    ("command", "snapshot", "repository"),
    [
        (_RESTORE, "new", "s3"),
        (replace(_RESTORE, repository="nas"), "middle", "nas"),
        (replace(_RESTORE, snapshot="old"), "old", "nas"),
        (replace(_RESTORE, as_of=_NOW - timedelta(hours=3)), "middle", "nas"),
        (replace(_RESTORE, as_of=_NOW - timedelta(hours=4)), "old", "nas"),
    ],
)
def test_the_newest_good_one_that_matches_is_chosen(
    command: Command, snapshot: str, repository: str
) -> None:
    act = choose(command, _subject(), _POINTS)
    assert (act.snapshot, act.repository.metadata.name) == (snapshot, repository)
    assert act.target == "data.library"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (replace(_RESTORE, snapshot="failed"), 'no good restore point "failed"'),
        (replace(_RESTORE, snapshot="old", repository="s3"), 'no good restore point "old" in s3'),
        (replace(_RESTORE, as_of=_NOW - timedelta(days=1)), "taken by 2026-02-28 12:00:00Z"),
    ],
)
def test_nothing_else_is_restored_instead(command: Command, why: str) -> None:
    with pytest.raises(NoPointError, match=why):
        choose(command, _subject(), _POINTS)


def test_a_failed_one_that_says_what_it_lacks_is_restored_by_its_name_only() -> None:
    lacking = replace(_POINTS[0], name="lacking", is_restorable=True)
    points = [lacking, *_POINTS]
    assert choose(replace(_RESTORE, snapshot="lacking"), _subject(), points).snapshot == "lacking"
    assert choose(_RESTORE, _subject(), points).snapshot == "new"


def test_a_repository_of_another_volume_is_refused() -> None:
    with pytest.raises(UsageError, match='no Repository "gcs"; it has nas, s3'):
        choose(replace(_RESTORE, repository="gcs"), _subject(), _POINTS)


def test_a_time_that_nothing_matches_is_not_waited_for() -> None:
    command = replace(_RESTORE, as_of=_NOW - timedelta(days=1), wait_for_snapshot=True)
    with pytest.raises(NoPointError):
        choose(command, _subject(), _POINTS)


_REQUEST = """\
# A restore: commit this file to a folder of the cluster's repository that is never pruned.
# It happens once, however often it is synced, and nothing starts at or after notAfter. For another
# restore, write a new file with a new nonce.
# To see the result: \
kubectl get restorerequest -n demo restore-data-library-20260301-120000
# new (of 2026-03-01 10:00:00Z, 120m ago, 1 B) into demo/data.library
apiVersion: stashgen.dev/v1alpha1
kind: RestoreRequest
metadata:
  name: restore-data-library-20260301-120000
  namespace: demo
  annotations:
    argocd.argoproj.io/compare-options: IgnoreExtraneous
    argocd.argoproj.io/sync-options: "Prune=false,Delete=false"
    kustomize.toolkit.fluxcd.io/prune: disabled
spec:
  nonce: "20260301-120000-cafe"
  notAfter: "2026-03-01T18:00:00Z"
  repository: s3
  snapshot: new
  target:
    name: data.library
  mode: OnlyIfEmpty
  onMissing: Fail
  reason: TICKET-1
"""


def test_the_request_is_ready_to_be_committed() -> None:
    command = replace(_RESTORE, not_after=timedelta(hours=6), only_if_empty=True, reason="TICKET-1")
    act = choose(command, _subject(), _POINTS)
    assert request(act, command, _NOW, lambda: "cafe") == _REQUEST


def test_two_requests_of_one_second_are_two_acts() -> None:
    act = choose(_RESTORE, _subject(), _POINTS)
    assert request(act, _RESTORE, _NOW) != request(act, _RESTORE, _NOW)


def test_a_restore_now_runs_as_the_backup_does() -> None:
    act = choose(replace(_RESTORE, target="other"), _subject(), _POINTS)
    made = RestoreSession.model_validate(restore_session(act, _subject(), _NOW))
    assert made.metadata.name == "other-restore-1772366400"
    assert made.spec.target is not None
    assert made.spec.target.name == "other"
    source = made.spec.data_source
    assert source is not None
    assert source.encryption_secret is not None
    assert (source.repository, source.snapshot, source.encryption_secret.name) == (
        "s3",
        "new",
        "restic-key",
    )
    assert made.spec.addon is not None
    assert made.spec.addon.job_template is not None
    assert made.spec.addon.job_template.to_wire() == _POD_TEMPLATE


def test_a_restore_now_has_the_scratch_space_of_the_session_that_made_the_snapshot() -> None:
    scratch = [{"name": "kubestash-tmp-volume", "source": {"emptyDir": {}}}]
    task = {
        "name": "logical-backup",
        "params": {"enableCache": "false", "paths": "/kubestash-data/photos"},
        "addonVolumes": scratch,
    }
    sessions = [
        {"name": "hourly", "addon": {"name": "pvc-addon"}, "repositories": [{"name": "s3"}]},
        {
            "name": "backup",
            "addon": {"name": "pvc-addon", "tasks": [task]},
            "repositories": [{"name": "s3"}],
        },
    ]
    configuration = BackupConfiguration.model_validate(
        {"metadata": {"name": "library", "namespace": "demo"}, "spec": {"sessions": sessions}}
    )
    subject = replace(_subject(), configuration=configuration)
    made = RestoreSession.model_validate(
        restore_session(choose(_RESTORE, subject, _POINTS), subject, _NOW)
    )
    assert made.spec.addon is not None
    assert made.spec.addon.to_wire()["tasks"] == [
        {
            "name": "logical-backup-restore",
            "params": {"enableCache": "false"},
            "addonVolumes": scratch,
        }
    ]


def test_pods_that_have_the_volume_are_named_until_they_have_ended() -> None:
    volumes: JsonValue = [{"name": "v", "persistentVolumeClaim": {"claimName": "library"}}]

    def pod(name: str, phase: str, claims: JsonValue) -> JsonObject:
        return {"metadata": {"name": name}, "spec": {"volumes": claims}, "status": {"phase": phase}}

    pods = [
        pod("writer", "Running", volumes),
        pod("waits", "Pending", volumes),
        pod("done", "Succeeded", volumes),
        pod("other", "Running", [{"name": "v", "emptyDir": {}}]),
        pod("bare", "Running", None),
    ]
    assert users_of(pods, "library") == ["waits", "writer"]


def _reading(repository: Repository) -> Repository:
    """The Repository while its Snapshots are being read back from the bucket."""
    resync = {"snapshotResync": {"phase": "Running"}}
    return Repository.model_validate({**repository.to_wire(), "status": resync})


def test_the_latest_is_not_chosen_where_it_is_not_known_yet() -> None:
    subject = _subject()
    nas, s3 = subject.repositories
    one = replace(subject, repositories=(nas, _reading(s3)))
    assert choose(_RESTORE, one, _POINTS).snapshot == "middle"
    both = replace(subject, repositories=(_reading(nas), _reading(s3)))
    with pytest.raises(NoPointError, match="being read back from the bucket; wait for that"):
        choose(_RESTORE, both, _POINTS)
    assert choose(replace(_RESTORE, snapshot="old"), both, _POINTS).snapshot == "old"
