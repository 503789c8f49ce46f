"""A platform team at work: policies in git, Argo CD, and nobody else who applies anything."""

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stashgen.api.base import format_time
from stashgen.yaml.emitter import emit, emit_all
from tests.cluster.argocd.application import Application
from tests.cluster.argocd.git_repository import GitRepository
from tests.cluster.argocd.git_server import serving
from tests.cluster.argocd.server import argocd
from tests.cluster.kube import Kube
from tests.support import compiled_project
from tests.support.compiled_project import STORE, project_manifest
from tests.support.gateway import BUCKET, WRITER, Gateway
from tests.support.place import ROOT

Json = Any
OURS = "stashgen.dev/v1alpha1"
LIBRARY, NOTES = "library", "notes"
LOCAL, REMOTE = "local", "bucket"
CREDENTIALS = "backup-s3"
PREFIX = "e2e1/platform"


@dataclass(slots=True)
class Platform:
    """One cluster, one namespace, one git repository with its Applications, one S3 server."""

    kube: Kube
    namespace: str
    git: GitRepository
    applications: Mapping[str, Application]
    gateway: Gateway

    def build(self) -> None:
        """Render what the policies say."""
        build = [sys.executable, "-m", "stashgen", "build", "--project", str(self.git.work_tree)]
        subprocess.run(build, cwd=ROOT, check=True)

    def commit(self, subject: str) -> str:
        """Build, commit and push; the commit."""
        self.build()
        return self.git.push(subject)

    def sync(self, commit: str, *names: str) -> None:
        """Wait until Applications are Synced and Healthy at a commit."""
        for name in names:
            self.applications[name].wait(commit)

    def put_back_reviews(self, reviews: str) -> str:
        """Have a rendered tree review the pods of another one; what it had itself."""
        found = self.reviews()
        text = self._namespace_file.read_text(encoding="utf-8")
        self._namespace_file.write_text(text.replace(found, reviews), encoding="utf-8")
        return found

    def reviews(self) -> str:
        """The document of the rendered tree that has all pods of the namespace."""
        documents = self._namespace_file.read_text(encoding="utf-8").split("\n---\n")
        (found,) = (item for item in documents if "\nkind: ReviewedTemplates\n" in item)
        return found

    @property
    def _namespace_file(self) -> Path:
        return self.git.work_tree / "rendered" / "e2e" / self.namespace / "_namespace.yaml"

    def credentials(self) -> Json:
        """The Secret of the bucket, which is in no git repository."""
        data = {key: b64encode(value).decode() for key, value in self.gateway.secret().items()}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": CREDENTIALS},
            "data": data,
        }

    @property
    def restic_environment(self) -> dict[str, str]:
        """What restic needs to reach the bucket."""
        access, secret = WRITER
        authority = str(self.gateway.authority)
        return {
            "AWS_ACCESS_KEY_ID": access,
            "AWS_SECRET_ACCESS_KEY": secret,
            "RESTIC_CACERT": authority,
        }

    def write_project(self, image: str | None = None, retired: str | None = None) -> None:
        """Write ``stashgen.yaml``, with the image of all Jobs and a volume that is retired."""
        entry = {
            "volume": f"{self.namespace}/{retired}",
            "cluster": "e2e1",
            "until": "2099-12-31",
            "reason": "nobody writes notes any more",
        }
        project = project_manifest(is_strict=True, image=image, retired=[entry] if retired else [])
        self.git.write("stashgen.yaml", emit(project))

    def write_namespace(self) -> None:
        """Write the namespace, in which only pods under PodSecurity ``restricted`` run."""
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self.namespace,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        }
        self.git.write("clusters/e2e/namespace.yaml", emit(namespace))

    def write_storages(self) -> None:
        """Write both storages: one on a volume of the namespace, one in a bucket."""
        claim = {"persistentVolumeClaim": {"claimName": STORE}}
        bucket = {"bucket": BUCKET, "prefix": PREFIX, "endpoint": self.gateway.url}
        backends: dict[str, Json] = {
            LOCAL: {"backend": {"provider": "local", "local": claim}},
            REMOTE: {
                "backend": {"provider": "s3", "s3": bucket},
                "credentials": {"from": "Namespace", "secretName": CREDENTIALS},
            },
        }
        storages = [
            {
                "apiVersion": OURS,
                "kind": "Storage",
                "metadata": {"name": name},
                "spec": {"namespace": self.namespace, **backend},
            }
            for name, backend in backends.items()
        ]
        self.git.write("policies/storages.yaml", emit_all(storages))

    def write_policy(self, volume: str, every: str, keep: int, storage: str) -> None:
        """Write the policy of one volume."""
        policy = {
            "apiVersion": OURS,
            "kind": "BackupPolicy",
            "metadata": {"name": volume},
            "spec": {
                "select": {"volumes": {"names": [volume]}},
                "sessions": [
                    {
                        "name": "backup",
                        "every": every,
                        "timeout": "30m",
                        "historyLimit": 100,
                        "copies": [{"storage": storage, "keep": {"last": keep}}],
                    }
                ],
            },
        }
        self.git.write(f"policies/{volume}.yaml", emit(policy))

    def write_claims(self, *names: str) -> None:
        """Write the namespace's volumes, with the one that the storage is on."""
        modes = dict.fromkeys(names, "ReadWriteOnce") | {STORE: "ReadWriteMany"}
        claims = []
        for name, mode in modes.items():
            claim = compiled_project.claim(name, mode)
            claims.append(claim | {"metadata": claim["metadata"] | {"namespace": self.namespace}})
        self.git.write("clusters/e2e/claims.yaml", emit_all(claims))

    def write_restore(
        self,
        name: str,
        repository: str,
        snapshot: str,
        claim: str,
        *,
        is_late: bool = False,
        is_kept: bool = False,
    ) -> None:
        """Write a request to restore a snapshot into a claim.

        Args:
            name: Of the request, and its nonce.
            repository: Whose snapshot it is.
            snapshot: Its name.
            claim: What is restored into.
            is_late: It comes to the cluster when its time has passed.
            is_kept: It says itself that it is never pruned.
        """
        hours = timedelta(hours=-1 if is_late else 1)
        marks = {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
        metadata: Json = {"name": name, "namespace": self.namespace}
        request = {
            "apiVersion": OURS,
            "kind": "RestoreRequest",
            "metadata": metadata | ({"annotations": marks} if is_kept else {}),
            "spec": {
                "nonce": name,
                "notAfter": format_time(datetime.now(UTC) + hours),
                "repository": repository,
                "snapshot": snapshot,
                "target": {"name": claim},
                "mode": "Overwrite",
                "onMissing": "Fail",
                "reason": "somebody deleted half of the library",
            },
        }
        self.git.write(restore_file(name), emit(request))


def restore_file(name: str) -> str:
    """Where a request is in the git repository."""
    return f"restores/e2e/{name}.yaml"


@contextmanager
def platform(kube: Kube, namespace: str, folder: Path, gateway: Gateway) -> Iterator[Platform]:
    """A cluster with Argo CD, and a git repository that is empty yet."""
    for name in ("git", "argocd"):
        (folder / name).mkdir()
    git = GitRepository(folder / "work-tree", folder / "git" / "platform.git")
    with serving(folder / "git") as url, argocd(kube, folder / "argocd"):
        folders = {
            "volumes": "clusters/e2e",
            "backups": "rendered/e2e",
            "restores": "restores/e2e",
        }
        applications = {
            name: Application(kube, name, f"{url}/platform.git", path)
            for name, path in folders.items()
        }
        yield Platform(kube, namespace, git, applications, gateway)
