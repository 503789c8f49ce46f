"""``make demo``: a policy protects, loses and recovers real data on the embedded cluster.

Twice: from a policy that ``stashgen build`` compiles into a git commit, and from plain KubeStash
manifests. Exit code 0 when all 21 steps are proved in both, else 1; 2 when it cannot run here.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stashgen.api import resources as known
from stashgen_controller.client import ApiError
from tools.demo import manifests, scenario
from tools.demo.cluster import Cluster, DemoError, name
from tools.demo.proofs import STEPS, Scene

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "controller" / "deploy"
_IDENTITY = (
    "-c",
    "user.name=demo",
    "-c",
    "user.email=demo@localhost",
    "-c",
    "commit.gpgsign=false",
)


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    args = parser.parse_args()
    for program in ("restic", "git"):
        if shutil.which(program) is None:
            print(f"error: {program} is not on PATH", file=sys.stderr)
            return 2
    folder = Path(tempfile.mkdtemp(prefix="stashgen-demo-"))
    teller = Teller()
    try:
        cluster = Cluster(folder / "cluster")
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        proved = [run(cluster, folder, teller) for run in (compiled, plain)]
    except (DemoError, ApiError, subprocess.CalledProcessError) as error:
        print(f"error: {error}\n  see {folder}/cluster/controller.log and logs/", file=sys.stderr)
        cluster.stop()
        return 1
    if args.keep:
        how_to_look(cluster)
    else:
        cluster.stop()
        shutil.rmtree(folder)
    return report(proved)


class Teller:
    """Shows progress: what has happened and how long after the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say one thing."""
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(clear, end="", file=sys.stderr, flush=True)
        print(f"[{time.monotonic() - self._start:5.1f} s] {text}", flush=True)


def compiled(cluster: Cluster, folder: Path, say: Teller) -> int:
    """The story from a policy in git."""
    namespace, claim, storage_claim = "demo", "library", "backup-store"
    print("\n== From a policy in git")
    installed = sum(
        cluster.apply_text(path.read_bytes(), path)
        for part in ("crds", "addons")
        for path in sorted((DEPLOY / part).glob("*.yaml"))
    )
    say(f"the embedded cluster runs at {cluster.url}; {installed} CRDs, Addons and Functions")
    scenario.prepare(cluster, namespace, "restic-key", [claim, storage_claim], say)
    repository = folder / "git"
    applied = build_and_apply(cluster, repository, namespace, claim, storage_claim, say)
    say(f"applied what the commit holds: {applied} objects")
    cluster.wait("the BackupConfiguration to be Ready", scenario.ready(cluster, namespace, claim))
    repository_name = name(cluster.items(known.REPOSITORIES, namespace)[0])
    return scenario.play(
        Scene(
            title="from a policy",
            cluster=cluster,
            namespace=namespace,
            storage="local",
            storage_claim=storage_claim,
            storage_path="dem1",
            configuration=claim,
            session="backup",
            repository=repository_name,
            directory=f"{namespace}/{claim}",
            claim=claim,
            secret="restic-key",  # noqa: S106  the object's name
            is_rendered=True,
        ),
        say,
    )


def build_and_apply(
    cluster: Cluster, repository: Path, namespace: str, claim: str, storage_claim: str, say: Teller
) -> int:
    """Write the user's repository, build, commit, apply the commit's files; how many objects."""
    git = ["git", *_IDENTITY, "-C", str(repository)]
    for path, text in manifests.user_repository(namespace, claim, storage_claim).items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True, env=environment)
    build = [sys.executable, "-m", "stashgen", "build", "--project", str(repository)]
    if subprocess.run(build, check=False).returncode != 0:
        raise DemoError("stashgen build failed; its findings are above")
    subprocess.run([*git, "add", "-A"], check=True, env=environment)
    message = ["-m", "Back up the library every hour"]
    subprocess.run([*git, "commit", "-q", *message], check=True, env=environment)
    listed = _git(git, "ls-tree", "-r", "--name-only", "-z", "HEAD", "clusters", "rendered")
    paths = [path for path in listed.decode().split("\0") if path]
    commit = _git(git, "rev-parse", "--short", "HEAD").decode().strip()
    say(f"stashgen build; commit {commit} holds {len(paths)} files to apply")
    return sum(
        cluster.apply_text(_git(git, "show", f"HEAD:{path}"), Path(path))
        for path in paths
        if not path.endswith("kustomization.yaml")
    )


def _git(git: list[str], *args: str) -> bytes:
    return subprocess.run([*git, *args], check=True, stdout=subprocess.PIPE).stdout


def plain(cluster: Cluster, _folder: Path, say: Teller) -> int:
    """The story from plain KubeStash manifests, in another namespace."""
    namespace, claim, storage_claim = "plain", "nfs-pvc", "storage-pvc"
    print("\n== From plain KubeStash manifests")
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
    return scenario.play(
        Scene(
            title="from plain KubeStash manifests",
            cluster=cluster,
            namespace=namespace,
            storage="local-storage",
            storage_claim=storage_claim,
            storage_path="",
            configuration=configuration,
            session="frequent-backup",
            repository="local-repository",
            directory="pvc-backup-demo",
            claim=claim,
            secret="encrypt-secret",  # noqa: S106  the object's name
            is_rendered=False,
        ),
        say,
    )


def how_to_look(cluster: Cluster) -> None:
    """Print how to look into a cluster that stays."""
    bucket = cluster.volume("demo", "backup-store") / "dem1"
    key = "jsonpath={.data.RESTIC_PASSWORD}"
    print(f"""
The cluster keeps running (process {cluster.process.pid}; `kill {cluster.process.pid}` ends it).
  export KUBECONFIG={cluster.state}/kubeconfig
  kubectl get backupconfigurations,backupsessions,snapshots,restoresessions -A
  (no kubectl here? PATH=$(python3 tools/go_tools.py kubernetes):$PATH builds it, once)
  export RESTIC_PASSWORD=$(kubectl get secret restic-key -n demo -o '{key}' | base64 -d)
  restic -r {bucket}/demo/library/repository/v1/backup/dump snapshots
  (no restic here? PATH=$(python3 tools/go_tools.py restic):$PATH)""")


def report(proved: list[int]) -> int:
    """The last line; the exit code."""
    total = len(STEPS)
    if all(count == total for count in proved):
        print(f"\n{total} of {total} steps proved, compiled and plain")
        return 0
    print(f"\n{proved[0]} of {total} steps proved compiled, {proved[1]} of {total} plain")
    return 1


if __name__ == "__main__":
    sys.exit(main())
