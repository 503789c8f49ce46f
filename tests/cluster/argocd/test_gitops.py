"""One story from a policy in git to data that was lost and is back; only Argo CD applies.

Each chapter is a fixture that goes on where the one before stopped, and the tests look at what it
left. A test alone plays the chapters that it needs.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from stashgen.api import resources as known
from stashgen.api.labels import PART_LABEL
from stashgen.kubestash.conditions import ConditionType
from tests.cluster import installation
from tests.cluster.argocd.application import drift
from tests.cluster.argocd.document import documented
from tests.cluster.argocd.platform import (
    CREDENTIALS,
    LIBRARY,
    LOCAL,
    NOTES,
    PREFIX,
    REMOTE,
    platform,
    restore_file,
)
from tests.cluster.argocd.server import NAMESPACE, USER
from tests.cluster.argocd.story import WRITES, Json, Story
from tests.cluster.installation import CONTROLLER
from tests.cluster.kube import Kube
from tests.cluster.kube_view import KubeView
from tests.support.compiled_project import KEY, STORE
from tests.support.gateway import BUCKET, Gateway
from tools.acceptance import data
from tools.acceptance.steps import STEPS, Scene
from tools.acceptance.view import condition, name
from tools.image.__main__ import image_name

pytestmark = pytest.mark.alone

# In strict mode a pod may write to a claim of another name only if the name begins so.
COPY = f"{LIBRARY}-restore-copy"
# One request says itself that it is never pruned, another one does not.
KEPT, ONCE = f"{COPY}-is-back", "library-once-more"
NEXT_IMAGE = "stashgen-worker:next"
# So many that what a restore needs is still there, however slow the machine is.
_KEPT, _KEPT_LATER = 100, 2
_QUIET_SECONDS = 20
_ACCOUNTS = "system:serviceaccount:kube-system:service-account-controller"
_CRON_JOBS = "system:serviceaccount:kube-system:cronjob-controller"
_HISTORY = {
    "backupstorages", "repositories", "snapshots", "persistentvolumeclaims", "restorerequests",
}  # fmt: skip
_RENDERED = {
    "serviceaccounts", "roles", "rolebindings", "podtemplates", "cronjobs",
    "backupstorages", "repositories", "retentionpolicies", "backupconfigurations",
    "reviewedtemplates",
}  # fmt: skip


@pytest.fixture(scope="module")
def story(
    kube: Kube, gateway: Gateway, strict_mode: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Our strict controller and Argo CD are installed; git has volumes without backups."""
    assert strict_mode is None
    namespace = f"gitops-{uuid.uuid4().hex[:8]}"
    with platform(kube, namespace, tmp_path_factory.mktemp("gitops"), gateway) as team:
        team.write_namespace()
        team.write_claims(LIBRARY, NOTES)
        team.git.write("restores/e2e/README.md", "Restores: events, never pruned.\n")
        commit = team.git.push("Two volumes")
        team.sync(commit, "volumes")
        kube.apply(namespace, installation.key_secret(), team.credentials())
        # A new volume's folder is root's; the first pod gives it to the group of its user.
        installation.run(kube, namespace, "write", STORE, "true")
        installation.write(kube, namespace, "first")
        installation.run(kube, namespace, "write-notes", NOTES, "echo a note > /data/note")
        yield Story(
            team,
            Scene(
                view=KubeView(kube, team.restic_environment),
                namespace=namespace,
                storage=REMOTE,
                bucket=team.gateway.data / BUCKET / PREFIX,
                address=f"s3:{team.gateway.url}/{BUCKET}/{PREFIX}",
                configuration=LIBRARY,
                session="backup",
                repository="",
                directory=f"{namespace}/{LIBRARY}",
                claim=LIBRARY,
                secret=KEY,
                is_rendered=True,
                credentials=CREDENTIALS,
            ),
        )
    kube.kubectl("delete", "namespace", namespace, "--wait=false")


def test_argo_cd_accepts_the_documented_application_set(story: Story) -> None:
    documented_set = documented("argocd/backups-by-namespace.yaml")
    text = story.team.kube.kubectl(
        "apply", f"--namespace={NAMESPACE}", "--dry-run=server", "--validate=strict",
        "--filename=-", "--output=json", content=json.dumps(documented_set),
    )  # fmt: skip
    assert json.loads(text)["spec"] == documented_set["spec"]


