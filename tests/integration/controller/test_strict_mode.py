"""Strict mode: what a refused Job means, and what the self-check finds where."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.resources import JOBS
from stashgen.api.strict_mode import JOBS_POLICY, PARTS, WRITES_POLICY
from stashgen_controller.kinds import KINDS
from stashgen_controller.kube.client import ApiError, Gate
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.reconcile import reconcile
from stashgen_controller.strict.compiled_only import compiled_only
from stashgen_controller.strict.self_check import AdmissionCheck
from tests.support import manifests
from tests.support.harness import Harness, conditions, good_worker, name_of
from tests.support.strict.render import rendered_objects

_JOBS_PATH = JOBS.path("demo")
_INITIAL = "library-backup-1772366400"
_DENIED = (
    "jobs.batch \"x\" is forbidden: ValidatingAdmissionPolicy '{policy}' with binding '{policy}-1' "
    "denied request: the pod differs from the reviewed template"
)
_BY_RBAC = 'jobs.batch is forbidden: User "controller" cannot create resource "jobs" in API group'


def _refusing(message: str, status: int = 403) -> Gate:
    def gate(method: str, path: str, query: Mapping[str, str]) -> None:
        del query
        if method == "POST" and path == _JOBS_PATH:
            raise ApiError(status, "Forbidden", message)

    return gate


def _protect(harness: Harness) -> None:
    """A strict namespace, as git applies it."""
    for obj in rendered_objects():
        harness.apply(obj)


def _condition(harness: Harness, resource: known.Resource, name: str, type_: str) -> JsonObject:
    return conditions(harness.status(resource, "demo", name))[type_]


def _names(harness: Harness, resource: known.Resource) -> list[str]:
    return [name_of(obj) for obj in harness.reader.stored_items(resource, "demo")]


@pytest.mark.parametrize("message", [_DENIED.format(policy=JOBS_POLICY), _BY_RBAC])
def test_a_job_that_nobody_reviewed_yet_is_waited_for(harness: Harness, message: str) -> None:
    harness.controller = harness.client.through(_refusing(message))
    _protect(harness)
    harness.settle(work=good_worker)
    initialized = _condition(harness, known.BACKUP_STORAGES, "local", "BackendInitialized")
    assert (initialized["status"], initialized["reason"]) == ("Unknown", "NotReviewedYet")
    assert message in str(initialized["message"])

    harness.controller = harness.client
    harness.advance(timedelta(minutes=2))
    harness.settle(work=good_worker)
    (session,) = _names(harness, known.BACKUP_SESSIONS)
    assert harness.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"


def test_a_session_waits_for_a_review_until_its_deadline(harness: Harness) -> None:
    _protect(harness)
    harness.settle(work=good_worker)
    harness.controller = harness.client.through(_refusing(_DENIED.format(policy=JOBS_POLICY)))
    harness.advance(timedelta(hours=1))
    name = harness.trigger("backup", "library")
    harness.settle(work=good_worker)
    ensured = _condition(harness, known.BACKUP_SESSIONS, name, "BackupExecutorEnsured")
    assert (ensured["status"], ensured["reason"]) == ("Unknown", "NotReviewedYet")
    assert harness.status(known.BACKUP_SESSIONS, "demo", name)["phase"] in {"Pending", "Running"}

    harness.advance(timedelta(hours=2))
    harness.settle(work=good_worker)
    status = harness.status(known.BACKUP_SESSIONS, "demo", name)
    assert status["phase"] == "Failed"
    failed = conditions(status)["BackupExecutorEnsured"]
    assert "DeadlineExceeded" in str(failed["message"])
    assert "differs from the reviewed template" in str(failed["message"])


def test_retention_waits_for_a_review_too(harness: Harness) -> None:
    _protect(harness)
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    name = harness.trigger("backup", "library")
    refuse = _refusing(_DENIED.format(policy=JOBS_POLICY))

    def after_the_backup(method: str, path: str, query: Mapping[str, str]) -> None:
        phase = harness.status(known.BACKUP_SESSIONS, "demo", name).get("phase")
        if phase == "Succeeded":
            refuse(method, path, query)

    harness.controller = harness.client.through(after_the_backup)
    harness.settle(work=good_worker)
    status = harness.status(known.BACKUP_SESSIONS, "demo", name)
    ensured = conditions(status)["RetentionPolicyExecutorEnsured"]
    assert (ensured["status"], ensured["reason"]) == ("Unknown", "NotReviewedYet")
    assert status["phase"] == "Succeeded"

    harness.controller = harness.client
    harness.advance(timedelta(minutes=2))
    harness.settle(work=good_worker)
    (applied,) = cast("list[JsonObject]", harness.status(
        known.BACKUP_SESSIONS, "demo", name
    )["retentionPolicy"])  # fmt: skip
    assert applied["phase"] == "Applied"


@pytest.mark.parametrize(
    ("claim", "phase"), [("library-restore-1", "Pending"), ("elsewhere", "Failed")]
)
def test_a_restore_into_a_claim_that_no_review_can_foresee_fails_at_once(
    harness: Harness, claim: str, phase: str
) -> None:
    _protect(harness)
    harness.apply(manifests.claim("demo", claim))
    harness.settle(work=good_worker)
    (repository,) = _names(harness, known.REPOSITORIES)
    harness.controller = harness.client.through(_refusing(_DENIED.format(policy=JOBS_POLICY)))
    harness.apply(manifests.restore("demo", "restore", claim=claim, repository=repository))
    harness.settle(work=good_worker)
    status = harness.status(known.RESTORE_SESSIONS, "demo", "restore")
    ensured = conditions(status)["RestoreExecutorEnsured"]
    assert status["phase"] == phase
    expected = "NotReviewedYet" if phase == "Pending" else "FailedToEnsureRestoreExecutor"
    assert ensured["reason"] == expected
    assert ("library-restore-" in str(ensured["message"])) == (phase == "Failed")


def test_a_restore_with_a_key_that_nobody_reviewed_fails_at_once(harness: Harness) -> None:
    _protect(harness)
    harness.settle(work=good_worker)
    (repository,) = _names(harness, known.REPOSITORIES)
    source = {
        "repository": repository,
        "snapshot": "latest",
        "encryptionSecret": {"name": "other-key", "namespace": "demo"},
    }
    harness.apply(manifests.restore("demo", "restore", more={"dataSource": source}))
    harness.settle(work=good_worker)
    status = harness.status(known.RESTORE_SESSIONS, "demo", "restore")
    assert status["phase"] == "Failed"
    ensured = conditions(status)["RestoreExecutorEnsured"]
    assert "not with Secret other-key" in str(ensured["message"])


def test_a_restore_into_a_volume_that_is_backed_up_itself_fails_at_once(harness: Harness) -> None:
    for obj in rendered_objects("library", "library-restore-0"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    repositories = map(
        Repository.from_wire, harness.reader.stored_items(known.REPOSITORIES, "demo")
    )
    repository = next(
        item.metadata.name
        for item in repositories
        if item.spec.app_ref is not None and item.spec.app_ref.name == "library"
    )
    session = manifests.restore("demo", "restore", claim="library-restore-0", repository=repository)
    harness.apply(manifests.claim("demo", "library-restore-0"))
    harness.apply(session)
    harness.settle(work=good_worker)
    status = harness.status(known.RESTORE_SESSIONS, "demo", "restore")
    ensured = conditions(status)["RestoreExecutorEnsured"]
    assert status["phase"] == "Failed"
    assert "library-restore-0 is itself backed up" in str(ensured["message"])


def test_plain_objects_get_a_reason_and_nothing_else(harness: Harness) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    wanted = {
        (known.BACKUP_STORAGES, "local"): ("BackendInitialized", "NotReady"),
        (known.BACKUP_CONFIGURATIONS, "library-backup"): ("ValidationPassed", "Invalid"),
    }
    for (resource, name), (type_, phase) in wanted.items():
        (kind,) = (item for item in compiled_only(KINDS) if item.resource == resource)
        key = Key(resource, "demo", name)
        look = partial(reconcile, harness.client, harness.reader, kind, key)
        look(harness.clock.now())
        with harness.counted() as requests:
            look(harness.clock.now())
        assert requests == Counter()
        status = harness.status(resource, "demo", name)
        refused = conditions(status)[type_]
        assert (refused["status"], refused["reason"]) == ("False", "NotCompiled")
        assert status["phase"] == phase
    assert _names(harness, known.REPOSITORIES) == _names(harness, known.CRON_JOBS) == []


class _Server:
    """Answers a self-check's dry runs; counts them."""

    def __init__(self, *refusals: str) -> None:
        self.refusals = list(refusals)
        self.asked = 0

    def gate(self, method: str, path: str, query: Mapping[str, str]) -> None:
        """Refuse one Job after the other with the next words."""
        if method == "POST" and path == _JOBS_PATH:
            assert query == {"dryRun": "All"}
            message = self.refusals[self.asked % len(self.refusals)]
            self.asked += 1
            raise ApiError(403, "Forbidden", message)


