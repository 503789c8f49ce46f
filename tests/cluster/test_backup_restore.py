"""Backup and restore with the compiled pods, and with those of plain KubeStash manifests."""

from collections import Counter
from pathlib import Path

import pytest

from tests.cluster import installation
from tests.cluster.audit import Request, requests
from tests.cluster.installation import CONTROLLER
from tests.cluster.kube import Kube
from tests.support.compiled_project import DATA

BUDGET = 12


@pytest.mark.usefixtures("installed")
def test_compiled_volume_is_backed_up_and_restored_byte_by_byte(
    kube: Kube, namespace: str, tmp_path: Path
) -> None:
    installation.prepare(kube, namespace)
    before = installation.tree(kube, namespace)
    installation.compile_and_apply(kube, namespace, tmp_path)
    installation.wait_for_phase(kube, namespace, "backupconfiguration", DATA, "Ready")
    first = installation.initial_backup(kube, namespace)

    installation.write(kube, namespace, "second")
    second = installation.back_up(kube, namespace, DATA, "backup", "by-hand")
    assert second["status"]["phase"] == "Succeeded", second["status"]

    (repository,) = installation.names(kube, namespace, "repositories")
    (snapshot,) = [item["name"] for item in first["status"]["snapshots"]]
    installation.run(kube, namespace, "wipe", DATA, "rm -rf /data/*")
    restored = installation.restore(kube, namespace, "back-to-first", repository, snapshot)
    assert restored["status"]["phase"] == "Succeeded", restored["status"]
    assert installation.tree(kube, namespace) == before


@pytest.mark.usefixtures("installed")
def test_plain_kubestash_manifests_back_up_and_restore(
    kube: Kube, namespace: str, tmp_path: Path
) -> None:
    installation.prepare(kube, namespace)
    before = installation.tree(kube, namespace)
    installation.apply_plain(kube, namespace, tmp_path)
    installation.wait_for_phase(kube, namespace, "backupconfiguration", "library-backup", "Ready")
    installation.initial_backup(kube, namespace)

    second = installation.back_up(kube, namespace, "library-backup", "frequent-backup", "by-hand")
    assert second["status"]["phase"] == "Succeeded", second["status"]

    installation.run(kube, namespace, "wipe", DATA, "rm -rf /data/*")
    restored = installation.restore(kube, namespace, "back", "local-repository", "latest")
    assert restored["status"]["phase"] == "Succeeded", restored["status"]
    assert installation.tree(kube, namespace) == before


@pytest.mark.usefixtures("installed")
def test_a_session_keeps_to_its_budget_of_requests(
    kube: Kube, namespace: str, tmp_path: Path
) -> None:
    """From the creation of a BackupSession to its end: controller, worker and trigger together."""
    installation.prepare(kube, namespace)
    installation.compile_and_apply(kube, namespace, tmp_path, keep=1)
    installation.initial_backup(kube, namespace)
    installation.initial_upkeep(kube, namespace)
    # As in the long run, an old session goes for the new one.
    one = '[{"op": "replace", "path": "/spec/sessions/0/sessionHistoryLimit", "value": 1}]'
    kube.kubectl(
        "patch", f"--namespace={namespace}", "backupconfiguration", DATA, "--type=json",
        f"--patch={one}",
    )  # fmt: skip
    session = installation.back_up(kube, namespace, DATA, "backup", "by-hand")
    found = _requests(kube, namespace, session)
    shown = dict(sorted(Counter(f"{item.verb} {item.target}" for item in found).items()))
    print(f"requests of a session: {len(found)} {shown}")  # noqa: T201 (a run's log keeps the figure)
    assert "delete backupsessions" in shown
    assert len(found) - _progress(found, namespace) <= BUDGET, shown


def _progress(found: list[Request], namespace: str) -> int:
    """How often the worker told of its progress: not at all where restic needs only seconds."""
    workers = f"system:serviceaccount:{namespace}:stashgen-"
    told = [
        item
        for item in found
        if item.user.startswith(workers)
        and (item.verb, item.target) == ("patch", "snapshots/status")
    ]
    # The last one is the result.
    return len(told) - 1


def _requests(kube: Kube, namespace: str, session: installation.Json) -> list[Request]:
    """What was asked by us in the namespace until the session was finished."""
    name = session["metadata"]["name"]
    workers = f"system:serviceaccount:{namespace}:stashgen-"
    ours = [
        item
        for item in requests(kube.layout.audit_log)
        if item.namespace == namespace
        and (item.user == CONTROLLER or item.user.startswith(workers))
        # Its retention asks for these.
        and (item.verb, item.resource)
        not in {("list", "restoresessions"), ("list", "restorerequests")}
    ]
    begin = next(
        index
        for index, item in enumerate(ours)
        if (item.verb, item.resource, item.name) == ("create", "backupsessions", name)
    )
    # Its end is the status that has MetricsPushed; the Job of retention comes after it.
    end = next(
        index
        for index, item in enumerate(ours)
        if (item.verb, item.resource) == ("create", "jobs")
        and item.name.startswith(f"retain-{name}")
    )
    return ours[begin:end]
