"""What a backup needs is not there, or goes; once it is there, nobody has to do anything more."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from stashgen.api import resources as known
from tests.cluster import installation
from tests.cluster.conftest import fresh_namespace
from tests.cluster.installation import Json
from tests.cluster.kube import Kube
from tests.cluster.protected import REQUESTS_OF_A_SESSION, S3_SECRET, Protected
from tests.support import manifests
from tests.support.compiled_project import DATA, KEY
from tests.support.faults import fault
from tests.support.gateway import Gateway

# Two more attempts of each initialisation, and the initial backup.
_MOST_REQUESTS_UNTIL_READY = 80
_MOST_JOBS_UNTIL_READY = 10
_MOST_REQUESTS_OF_A_GAP = 6
_NO_PODS: Json = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "none"},
    "spec": {"hard": {"pods": "0"}},
}


@pytest.mark.usefixtures("installed")
def test_what_is_missing_is_named_and_waited_for(
    kube: Kube, gateway: Gateway, namespace: str, tmp_path: Path
) -> None:
    volume = Protected(kube, gateway, namespace, tmp_path)
    volume.apply()
    (storage,) = volume.names(known.BACKUP_STORAGES)
    repository = volume.repository()
    missing = fault("The storage's Secret is missing")
    volume.wait(
        lambda: missing.holds([volume.status(known.BACKUP_STORAGES, storage)]), missing.what
    )
    volume.make_secret(S3_SECRET)
    missing = fault("The encryption Secret is missing before the first backup")
    volume.wait(
        lambda: missing.holds([volume.status(known.REPOSITORIES, repository)]), missing.what
    )
    volume.make_secret(KEY)
    volume.wait(
        lambda: volume.status(known.REPOSITORIES, repository).get("phase") == "Ready",
        "the Repository is not Ready",
    )
    early = volume.trigger()
    volume.finish(early, "Skipped")
    fault("The volume does not exist").check(volume.told(early))
    installation.make_claim(kube, namespace)
    volume.wait(lambda: len(volume.names(known.BACKUP_SESSIONS)) > 1, "no initial backup")
    (initial,) = set(volume.names(known.BACKUP_SESSIONS)) - {early}
    volume.finish(initial)
    volume.assert_whole()
    asked = volume.requests()
    assert len(asked) <= _MOST_REQUESTS_UNTIL_READY
    jobs = [item for item in asked if (item.verb, item.target) == ("create", "jobs")]
    assert len(jobs) <= _MOST_JOBS_UNTIL_READY


def test_encryption_secret_goes(protected: Protected, kube: Kube) -> None:
    begin = datetime.now(UTC)
    kube.kubectl("delete", f"--namespace={protected.namespace}", "secret", KEY)
    name = protected.trigger()
    protected.finish(name, "Failed")
    protected.make_secret(KEY)
    fault("The encryption Secret is missing when a backup begins").check(protected.told(name))
    protected.finish(protected.successor(name))
    protected.assert_whole()
    assert len(protected.requests(begin)) <= 2 * REQUESTS_OF_A_SESSION


def test_retention_policy_goes(protected: Protected) -> None:
    begin = datetime.now(UTC)
    (name,) = protected.names(known.RETENTION_POLICIES)
    policy = protected.get(known.RETENTION_POLICIES, name)
    protected.client.delete(known.RETENTION_POLICIES, protected.namespace, name)
    gone = fault("The RetentionPolicy is deleted")
    protected.wait(
        lambda: gone.holds([protected.status(known.BACKUP_CONFIGURATIONS, DATA)]), gone.what
    )
    again = {**policy, "metadata": {"name": name}}
    protected.client.create(known.RETENTION_POLICIES, protected.namespace, again)
    protected.wait(
        lambda: protected.status(known.BACKUP_CONFIGURATIONS, DATA)["phase"] == "Ready",
        "not Ready again",
    )
    # Two statuses, and an Event for each: the one that it is Ready is there already and repeated.
    assert len(protected.requests(begin)) <= _MOST_REQUESTS_OF_A_GAP


def test_pods_are_refused(protected: Protected, kube: Kube) -> None:
    begin = datetime.now(UTC)
    kube.apply(protected.namespace, _NO_PODS)
    protected.change_session(backupTimeout="15s")
    try:
        name = protected.trigger()
        protected.finish(name, "Failed")
    finally:
        kube.kubectl("delete", f"--namespace={protected.namespace}", "resourcequota", "none")
        protected.change_session(backupTimeout="10m")
    fault("No pod may be made").check(protected.told(name))
    protected.finish(protected.successor(name))
    protected.assert_whole()
    assert len(protected.requests(begin)) <= 2 * REQUESTS_OF_A_SESSION


@pytest.mark.usefixtures("installed")
def test_restore_is_requested_while_a_retention_waits_for_its_pod(
    kube: Kube, gateway: Gateway, tmp_path: Path
) -> None:
    with fresh_namespace(kube) as namespace:
        volume = Protected(kube, gateway, namespace, tmp_path)
        volume.prepare()
        (snapshot,) = volume.names(known.SNAPSHOTS)
        held = volume.hold()
        kube.apply(namespace, _NO_PODS)
        volume.gateway.resume()
        retain = f"retain-{held.name}-0"
        volume.wait(lambda: volume.has(known.JOBS, retain), "no retention")
        repository = volume.repository()
        restore = manifests.restore(
            namespace, "late", claim=DATA, snapshot=snapshot, repository=repository
        )
        kube.apply(namespace, restore)
        row = fault("A restore is requested while a retention waits for its pod")
        volume.wait(lambda: row.holds(volume.told(held.name)), row.what)
        assert not volume.has(known.JOBS, retain)
        kube.kubectl("delete", f"--namespace={namespace}", "resourcequota", "none")
        volume.wait(
            lambda: volume.status(known.RESTORE_SESSIONS, "late").get("phase") == "Succeeded",
            "not restored",
        )
        volume.finish(held.name)


@pytest.mark.usefixtures("installed")
def test_namespace_is_deleted_during_a_backup(kube: Kube, gateway: Gateway, tmp_path: Path) -> None:
    with fresh_namespace(kube) as namespace:
        volume = Protected(kube, gateway, namespace, tmp_path)
        volume.prepare()
        before = volume.restic_ids()
        held = volume.hold()
        begin = datetime.now(UTC)
        kube.kubectl("delete", "namespace", namespace, "--wait=false")
        volume.let_it_end(held.pod)
        kube.kubectl("wait", "--for=delete", f"namespace/{namespace}", "--timeout=240s")
    # The bucket is as it was, and free: what was in it can be restored into a new namespace.
    assert set(before) <= set(volume.restic_ids())
    assert volume.locks() == []
    assert len(volume.requests(begin)) <= REQUESTS_OF_A_SESSION