def _check(harness: Harness, gate: Gate | None = None) -> AdmissionCheck:
    client = harness.client if gate is None else harness.client.through(gate)
    return AdmissionCheck(client, harness.reader, harness.clock, lambda: True)


_POLICIES = tuple(
    _DENIED.format(policy=policy) for policy in (*([JOBS_POLICY] * len(PARTS)), WRITES_POLICY)
)


def test_the_self_check_asks_hourly_and_before_the_first_job(harness: Harness) -> None:
    _protect(harness)
    server = _Server(*_POLICIES)
    check = _check(harness, server.gate)
    check.gate("POST", _JOBS_PATH, {})
    assert server.asked == len(_POLICIES)
    for _ in range(3):
        check.look_around()
        check.gate("POST", _JOBS_PATH, {})
    assert (server.asked, check.problems) == (len(_POLICIES), [])
    harness.advance(timedelta(hours=1))
    check.look_around()
    assert server.asked == 2 * len(_POLICIES)


def test_before_the_caches_are_filled_nobody_knows(harness: Harness) -> None:
    _protect(harness)
    server = _Server(*_POLICIES)
    filled = False
    client = harness.client.through(server.gate)
    check = AdmissionCheck(client, harness.reader, harness.clock, lambda: filled)
    check.look_around()
    assert (check.has_looked, server.asked) == (False, 0)
    filled = True
    check.look_around()
    assert (check.has_looked, server.asked) == (True, len(_POLICIES))


