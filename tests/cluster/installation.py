"""The installation as the README has it, and a namespace with a volume that is backed up."""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stashgen.yaml.emitter import emit
from tests.cluster.kube import Kube
from tests.cluster.pods import pod
from tests.support.compiled_project import DATA, KEY, NOBODY, STORE, claim, compile_project
from tests.support.place import ROOT

Json = Any
SYSTEM = "stashgen-system"
CONTROLLER = f"system:serviceaccount:{SYSTEM}:stashgen-controller"
DEPLOY = ROOT / "controller" / "deploy"


def install(kube: Kube) -> None:
    """Build the image, give it to the node, apply the manifests, wait for both controllers."""
    archive = subprocess.run(
        [sys.executable, "-m", "tools.image"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    kube.cluster("load", archive.strip())
    crds = f"--filename={DEPLOY / 'crds'}"
    kube.kubectl("apply", "--server-side", crds)
    kube.wait_until(lambda: are_established(kube))
    kube.kubectl("apply", "--server-side", f"--kustomize={DEPLOY}")
    # The tag is the same where a cluster is used again, and the pods are of the last image.
    kube.kubectl("rollout", "restart", f"--namespace={SYSTEM}", "deployment/stashgen-controller")
    kube.kubectl(
        "rollout", "status", f"--namespace={SYSTEM}", "deployment/stashgen-controller",
        "--timeout=300s",
    )  # fmt: skip


def are_established(kube: Kube) -> bool:
    """Whether all CRDs are served; ``kubectl wait`` gives up on one without conditions yet."""
    items = json.loads(kube.kubectl("get", "crds", "--output=json"))["items"]
    conditions = [item.get("status", {}).get("conditions") or [] for item in items]
    wanted = ("Established", "True")
    return all(any((one["type"], one["status"]) == wanted for one in some) for some in conditions)


def apply_controllers(kube: Kube, folder: Path) -> None:
    """Apply a kustomization of the controllers over the one that is there, and wait for them."""
    kube.kubectl("apply", "--server-side", f"--kustomize={folder}")
    where = (f"--namespace={SYSTEM}", "deployment/stashgen-controller")
    kube.kubectl("rollout", "status", *where, "--timeout=300s")


def leader(kube: Kube) -> str:
    """The pod that leads; empty where none does."""
    identity: str = kube.get(SYSTEM, "lease", "stashgen-controller")["spec"]["holderIdentity"]
    return identity.partition("_")[0]


def prepare(kube: Kube, namespace: str) -> None:
    """Make the volumes and the key; the storage's folder belongs to the workers' group."""
    kube.apply(namespace, key_secret(), claim(DATA, "ReadWriteOnce"), claim(STORE, "ReadWriteMany"))
    run(kube, namespace, "write", STORE, "true")
    write(kube, namespace, "first")


def make_claim(kube: Kube, namespace: str) -> None:
    """Make the volume alone, with nothing in it."""
    kube.apply(namespace, claim(DATA, "ReadWriteOnce"))


def write(kube: Kube, namespace: str, text: str) -> None:
    """Put data into the volume: some folders, a link, modes, and a text."""
    script = (
        "cd /data && mkdir -p a/b && echo %s > a/b/text && echo x > a/x && chmod 600 a/x"
        " && ln -sf b/text a/link && head -c 300000 /dev/urandom > blob"
    )
    run(kube, namespace, "write", DATA, script % text)


def tree(kube: Kube, namespace: str, claim: str = DATA) -> str:
    """Every file with its mode, owner, size, link and checksum."""
    script = (
        "cd /data && find . | sort | xargs stat -c '%n %f %u:%g %s' && find . -type f | sort"
        " | xargs sha256sum && readlink a/link"
    )
    return run(kube, namespace, "read", claim, script)


def run(kube: Kube, namespace: str, name: str, claim: str, script: str) -> str:
    """Run a shell script in a pod that has a claim at /data, as the workload's user would."""
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
    mount = {"name": "data", "mountPath": "/data"}
    manifest = pod(name, ["sh", "-ec", script], volumes=[volume], mounts=[mount])
    kube.kubectl("delete", f"--namespace={namespace}", "pod", name, "--ignore-not-found")
    kube.apply(namespace, manifest)
    return kube.finish(namespace, name)


def compile_and_apply(
    kube: Kube,
    namespace: str,
    folder: Path,
    *,
    backend: Json = None,
    keep: int = 2,
    is_strict: bool = False,
) -> None:
    """Write a project, build it, apply what it renders; the rest as ``compile_project``."""
    rendered = compile_project(namespace, folder, backend=backend, keep=keep, is_strict=is_strict)
    kube.kubectl("apply", "--server-side", f"--kustomize={rendered}")


def apply_plain(kube: Kube, namespace: str, folder: Path) -> None:
    """What KubeStash's guide has people write, as 65534, and the grant that comes with us."""
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": ["grant"],
    }
    # kustomize takes only what is below its own folder.
    (folder / "grant").mkdir()
    for path in (DEPLOY / "namespace").iterdir():
        (folder / "grant" / path.name).write_bytes(path.read_bytes())
    (folder / "kustomization.yaml").write_text(emit(kustomization), encoding="utf-8")
    kube.kubectl("apply", f"--kustomize={folder}")
    kube.apply(namespace, *plain_manifests(namespace))


def restore(kube: Kube, namespace: str, name: str, repository: str, snapshot: str) -> Json:
    """Restore into the volume itself, and wait for the end."""
    target = {
        "apiGroup": "",
        "kind": "PersistentVolumeClaim",
        "name": DATA,
        "namespace": namespace,
    }
    session = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "RestoreSession",
        "metadata": {"name": name},
        "spec": {
            "target": target,
            "dataSource": {
                "repository": repository,
                "snapshot": snapshot,
                "encryptionSecret": {"name": KEY, "namespace": namespace},
            },
            "addon": {
                "name": "pvc-addon",
                "tasks": [{"name": "logical-backup-restore"}],
                "jobTemplate": _AS_NOBODY,
            },
        },
    }
    kube.apply(namespace, session)
    kube.wait_until(lambda: _phase(kube, namespace, "restoresession", name) in _ENDS, seconds=300)
    return kube.get(namespace, "restoresession", name)