@pytest.fixture(scope="module")
def protected(story: Story) -> Story:
    """A commit with policies; the initial backups are there."""
    team = story.team
    team.write_project()
    team.write_storages()
    team.write_policy(LIBRARY, "1m", _KEPT, REMOTE)
    team.write_policy(NOTES, "24h", _KEPT, LOCAL)
    team.sync(team.commit("Back up two volumes"), "volumes", "backups")
    story.kube.wait_until(lambda: {_target(item) for item in story.sessions()} == {LIBRARY, NOTES})
    for item in story.sessions():
        story.finish(name(item))
    repositories = story.scene.view.items(known.REPOSITORIES, team.namespace)
    (story.scene.repository,) = (
        name(item) for item in repositories if item["spec"]["appRef"]["name"] == LIBRARY
    )
    return story


@pytest.fixture(scope="module")
def ticked(protected: Story) -> Story:
    """The data was changed, and the CronJob controller had it backed up."""
    story = protected
    installation.write(story.kube, story.team.namespace, "second")
    story.trees["backed up"] = story.tree(LIBRARY)
    story.next_backup()
    story.prove("B")
    return story


@pytest.fixture(scope="module")
def restored(ticked: Story) -> Story:
    """The data was lost; a commit brought it back, into the volume and into a new one."""
    story, team = ticked, ticked.team
    (snapshot,) = story.scene.snapshots_of(story.scene.backup_sessions[-1])
    installation.run(story.kube, team.namespace, "lose", LIBRARY, "rm -r /data/a /data/blob")
    team.write_claims(LIBRARY, NOTES, COPY)
    team.sync(team.commit("A volume to restore into"), "volumes")
    installation.run(story.kube, team.namespace, "write-copy", COPY, "true")
    for claim in (COPY, LIBRARY):
        team.write_restore(
            f"{claim}-is-back",
            story.scene.repository,
            name(snapshot),
            claim,
            is_kept=claim == COPY,
        )
    team.sync(team.git.push("Restore the library"), "restores")
    for claim in (COPY, LIBRARY):
        request = story.kube.get(team.namespace, "restorerequest", f"{claim}-is-back")
        assert request["status"]["phase"] == "Succeeded", request["status"]
        story.scene.restores.append(request["status"]["restoreSession"])
        story.trees[claim] = story.tree(claim)
        if not data.differences(story.trees["backed up"], story.trees[claim]):
            story.scene.equal.append(f"{claim} equal")
    story.prove("R")
    return story


@pytest.fixture(scope="module")
def bumped(restored: Story) -> Story:
    """While a session ran, a commit changed the image and what is kept; the next one is over.

    The commit is in two halves, as a sync is for a moment: the pods, then the review of them.
    """
    story, team = restored, restored.team
    tag = ["ctr", "--namespace=k8s.io", "images", "tag", "--force"]
    here = "docker.io/library"
    story.kube.cluster("enter", *tag, f"{here}/{image_name()}", f"{here}/{NEXT_IMAGE}")
    old = team.reviews()
    team.write_project(image=NEXT_IMAGE)
    team.write_policy(LIBRARY, "1m", _KEPT_LATER, REMOTE)
    team.build()
    new = team.put_back_reviews(old)
    with story.held_backup() as story.bumped_session:
        team.sync(team.git.push("Keep two, with the next image"), "backups")
    story.wait_for_end(story.bumped_session)
    story.next_session = story.next_tick()
    story.waited_for = story.wait_for_review(story.next_session)
    team.put_back_reviews(new)
    team.sync(team.git.push("Review the pods of the next image"), "backups")
    story.finish(story.next_session)
    return story


@pytest.fixture(scope="module")
def retired(bumped: Story) -> Story:
    """A commit ended the backups of a volume and made ticks rare; then it was quiet for a while."""
    story, team = bumped, bumped.team
    story.stored = story.listing(NOTES)
    team.write_claims(LIBRARY, COPY)
    team.git.remove(f"policies/{NOTES}.yaml")
    team.write_project(image=NEXT_IMAGE, retired=NOTES)
    team.write_policy(LIBRARY, "24h", _KEPT_LATER, REMOTE)
    team.sync(team.commit("Retire the notes"), "backups", "restores")
    story.finish_all()
    story.quiet_writes = story.writes_until_quiet(_QUIET_SECONDS)
    return story


