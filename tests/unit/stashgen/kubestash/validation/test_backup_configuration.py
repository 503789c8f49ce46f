"""What makes a BackupConfiguration or a RestoreSession invalid, in the webhooks' order."""

from collections.abc import Mapping
from typing import cast

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.kubestash.validation.backup_configuration import (
    validate_backup_configuration,
    validate_restore_session,
)
from tests.support import one_volume

_TARGET: JsonObject = {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "library"}
_BACKEND: JsonObject = {
    "name": "local",
    "storageRef": {"name": "store"},
    "retentionPolicy": {"name": "keep"},
}
_REPOSITORY: JsonObject = {"name": "repo", "backend": "local", "directory": "/demo/library"}
_SESSION: JsonObject = {
    "name": "backup",
    "scheduler": {"schedule": "*/5 * * * *", "jobTemplate": {}},
    "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup"}]},
    "repositories": [_REPOSITORY],
}


def _configuration(
    *, name: str = "library", backends: object = None, sessions: object = None
) -> BackupConfiguration:
    return BackupConfiguration.model_validate(
        {
            "metadata": {"name": name, "namespace": "demo"},
            "spec": {
                "target": _TARGET,
                "backends": [_BACKEND] if backends is None else backends,
                "sessions": [_SESSION] if sessions is None else sessions,
            },
        }
    )


def _session(**changed: object) -> JsonObject:
    return cast("JsonObject", {**_SESSION, **changed})


def _with(*repositories: Mapping[str, object]) -> JsonObject:
    return _session(repositories=[{**_REPOSITORY, **item} for item in repositories])


def _problems(*sessions: JsonObject) -> tuple[str, ...]:
    return validate_backup_configuration(_configuration(sessions=sessions))


@pytest.mark.parametrize(
    ("backends", "problem"),
    [
        ([{**_BACKEND, "storageRef": None}], "spec.backends: backend 'local' needs a storageRef"),
        (
            [{**_BACKEND, "retentionPolicy": None}],
            "spec.backends: backend 'local' needs a retentionPolicy",
        ),
        ([_BACKEND, _BACKEND], "spec.backends: backend name 'local' is used more than once"),
    ],
)
def test_backend_that_is_incomplete_or_twice_there_is_refused(
    backends: list[JsonObject], problem: str
) -> None:
    assert validate_backup_configuration(_configuration(backends=backends)) == (problem,)


def test_configuration_without_backends_or_sessions_is_refused() -> None:
    assert validate_backup_configuration(_configuration(backends=[], sessions=[])) == (
        "spec.backends: at least one backend is required",
        "spec.sessions: at least one session is required",
    )


def test_two_backends_without_a_name_collide() -> None:
    nameless = {**_BACKEND, "name": None}
    sessions = [_with({"backend": None})]
    found = _configuration(backends=[nameless, {**nameless, "name": ""}], sessions=sessions)
    assert validate_backup_configuration(found) == (
        "spec.backends: backend name '' is used more than once",
    )
    one = _configuration(backends=[nameless], sessions=sessions)
    assert validate_backup_configuration(one) == ()


@pytest.mark.parametrize(
    ("session", "problem"),
    [
        (_session(name=""), "spec.sessions: every session needs a name"),
        (_session(name=None), "spec.sessions: every session needs a name"),
        (
            _session(name="../up"),
            "session '../up': its name cannot be a part of a Kubernetes name",
        ),
        (_session(name="A_b"), "session 'A_b': its name cannot be a part of a Kubernetes name"),
        (_session(scheduler=None), "session 'backup': a scheduler is required"),
        (
            _session(scheduler={"schedule": "61 * * * *", "jobTemplate": {}}),
            "session 'backup': schedule: ",
        ),
        (_session(scheduler={"schedule": "", "jobTemplate": {}}), "session 'backup': schedule: "),
        (_session(addon=None), "session 'backup': an addon with a name is required"),
        (
            _session(addon={"tasks": [{"name": "x"}]}),
            "session 'backup': an addon with a name is required",
        ),
        (
            _session(addon={"name": "pvc-addon", "tasks": []}),
            "session 'backup': the addon needs at least one task, each with a name",
        ),
        (
            _session(addon={"name": "pvc-addon", "tasks": [{"name": "a"}, {}]}),
            "session 'backup': the addon needs at least one task, each with a name",
        ),
        (
            _session(backupTimeout="1d"),
            "session 'backup': backupTimeout: '1d' is not a duration like '1h30m'",
        ),
        (
            _session(retryConfig={"delay": "soon"}),
            "session 'backup': retryConfig.delay: 'soon' is not a duration like '1h30m'",
        ),
        (_session(repositories=[]), "session 'backup': at least one repository is required"),
        (_with({"backend": "gone"}), "session 'backup': there is no backend 'gone'"),
        (_with({"backend": None}), "session 'backup': there is no backend ''"),
        (_with({"directory": None}), "session 'backup': repository 'repo' needs a directory"),
        (_with({"directory": "/"}), "session 'backup': repository 'repo' needs a directory"),
        (_with({"directory": "a/../../b"}), "session 'backup': directory 'a/../../b' leaves"),
        (_with({"name": ""}), "session 'backup': '' cannot be the name of a Repository"),
        (_with({"name": "R_1"}), "session 'backup': 'R_1' cannot be the name of a Repository"),
    ],
)
def test_session_that_cannot_run_is_refused(session: JsonObject, problem: str) -> None:
    (found,) = _problems(session)
    assert found.startswith(problem)


