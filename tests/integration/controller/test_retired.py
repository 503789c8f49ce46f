"""A volume goes away: retired in git, synced with pruning, restored from its Repository."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import yaml

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.cli.main import run
from tests.support import manifests
from tests.support.harness import BY_KIND, conditions, metadata, name_of
from tests.support.real_cluster import RealCluster

SPACE = "retired"
PROJECT = """\
apiVersion: stashgen.dev/v1alpha1
kind: Project
metadata: {name: test}
spec:
  defaults: {encryption: {secretName: restic-key}, job: {runAs: {user: 0}}}
  clusters:
  - {name: test, id: tst1, inventory: [{manifests: ["clusters/*.yaml"]}]}
"""
ENTRY = """\
  retired:
  - {volume: retired/library, cluster: tst1, until: "2999-12-31", reason: not needed any more}
"""
POLICIES = """\
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: local}
spec:
  namespace: retired
  job: {runAs: {user: 0}}
  backend: {provider: local, local: {persistentVolumeClaim: {claimName: backup-store}}}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: hourly}
spec:
  select: {volumes: {names: [library]}}
  sessions:
  - {name: backup, every: 1h, copies: [{storage: local, keep: {last: 2}}]}
"""
CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: library, namespace: retired}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
OTHER = CLAIM.replace("library", "unprotected")

Objects = dict[tuple[str, str], JsonObject]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    found = RealCluster(tmp_path / "cluster")
    yield found
    found.stop()


def write(project: Path, name: str, text: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text, encoding="utf-8")


def built(project: Path) -> Objects:
    """What a build leaves in the output folder, by kind and name."""
    assert run(["build", "--project", str(project)]) == 0
    documents = [
        document
        for path in sorted((project / "rendered").rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def sync(cluster: RealCluster, before: Objects, after: Objects) -> set[str]:
    """Apply a commit as a syncer with pruning does; returns the kinds that were pruned."""
    for obj in after.values():
        cluster.apply(obj)
    pruned = set()
    for (kind, name), obj in before.items():
        annotations = cast("dict[str, str]", metadata(obj).get("annotations") or {})
        options = annotations.get("argocd.argoproj.io/sync-options", "")
        if (kind, name) not in after and "Prune=false" not in options:
            cluster.client.delete(BY_KIND[kind], SPACE, name)
            pruned.add(kind)
    return pruned


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def without_locks(store: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(store).items() if "/locks/" not in name}


def test_a_retired_volume_is_not_backed_up_any_more_and_is_restored_after_its_claim_was_deleted(
    cluster: RealCluster, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    write(project, "stashgen.yaml", PROJECT)
    write(project, "policies/all.yaml", POLICIES)
    write(project, "clusters/library.yaml", CLAIM)
    write(project, "clusters/other.yaml", OTHER)
    volume = cluster.prepare(SPACE)
    write(volume, "deep/file.txt", "worth keeping\n" * 100)
    protected = built(project)
    sync(cluster, {}, protected)
    session = cluster.finished_session(SPACE, [])
    kept = contents(volume)
    store = cluster.volume(SPACE, "backup-store")
    (repository,) = cluster.names(known.REPOSITORIES, SPACE)
    cluster.keep_up_once(SPACE, repository)
    bucket = without_locks(store)
    assert cluster.names(known.SNAPSHOTS, SPACE) == [f"{repository}-{session}"]

    # Policy and claim leave git; the build refuses until the volume is retired.
    (project / "clusters" / "library.yaml").unlink()
    write(project, "policies/all.yaml", POLICIES.partition("---")[0])
    assert run(["build", "--project", str(project)]) == 1
    write(project, "stashgen.yaml", PROJECT + ENTRY)
    retired = built(project)
    assert sync(cluster, protected, retired) == {
        "BackupConfiguration", "CronJob", "PodTemplate", "RetentionPolicy",
    }  # fmt: skip
    cluster.client.delete(known.PERSISTENT_VOLUME_CLAIMS, SPACE, "library")
    cluster.wait("the garbage collector", lambda: not cluster.names(known.BACKUP_SESSIONS, SPACE))

    # No backup any more, and nothing of the old ones went: not the objects, not a byte.
    cluster.cluster.clock.advance(timedelta(hours=3))
    assert cluster.names(known.CRON_JOBS, SPACE) == []
    assert cluster.names(known.SNAPSHOTS, SPACE) == [f"{repository}-{session}"]
    assert without_locks(store) == bucket
    found = cluster.status(known.REPOSITORIES, SPACE, repository)
    assert found["phase"] == "Ready"
    assert conditions(found)["RepositoryInitialized"]["status"] == "True"

    # The claim comes back, empty, and its files by an ordinary RestoreSession.
    for path in volume.rglob("*.txt"):
        path.unlink()
    cluster.apply(manifests.claim(SPACE, "library"))
    cluster.apply(manifests.restore(SPACE, "back", repository=repository))

    def ended() -> JsonObject | None:
        status = cluster.status(known.RESTORE_SESSIONS, SPACE, "back")
        return status if status.get("phase") in {"Succeeded", "Failed", "Invalid"} else None

    status = cluster.wait("the restore", ended)
    assert status["phase"] == "Succeeded", status
    assert contents(volume) == kept
    jobs = [name_of(job) for job in cluster.items(known.JOBS, SPACE)]
    assert not [name for name in jobs if name.startswith(("trigger", repository))]