@pytest.mark.parametrize("step", [step for step, _, _ in STEPS if step.startswith("B")])
def test_step_of_a_backup_is_proved(ticked: Story, step: str) -> None:
    assert isinstance(ticked.proofs[step], str), ticked.proofs[step]


@pytest.mark.parametrize("step", [step for step, _, _ in STEPS if step.startswith("R")])
def test_step_of_a_restore_is_proved(restored: Story, step: str) -> None:
    assert isinstance(restored.proofs[step], str), restored.proofs[step]


@pytest.mark.parametrize("claim", [LIBRARY, COPY])
def test_lost_data_is_back_byte_by_byte(restored: Story, claim: str) -> None:
    assert restored.trees["backed up"]
    assert not data.differences(restored.trees["backed up"], restored.trees[claim])


def test_nobody_but_argo_cd_applies_what_is_rendered(restored: Story) -> None:
    writers = {
        (item.resource, item.user)
        for item in restored.requests()
        if item.resource in _RENDERED and item.verb in WRITES and item.code < 300 and not item.part
    }
    assert {resource for resource, _ in writers} >= _RENDERED - {"retentionpolicies"}
    others = {pair for pair in writers if pair[1] != USER}
    # Every namespace has this account from the controller manager.
    assert others <= {("serviceaccounts", _ACCOUNTS)}


def test_image_bump_loses_no_session_and_starts_none_twice(retired: Story) -> None:
    made = [item for item in retired.requests() if item.verb == "create" and item.code == 201]
    jobs = Counter(item.name for item in made if item.resource == "jobs")
    assert set(jobs.values()) == {1}
    trigger = f"trigger-{LIBRARY}-backup-"
    ticks = sorted(
        int(item.name.removeprefix(trigger))
        for item in made
        if item.user == _CRON_JOBS and item.name.startswith(trigger)
    )
    assert ticks == [*range(ticks[0], ticks[-1] + 1)]
    account = f"system:serviceaccount:{retired.team.namespace}:stashgen-trigger"
    # The hourly tick of the other volume may come meanwhile.
    sessions = [
        item.name
        for item in made
        if (item.resource, item.user) == ("backupsessions", account)
        and item.name.startswith(f"{LIBRARY}-backup-")
    ]
    assert Counter(sessions) == Counter(f"{LIBRARY}-backup-{tick * 60}" for tick in ticks)


def test_session_waits_for_the_review_of_its_pod_and_succeeds(bumped: Story) -> None:
    assert "the pod differs from the reviewed template" in bumped.waited_for
    namespace, session = bumped.team.namespace, bumped.next_session
    status = bumped.scene.view.get(known.BACKUP_SESSIONS, namespace, session)["status"]
    assert status["phase"] == "Succeeded", status


def test_every_job_of_the_controller_was_compared_with_git(retired: Story) -> None:
    made = {
        item.name
        for item in retired.requests()
        if (item.verb, item.resource, item.code, item.user) == ("create", "jobs", 201, CONTROLLER)
    }
    jobs = retired.scene.view.items(known.JOBS, retired.team.namespace)
    reviewed = {name(item) for item in jobs if PART_LABEL in item["metadata"]["labels"]}
    there = {name(item) for item in jobs}
    assert made & there
    assert made & there == reviewed


def test_image_bump_comes_while_a_session_runs(retired: Story) -> None:
    begun, over = retired.duration(retired.bumped_session)
    applied = [
        item.received
        for item in retired.requests(begun)
        if (item.user, item.verb, item.resource) == (USER, "patch", "podtemplates")
    ]
    assert applied
    assert begun < min(applied) < over


def test_every_session_succeeds_but_those_that_find_the_volume_in_use(retired: Story) -> None:
    """The tick after a session that took long is skipped, and the one that meets the restore.

    So is one that comes before the repository is initialised.
    """
    sessions = retired.sessions()
    may_be_said = {f"BackupSession {name(item)} is still running" for item in sessions}
    restores = retired.scene.restores
    may_be_said |= {f"RestoreSession {item} is restoring into the target" for item in restores}
    repository = retired.scene.repository
    may_be_said.add(f"Repository {repository} is not Ready: The initializer Job is running.")
    for item in sessions:
        status = item["status"]
        if status["phase"] == "Skipped":
            assert condition(item, ConditionType.BACKUP_SKIPPED)["message"] in may_be_said, status
        else:
            assert status["phase"] == "Succeeded", status
    succeeded = {name(item) for item in sessions if item["status"]["phase"] == "Succeeded"}
    assert succeeded >= {retired.bumped_session, retired.next_session}