def test_every_problem_is_told_in_one_round() -> None:
    assert len(_problems(_session(scheduler=None, addon=None, repositories=[]))) == 3


def test_session_or_repository_name_used_twice_is_refused() -> None:
    assert _problems(_SESSION, _SESSION) == (
        "spec.sessions: session name 'backup' is used more than once",
    )
    assert "session 'backup': repository name 'repo' is used more than once" in _problems(
        _with({}, {})
    )


@pytest.mark.parametrize(
    ("repositories", "is_refused"),
    [
        (({}, {"name": "other"}), True),
        (({}, {"name": "other", "directory": "demo/library/"}), True),
        (({}, {"name": "other", "directory": "demo/other"}), False),
    ],
)
def test_directory_of_two_repositories_is_refused(
    repositories: tuple[JsonObject, JsonObject], is_refused: bool
) -> None:
    found = _problems(_with(*repositories))
    problem = "directory 'demo/library' is used by repositories 'repo' and 'other'"
    assert found == ((problem,) if is_refused else ())


def test_same_repository_in_several_sessions_is_fine_but_not_on_another_backend() -> None:
    assert _problems(_SESSION, _session(name="weekly")) == ()
    second = {**_with({"backend": "nas"}), "name": "weekly"}
    found = _configuration(
        backends=[_BACKEND, {**_BACKEND, "name": "nas"}], sessions=[_SESSION, second]
    )
    assert validate_backup_configuration(found) == (
        "directory 'demo/library' is used by repositories 'repo' and 'repo'",
    )


@pytest.mark.parametrize(
    ("name", "sessions", "kind"),
    [
        # 52: the first 26 and the last 26 characters of "trigger-<bc>-<session>".
        ("c" * 20, ["a-" + "x" * 26, "b-" + "x" * 26], "CronJob"),
        # 63: the first 32 and the last 31 of "<bc>-<session>-<tick>"; 52 bites as well.
        ("c" * 32, ["a-" + "x" * 20, "b-" + "x" * 20], "BackupSession"),
    ],
)
def test_sessions_whose_names_become_one_by_a_cut_are_refused(
    name: str, sessions: list[str], kind: str
) -> None:
    wanted = [
        {**_with({"name": f"r{index}", "directory": f"d{index}"}), "name": session}
        for index, session in enumerate(sessions)
    ]
    found = validate_backup_configuration(_configuration(name=name, sessions=wanted))
    assert any(f"{sessions[0]!r} and {sessions[1]!r} would share the {kind}" in x for x in found)


def test_copies_whose_snapshots_become_one_by_the_cut_are_refused() -> None:
    names = ["r" * 32 + letter + "-tail-of-the-name" for letter in "ab"]
    session = _with(*({"name": name, "directory": name} for name in names))
    (found,) = _problems(session)
    assert "would share the Snapshot" in found


def _existing(name: str = "repo", namespace: str = "demo", **spec: object) -> Repository:
    return Repository.model_validate(
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "appRef": {**_TARGET, "namespace": "demo"},
                "storageRef": {"name": "store", "namespace": "demo"},
                "path": "/demo/library",
                **spec,
            },
        }
    )


