"""The demo's two stories: from a policy in git, and from plain KubeStash manifests."""

import os
import subprocess
import sys
from pathlib import Path

from stashgen.api import resources as known
from tools.acceptance.steps import Scene
from tools.acceptance.view import DemoError, name
from tools.demo import manifests, scenario
from tools.demo.cluster import Cluster
from tools.demo.scenario import Say

DEPLOY = Path(__file__).parents[2] / "controller" / "deploy"
# Nothing of the user's own git configuration counts: no signing, no hooks, no templates.
_GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "demo",
    "GIT_AUTHOR_EMAIL": "demo@localhost",
    "GIT_COMMITTER_NAME": "demo",
    "GIT_COMMITTER_EMAIL": "demo@localhost",
}


def install(cluster: Cluster, say: Say) -> None:
    """Apply what an installation consists of: CRDs, the Addon, its Functions."""
    installed = sum(
        cluster.apply_text(path.read_bytes(), path)
        for part in ("crds", "addons")
        for path in sorted((DEPLOY / part).glob("*.yaml"))
    )
    say(f"{cluster.url} has {installed} CRDs, Addons and Functions")


def compiled(cluster: Cluster, folder: Path, say: Say) -> Scene:
    """The story from a policy in git, played to its end."""
    namespace, claim, storage_claim = "demo", "library", "backup-store"
    scenario.prepare(cluster, namespace, "restic-key", [claim, storage_claim], say)
    repository = folder / "git"
    applied = build_and_apply(cluster, repository, namespace, claim, storage_claim, say)
    say(f"applied what the commit holds: {applied} objects")
    cluster.wait("the BackupConfiguration to be Ready", scenario.ready(cluster, namespace, claim))
    bucket = cluster.volume(namespace, storage_claim) / "dem1"
    repository_name = name(cluster.items(known.REPOSITORIES, namespace)[0])
    scene = Scene(
        view=cluster,
        namespace=namespace,
        storage="local",
        bucket=bucket,
        address=str(bucket),
        configuration=claim,
        session="backup",
        repository=repository_name,
        directory=f"{namespace}/{claim}",
        claim=claim,
        secret="restic-key",  # noqa: S106  the object's name
        is_rendered=True,
    )
    scenario.play(cluster, scene, say)
    return scene


def build_and_apply(
    cluster: Cluster, repository: Path, namespace: str, claim: str, storage_claim: str, say: Say
) -> int:
    """Write the user's repository, build, commit, apply the commit's files; how many objects."""
    for path, text in manifests.user_repository(namespace, claim, storage_claim).items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    _git(repository, "init", "-q", "-b", "main")
    build = [sys.executable, "-m", "stashgen", "build", "--project", str(repository)]
    if subprocess.run(build, check=False).returncode != 0:
        raise DemoError("stashgen build failed; its findings are above")
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", "Back up the library every hour")
    listed = _git(repository, "ls-tree", "-r", "--name-only", "-z", "HEAD", "clusters", "rendered")
    paths = [path for path in listed.decode().split("\0") if path]
    commit = _git(repository, "rev-parse", "--short", "HEAD").decode().strip()
    say(f"stashgen build; commit {commit} holds {len(paths)} files below clusters/, rendered/")
    return sum(
        cluster.apply_text(_git(repository, "show", f"HEAD:{path}"), Path(path))
        for path in paths
        if not path.endswith("kustomization.yaml")
    )


def _git(repository: Path, *args: str) -> bytes:
    """Git's answer.

    Raises:
        DemoError: it failed.
    """
    done = subprocess.run(
        ["git", "-C", str(repository), *args],
        check=False,
        capture_output=True,
        env=os.environ | _GIT_ENVIRONMENT,
    )
    if done.returncode != 0:
        raise DemoError(f"git {args[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def plain(cluster: Cluster, say: Say) -> Scene:
    """The story from plain KubeStash manifests, in another namespace."""
    namespace, claim, storage_claim = "plain", "nfs-pvc", "storage-pvc"
    scenario.prepare(cluster, namespace, "encrypt-secret", [claim, storage_claim], say)
    for item in (
        manifests.claim(namespace, claim),
        manifests.claim(namespace, storage_claim, mode="ReadWriteMany"),
        *manifests.plain_manifests(namespace, claim, storage_claim),
    ):
        cluster.apply(item)
    say("applied BackupStorage, RetentionPolicy and BackupConfiguration")
    configuration = f"{claim}-backup"
    cluster.wait(
        "the BackupConfiguration to be Ready", scenario.ready(cluster, namespace, configuration)
    )
    bucket = cluster.volume(namespace, storage_claim)
    scene = Scene(
        view=cluster,
        namespace=namespace,
        storage="local-storage",
        bucket=bucket,
        address=str(bucket),
        configuration=configuration,
        session="frequent-backup",
        repository="local-repository",
        directory="pvc-backup-demo",
        claim=claim,
        secret="encrypt-secret",  # noqa: S106  the object's name
        is_rendered=False,
    )
    scenario.play(cluster, scene, say)
    return scene