def test_a_server_without_policies_gets_no_job(harness: Harness) -> None:
    """The embedded one is such a server."""
    _protect(harness)
    check = _check(harness)
    with pytest.raises(ApiError, match=f"AdmissionPolicyMissing: a Job that policy {JOBS_POLICY}"):
        check.gate("POST", _JOBS_PATH, {})
    (problem,) = check.problems
    assert problem.startswith("AdmissionPolicyMissing: namespace demo: a Job that policy")
    assert _names(harness, known.JOBS) == []
    # What is no new Job passes, and so does a Job once the policies act.
    check.gate("DELETE", f"{_JOBS_PATH}/one", {})
    check.gate("POST", known.SNAPSHOTS.path("demo"), {})


@pytest.mark.parametrize("part", PARTS)
def test_a_single_missing_binding_is_noticed(harness: Harness, part: str) -> None:
    """Whoever names the part that it bound would have nothing to be compared with."""
    _protect(harness)

    def gate(method: str, path: str, query: Mapping[str, str]) -> None:
        del query
        if (method, path) == ("POST", _JOBS_PATH) and next(asked) != part:
            raise ApiError(403, "Forbidden", _POLICIES[0])

    asked = iter(PARTS)
    check = _check(harness, gate)
    with pytest.raises(ApiError, match=f"AdmissionPolicyMissing: .*: {part}"):
        check.gate("POST", _JOBS_PATH, {})


def test_a_missing_policy_is_asked_for_again_soon(harness: Harness) -> None:
    _protect(harness)
    answers = _Server(_POLICIES[0], "some other policy refuses")
    check = _check(harness, answers.gate)
    with pytest.raises(ApiError, match="NotReviewedYet: the admission policies cannot be checked"):
        check.gate("POST", _JOBS_PATH, {})
    # That is no word on the policies: whoever is not asked cannot have let it in.
    assert check.problems == []
    answers.refusals, answers.asked = list(_POLICIES), 0
    with pytest.raises(ApiError, match="NotReviewedYet"):
        check.gate("POST", _JOBS_PATH, {})
    harness.advance(timedelta(seconds=10))
    check.gate("POST", _JOBS_PATH, {})


def test_a_namespace_that_was_not_compiled_for_strict_mode_gets_no_job(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    check = _check(harness)
    check.look_around()
    assert check.problems == []
    with pytest.raises(ApiError, match="NotReviewedYet: no object applied here"):
        check.gate("POST", _JOBS_PATH, {})


def test_strict_jobs_say_where_they_were_reviewed(harness: Harness) -> None:
    _protect(harness)
    harness.settle()
    (job,) = harness.open_jobs()
    labels = cast("dict[str, str]", cast("JsonObject", job["metadata"])["labels"])
    assert labels["stashgen.dev/reviewed-in"] == PARTS[0]
    assert labels["stashgen.dev/pod-template"] == "init-storage-local"