@pytest.mark.parametrize(
    ("existing", "problem"),
    [
        (
            _existing(appRef={**_TARGET, "name": "other"}),
            "Repository 'repo' belongs to PersistentVolumeClaim 'other'",
        ),
        (
            _existing(appRef={**_TARGET, "apiGroup": "apps"}),
            "Repository 'repo' belongs to PersistentVolumeClaim 'library'",
        ),
        (
            _existing(storageRef={"name": "store", "namespace": "far"}),
            "Repository 'repo' is in another storage",
        ),
        (_existing("other"), "directory '/demo/library' belongs to Repository demo/other"),
        (
            _existing(namespace="far"),
            "directory '/demo/library' belongs to Repository far/repo",
        ),
        (_existing("other", path="demo/library"), "directory '/demo/library' belongs"),
        (_existing(), None),
        (_existing(appRef=_TARGET, storageRef={"name": "store"}), None),
        (_existing("other", path="demo/else"), None),
        (_existing("other", storageRef={"name": "else", "namespace": "demo"}), None),
        (_existing(namespace="far", storageRef={"name": "store", "namespace": "far"}), None),
    ],
)
def test_existing_repository_must_agree(existing: Repository, problem: str | None) -> None:
    found = validate_backup_configuration(_configuration(), [existing])
    assert [text.startswith(problem or "?") for text in found] == ([True] if problem else [])


@pytest.mark.parametrize(
    ("allowed", "labels", "is_refused"),
    [
        ({"from": "Same"}, {}, True),
        ({"from": "All"}, {}, False),
        ({"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}, {}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}, {"a": "b"}, False),
    ],
)
def test_usage_policies_are_asked(
    allowed: JsonObject, labels: dict[str, str], is_refused: bool
) -> None:
    backend = {
        "name": "local",
        "storageRef": {"name": "store", "namespace": "far"},
        "retentionPolicy": {"name": "keep", "namespace": "far"},
    }
    spec = {"usagePolicy": {"allowedNamespaces": allowed}}
    shared: list[BackupStorage | RetentionPolicy] = [
        BackupStorage.model_validate(
            {"metadata": {"name": "store", "namespace": "far"}, "spec": spec}
        ),
        RetentionPolicy.model_validate(
            {"metadata": {"name": "keep", "namespace": "far"}, "spec": spec}
        ),
        RetentionPolicy.model_validate({"metadata": {"name": "unused", "namespace": "far"}}),
    ]
    found = validate_backup_configuration(_configuration(backends=[backend]), (), shared, labels)
    problems = (
        "BackupStorage far/store may not be used from namespace 'demo'",
        "RetentionPolicy far/keep may not be used from namespace 'demo'",
    )
    assert found == (problems if is_refused else ())


def test_what_does_not_exist_is_tolerated_and_the_compiled_one_is_valid() -> None:
    assert validate_backup_configuration(_configuration()) == ()
    assert validate_backup_configuration(one_volume.configuration()) == ()


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", "@daily", "0 0 13 * 5"])
def test_schedule_that_kubernetes_takes_is_valid(schedule: str) -> None:
    assert _problems(_session(scheduler={"schedule": schedule, "jobTemplate": {}})) == ()


_LATEST: JsonObject = {"snapshot": "latest", "repository": "repo"}
_PITR: JsonObject = {"targetTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        ({}, ["spec.dataSource: is required"]),
        ({"dataSource": {}}, ["spec.dataSource.snapshot: is required"]),
        ({"dataSource": {"snapshot": ""}}, ["spec.dataSource.snapshot: is required"]),
        (
            {"dataSource": {"snapshot": "latest"}},
            ["spec.dataSource.repository: is required with snapshot 'latest'"],
        ),
        (
            {"dataSource": {"pitr": {}, "repository": "repo"}},
            ["spec.dataSource.pitr: targetTime and repository are required"],
        ),
        (
            {"dataSource": {"pitr": _PITR}},
            ["spec.dataSource.pitr: targetTime and repository are required"],
        ),
        (
            {"dataSource": _LATEST, "restoreTimeout": "x"},
            ["spec.restoreTimeout: 'x' is not a duration like '1h30m'"],
        ),
        ({"dataSource": _LATEST, "restoreTimeout": "30m"}, []),
        ({"dataSource": {"snapshot": "repo-library-backup-1704281100"}}, []),
        ({"dataSource": {"pitr": _PITR, "repository": "repo"}}, []),
    ],
)
def test_a_restore_session_says_what_is_wrong_with_its_spec(
    spec: JsonObject, problems: list[str]
) -> None:
    restore = RestoreSession.model_validate({"metadata": {"name": "r"}, "spec": spec})
    assert list(validate_restore_session(restore)) == problems