def back_up(kube: Kube, namespace: str, configuration: str, session: str, name: str) -> Json:
    """Create a BackupSession as a trigger does, and wait for the end."""
    cron_job = f"cronjob/trigger-{configuration}-{session}"
    before = set(names(kube, namespace, "backupsessions"))
    kube.kubectl("create", f"--namespace={namespace}", "job", name, f"--from={cron_job}")
    kube.wait_until(lambda: set(names(kube, namespace, "backupsessions")) - before)
    (made,) = set(names(kube, namespace, "backupsessions")) - before
    return finished_backup(kube, namespace, made)


def initial_backup(kube: Kube, namespace: str) -> Json:
    """The BackupSession that a new configuration begins with, once it has succeeded."""
    kube.wait_until(lambda: names(kube, namespace, "backupsessions"))
    (name,) = names(kube, namespace, "backupsessions")
    done = finished_backup(kube, namespace, name)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    return done


def initial_upkeep(kube: Kube, namespace: str) -> None:
    """Wait for the first upkeep of each Repository, which follows its first backup."""

    def is_over(repository: str) -> bool:
        status = kube.get(namespace, "repository", repository).get("status", {})
        upkeep = status.get("upkeep") or {}
        is_running = not (upkeep.get("executor") or {}).get("ended")
        return bool(upkeep.get("lastCheckTime") and upkeep.get("lastPruneTime")) and not is_running

    for repository in names(kube, namespace, "repositories"):
        kube.wait_until(partial(is_over, repository))