def test_next_session_runs_the_image_of_the_commit(bumped: Story) -> None:
    for session, image in (
        (bumped.bumped_session, image_name()),
        (bumped.next_session, NEXT_IMAGE),
    ):
        snapshot = f"{bumped.scene.repository}-{session}"
        job = bumped.scene.view.get(known.JOBS, bumped.team.namespace, snapshot)
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert container["image"] == image


def test_next_session_applies_the_retention_of_the_commit(retired: Story) -> None:
    """Looked at when ticks are rare again: a session makes its Snapshot before restic's."""
    scene = retired.scene
    listed = scene.view.restic(scene.restic_repository, scene.password(), "snapshots")
    objects = [
        item
        for item in scene.view.items(known.SNAPSHOTS, scene.namespace)
        if item["spec"]["repository"] == scene.repository
    ]
    assert len(listed) == len(objects) == _KEPT_LATER


def test_retired_volume_loses_its_trigger_and_nothing_of_its_history(retired: Story) -> None:
    view, namespace = retired.scene.view, retired.team.namespace
    assert retired.stored
    assert retired.listing(NOTES) == retired.stored
    triggers = {name(item) for item in view.items(known.CRON_JOBS, namespace)}
    assert triggers == {f"trigger-{LIBRARY}-backup"}
    targets = {
        item["spec"]["appRef"]["name"]: item["status"]["phase"]
        for item in view.items(known.REPOSITORIES, namespace)
    }
    assert targets == {LIBRARY: "Ready", NOTES: "Ready"}
    snapshots = [item["spec"]["appRef"]["name"] for item in view.items(known.SNAPSHOTS, namespace)]
    assert NOTES in snapshots


def test_argo_cd_deletes_what_left_git_and_nothing_of_the_history(retired: Story) -> None:
    deleted = {
        (item.resource, item.name)
        for item in retired.requests()
        if (item.user, item.verb, item.code) == (USER, "delete", 200)
    }
    assert deleted >= {("cronjobs", f"trigger-{NOTES}-backup"), ("backupconfigurations", NOTES)}
    assert not {resource for resource, _ in deleted} & _HISTORY


def test_what_is_in_git_is_what_is_in_the_cluster(retired: Story) -> None:
    # The claim of the notes is in no commit any more, and nobody deletes claims.
    for application in ("backups", "restores"):
        found = retired.team.applications[application]
        assert found.is_well(), found.summary()
    rendered = retired.team.git.work_tree / "rendered" / "e2e"
    assert not drift(retired.kube, rendered, "backups")


def test_nobody_writes_between_ticks(retired: Story) -> None:
    assert not retired.quiet_writes


@pytest.mark.parametrize(
    ("kind", "edited", "patch"),
    [
        ("cronjob", f"trigger-{LIBRARY}-backup", {"suspend": True}),
        ("cronjob", f"trigger-{LIBRARY}-backup", {"schedule": "0 0 1 1 *"}),
        ("backupconfiguration", LIBRARY, {"paused": True}),
    ],
)
def test_argo_cd_puts_back_what_somebody_edits(
    retired: Story, kind: str, edited: str, patch: Json
) -> None:
    kube, namespace = retired.kube, retired.team.namespace
    before = kube.get(namespace, kind, edited)["spec"]
    begin = datetime.now(UTC)
    kube.kubectl(
        "patch", f"--namespace={namespace}", kind, edited, "--type=merge",
        f"--patch={json.dumps({'spec': patch})}",
    )  # fmt: skip
    kube.wait_until(lambda: kube.get(namespace, kind, edited)["spec"] == before)
    writers = [
        item.user
        for item in retired.requests(begin)
        if (item.verb, item.resource, item.name, item.part) == ("patch", f"{kind}s", edited, "")
    ]
    assert set(writers[1:]) == {USER}


def test_argo_cd_makes_anew_what_somebody_deletes(retired: Story) -> None:
    kube, namespace = retired.kube, retired.team.namespace
    binding = ("rolebinding", "stashgen-controller-jobs")
    before = kube.get(namespace, *binding)
    kube.kubectl("delete", f"--namespace={namespace}", *binding)
    kube.wait_until(lambda: binding[1] in installation.names(kube, namespace, "rolebindings"))
    after = kube.get(namespace, *binding)
    assert (after["roleRef"], after["subjects"]) == (before["roleRef"], before["subjects"])
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


