"""A restore in git on a real cluster: it happens once, into the volume itself or into a new one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stashgen.api.base import format_time
from tests.cluster import installation
from tests.cluster.installation import Json
from tests.cluster.kube import Kube, KubeError
from tests.support.compiled_project import DATA

NEW = "library-restored"
NEW_CLAIM: Json = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": NEW},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def request(repository: str, name: str, claim: str, mode: str) -> Json:
    """A request whose nonce is its name."""
    return {
        "apiVersion": "stashgen.dev/v1alpha1",
        "kind": "RestoreRequest",
        "metadata": {
            "name": name,
            "annotations": {
                "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
                "kustomize.toolkit.fluxcd.io/prune": "disabled",
            },
        },
        "spec": {
            "nonce": name,
            "notAfter": format_time(datetime.now(UTC) + timedelta(minutes=10)),
            "repository": repository,
            "snapshot": "latest",
            "target": {"name": claim},
            "mode": mode,
            "onMissing": "Fail",
            "reason": "the e2e",
        },
    }


def succeeded(kube: Kube, namespace: str, wanted: Json) -> Json:
    """Apply a request and wait for its end, at last as a person would; returns its status."""
    name = wanted["metadata"]["name"]
    kube.apply(namespace, wanted)
    installation.wait_for_phase(kube, namespace, "restorerequest", name, "Succeeded")
    kube.kubectl("wait", f"--namespace={namespace}", f"rr/{name}", "--for=condition=Ready")
    return kube.get(namespace, "restorerequest", name)["status"]


@pytest.mark.usefixtures("installed")
def test_a_requested_restore_happens_once_whatever_a_syncer_does(
    kube: Kube, namespace: str, tmp_path: Path
) -> None:
    installation.prepare(kube, namespace)
    before = installation.tree(kube, namespace)
    installation.compile_and_apply(kube, namespace, tmp_path)
    installation.initial_backup(kube, namespace)
    (repository,) = installation.names(kube, namespace, "repositories")

    installation.run(kube, namespace, "wipe", DATA, "rm -rf /data/*")
    in_place = request(repository, "in-place-1", DATA, "Overwrite")
    done = succeeded(kube, namespace, in_place)
    assert installation.tree(kube, namespace) == before
    shown = kube.kubectl("get", f"--namespace={namespace}", "rr", "--no-headers")
    assert shown.split()[:5] == ["in-place-1", repository, done["snapshot"], DATA, "Succeeded"]

    # The kubelet gives a new volume to the workload's group when the workload mounts it.
    kube.apply(namespace, NEW_CLAIM)
    installation.run(kube, namespace, "write", NEW, "true")
    succeeded(kube, namespace, request(repository, "aside-01", NEW, "OnlyIfEmpty"))
    assert installation.tree(kube, namespace, NEW) == before

    # Work goes on; then the request is pruned and added again, at last without any trace of it.
    installation.write(kube, namespace, "worked on since")
    since = installation.tree(kube, namespace)
    kube.kubectl("delete", f"--namespace={namespace}", "rr", "in-place-1")
    assert "restoredBefore" not in succeeded(kube, namespace, in_place)
    assert installation.tree(kube, namespace) == since

    kube.kubectl("delete", f"--namespace={namespace}", "rr", "in-place-1")
    session = ("restoresession", done["restoreSession"])
    kube.kubectl("delete", f"--namespace={namespace}", *session)
    again = succeeded(kube, namespace, in_place)
    assert again["restoredBefore"]
    assert installation.tree(kube, namespace) == since
    (ready,) = [item for item in again["conditions"] if item["type"] == "Ready"]
    assert ready["reason"] == "RestoredBefore"
    assert ready["message"].endswith("nothing was written this time")

    with pytest.raises(KubeError, match="a request is one act"):
        kube.apply(namespace, request(repository, "in-place-1", NEW, "Overwrite"))