def finished_backup(kube: Kube, namespace: str, name: str) -> Json:
    """A BackupSession once it has ended and its retention too."""
    kube.wait_until(lambda: _phase(kube, namespace, "backupsession", name) in _ENDS, seconds=300)

    def is_retained() -> bool:
        status = kube.get(namespace, "backupsession", name)["status"]
        retention = status.get("retentionPolicy") or []
        is_good = status["phase"] == "Succeeded"
        return not is_good or any(item["phase"] != "Pending" for item in retention)

    kube.wait_until(is_retained, seconds=300)
    return kube.get(namespace, "backupsession", name)


def names(kube: Kube, namespace: str, kind: str) -> list[str]:
    """The names of a kind's objects, sorted."""
    text = kube.kubectl("get", f"--namespace={namespace}", kind, "--output=json")
    return sorted(item["metadata"]["name"] for item in json.loads(text)["items"])


def wait_for_phase(kube: Kube, namespace: str, kind: str, name: str, phase: str) -> None:
    """Wait until an object has a phase; the failure shows its status."""
    try:
        kube.wait_until(lambda: _phase(kube, namespace, kind, name) == phase, seconds=300)
    except AssertionError:
        status = kube.get(namespace, kind, name).get("status")
        msg = f"{kind} {name} is not {phase}: {json.dumps(status, indent=1)}"
        raise AssertionError(msg) from None


_ENDS = {"Succeeded", "Failed", "Skipped", "Invalid"}
_AS_NOBODY = {"spec": {"securityContext": {"runAsUser": NOBODY, "runAsGroup": NOBODY}}}


def _phase(kube: Kube, namespace: str, kind: str, name: str) -> str | None:
    status: Mapping[str, str] = kube.get(namespace, kind, name).get("status") or {}
    return status.get("phase")


def key_secret() -> Json:
    data = {"RESTIC_PASSWORD": base64.b64encode(b"for the tests").decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEY}, "data": data}


def plain_manifests(namespace: str) -> list[Json]:
    """A local storage, a retention policy and one session, as KubeStash's guide has them."""
    group, version = "kubestash.com", "v1alpha1"
    local = {"mountPath": "/kubestash/storage", "persistentVolumeClaim": {"claimName": STORE}}
    policy = {"name": "demo-retention", "namespace": namespace}
    return [
        {
            "apiVersion": f"storage.{group}/{version}",
            "kind": "BackupStorage",
            "metadata": {"name": "local-storage"},
            "spec": {
                "storage": {"provider": "local", "local": local},
                "usagePolicy": {"allowedNamespaces": {"from": "All"}},
                "default": True,
                "deletionPolicy": "Delete",
            },
        },
        {
            "apiVersion": f"storage.{group}/{version}",
            "kind": "RetentionPolicy",
            "metadata": {"name": "demo-retention"},
            "spec": {
                "default": True,
                "failedSnapshots": {"last": 2},
                "maxRetentionPeriod": "2mo",
                "successfulSnapshots": {"last": 2},
                "usagePolicy": {"allowedNamespaces": {"from": "Same"}},
            },
        },
        {
            "apiVersion": f"core.{group}/{version}",
            "kind": "BackupConfiguration",
            "metadata": {"name": "library-backup"},
            "spec": {
                "target": {
                    "apiGroup": "",
                    "kind": "PersistentVolumeClaim",
                    "name": DATA,
                    "namespace": namespace,
                },
                "backends": [
                    {
                        "name": "local-backend",
                        "storageRef": {"name": "local-storage", "namespace": namespace},
                        "retentionPolicy": policy,
                    }
                ],
                "sessions": [
                    {
                        "name": "frequent-backup",
                        "sessionHistoryLimit": 2,
                        "scheduler": {"schedule": "0 3 * * *", "jobTemplate": {"backoffLimit": 1}},
                        "repositories": [
                            {
                                "name": "local-repository",
                                "backend": "local-backend",
                                "directory": "/library",
                                "encryptionSecret": {"name": KEY, "namespace": namespace},
                            }
                        ],
                        "addon": {
                            "name": "pvc-addon",
                            "tasks": [{"name": "logical-backup"}],
                            "jobTemplate": _AS_NOBODY,
                        },
                    }
                ],
            },
        },
    ]