@pytest.fixture(scope="module")
def worked_on(retired: Story) -> Story:
    """The newest backup was restored by a commit, and people went on working since."""
    story, team = retired, retired.team
    team.write_restore(ONCE, story.scene.repository, _newest_snapshot(story), LIBRARY)
    team.sync(team.git.push("Restore the library once more"), "restores")
    assert _request(story, ONCE)["status"]["phase"] == "Succeeded"
    installation.write(story.kube, team.namespace, "worked on since")
    story.trees["worked on"] = story.tree(LIBRARY)
    return story


def _newest_snapshot(story: Story) -> str:
    found = story.scene.view.items(known.SNAPSHOTS, story.team.namespace)
    mine = [name(item) for item in found if item["spec"]["repository"] == story.scene.repository]
    return mine[-1]


def test_another_sync_does_not_restore_again(worked_on: Story) -> None:
    before = [_request(worked_on, item) for item in (ONCE, KEPT)]
    worked_on.team.applications["restores"].sync_by_hand()
    after = [_request(worked_on, item) for item in (ONCE, KEPT)]
    assert [item["metadata"]["uid"] for item in after] == [
        item["metadata"]["uid"] for item in before
    ]
    assert [item["status"] for item in after] == [item["status"] for item in before]
    _is_as_worked_on(worked_on)


def test_sync_that_replaces_a_request_does_not_restore_again(worked_on: Story) -> None:
    """The request is deleted and made anew; it finds what became of its restore."""
    team, before = worked_on.team, _request(worked_on, ONCE)
    team.applications["restores"].sync_by_hand(replace=True)
    _succeeded(worked_on, ONCE)
    after = _request(worked_on, ONCE)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["status"]["restoreSession"] == before["status"]["restoreSession"]
    _is_as_worked_on(worked_on)


def test_pruned_request_that_comes_back_does_not_restore_again(worked_on: Story) -> None:
    """Without its RestoreSession the record in the bucket alone knows that it was done."""
    story, team = worked_on, worked_on.team
    files = {restore_file(item): team.git.read(restore_file(item)) for item in (ONCE, KEPT)}
    for path in files:
        team.git.remove(path)
    team.applications["restores"].wait_for_revision(team.git.push("Tidy up the restores"))
    there = installation.names(story.kube, team.namespace, "restorerequests")
    assert {ONCE, KEPT} <= set(there), "the Application prunes by itself"
    session = _request(story, ONCE)["status"]["restoreSession"]
    team.applications["restores"].sync_by_hand(prune=True)
    # The other one says itself that it is never pruned.
    there = installation.names(story.kube, team.namespace, "restorerequests")
    assert KEPT in there
    assert ONCE not in there
    story.kube.kubectl("delete", f"--namespace={team.namespace}", "restoresession", session)

    for path, text in files.items():
        team.git.write(path, text)
    team.sync(team.git.push("Put the restores back"), "restores")
    _succeeded(story, ONCE)
    status = _request(story, ONCE)["status"]
    assert status["restoredBefore"], status
    assert condition(_request(story, ONCE), "Ready")["reason"] == "RestoredBefore"
    _is_as_worked_on(story)


def test_request_that_comes_too_late_restores_nothing_and_is_healthy(worked_on: Story) -> None:
    team, scene = worked_on.team, worked_on.scene
    snapshot = _newest_snapshot(worked_on)
    team.write_restore("too-late", scene.repository, snapshot, LIBRARY, is_late=True)
    team.sync(team.git.push("A restore that waited for its review"), "restores")
    installation.wait_for_phase(
        worked_on.kube, team.namespace, "restorerequest", "too-late", "Expired"
    )
    made = installation.names(worked_on.kube, team.namespace, "restoresessions")
    assert [item for item in made if "too-late" in item] == []
    _is_as_worked_on(worked_on)


def _request(story: Story, wanted: str) -> Json:
    return story.kube.get(story.team.namespace, "restorerequest", wanted)


def _succeeded(story: Story, wanted: str) -> None:
    kind = "restorerequest"
    installation.wait_for_phase(story.kube, story.team.namespace, kind, wanted, "Succeeded")


def _is_as_worked_on(story: Story) -> None:
    assert not data.differences(story.trees["worked on"], story.tree(LIBRARY))


def _target(session: Json) -> str:
    return str(session["spec"]["invoker"]["name"])
