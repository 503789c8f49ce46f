"""What is recorded of what the sources render, and in which order."""

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from stashgen.diagnostics import ToolError
from stashgen.inventory import collect
from stashgen.model.recorded import cluster_of
from stashgen.model.source import Source
from stashgen.policy.project import HelmSource, RecordSource
from stashgen.recorder.record import differences, record_of
from stashgen.recorder.rendered import Rendered, all_rendered, read_objects
from stashgen.recorder.sources import rendered_folders
from stashgen.yaml.documents import read_documents
from tests.support.project import PROJECT, claim, documents, namespace

RECORD = PurePosixPath("inventory/demo.yaml")


def rendered(text: str, **more: Any) -> tuple[Rendered, ...]:
    return all_rendered(read_objects(text.encode(), "test"), **more)


def recorded(*sources: str, **more: Any) -> list[Any]:
    made = record_of("dem1", [rendered(text, **more) for text in sources], "out")
    assert cluster_of(made.content) == "dem1"
    return [one for one in yaml.safe_load_all(made.content) if one]


def collected(content: bytes, *, is_record: bool) -> tuple[set[str], set[str]]:
    """The names of the volumes, and of what is unknown."""
    read = read_documents(content, RECORD, dirty=True)
    assert read.findings == ()
    (project,) = documents(PROJECT, "stashgen.yaml")
    records = frozenset({RECORD} if is_record else ())
    found = collect(Source(project, (), {"dem1": read.value}, records=records)).value
    return (
        {f"{one.key.namespace}/{one.key.name}" for one in found.volumes},
        {f"{one.namespace}/{one.name}" for one in found.unknown},
    )


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        ("", "no output"),
        (" \n", "no output"),
        ("[{}]", "cannot be read"),
        ("error: no such host", "without apiVersion and kind"),
        ("a: [", "cannot be read"),
        ('{"apiVersion": "v1", "kind": "List", "items": [1]}', "without apiVersion and kind"),
        ("kind: PersistentVolumeClaim", "without apiVersion and kind"),
        ("\x00", "cannot be read"),
    ],
)
def test_what_is_no_manifest_is_refused(printed: str, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        read_objects(printed.encode(), "kubectl get pvc")


def test_an_empty_list_is_a_cluster_without_volumes() -> None:
    assert recorded('{"apiVersion": "v1", "kind": "List", "items": []}') == []


def test_values_of_secrets_are_never_recorded() -> None:
    secret = """
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: demo, annotations: {note: hunter2}}
data: {password: aHVudGVyMg==}
stringData: {user: hunter2}
"""
    (found,) = recorded(secret)
    assert "hunter2" not in json.dumps(found)
    assert "aHVudGVyMg" not in json.dumps(found)
    assert found["stringData"].keys() == {"password", "user"}
    assert recorded(secret, is_live=True) == []


def test_helm_values_that_are_about_no_claim_are_left_out() -> None:
    (found,) = recorded(
        """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  destination: {namespace: shop}
  source:
    chart: shop
    helm:
      values: |
        password: hunter2
        persistence: {enabled: true, size: 5Gi}
      parameters:
      - {name: auth.token, value: hunter2}
      - {name: cache.persistence.enabled, value: "true"}
"""
    )
    assert "hunter2" not in json.dumps(found)
    assert "persistence" in json.dumps(found)


def test_what_applies_a_folder_that_is_rendered_is_left_out() -> None:
    application = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec: {source: {path: apps/shop/overlays/prod}}
"""
    chart = "charts/service"
    sources = (
        RecordSource(kustomize="apps/shop/overlays/prod"),
        RecordSource(helm=HelmSource(chart=chart, release="a", namespace="b")),
    )
    folders = rendered_folders(sources)
    for path in ("apps/shop/overlays/prod", f"./{chart}/"):
        text = application.replace("apps/shop/overlays/prod", path)
        assert len(recorded(text)) == 1
        assert record_of("dem1", [rendered(text)], "out", folders).objects == {}
    for path in ("out", "out/demo", "./out/demo/_flux"):
        assert recorded(application.replace("apps/shop/overlays/prod", path)) == []
    other = application.replace("prod", "staging")
    assert record_of("dem1", [rendered(other)], "out", folders).objects == {"Application": 1}


def test_what_no_build_reads_is_left_out() -> None:
    texts = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: demo}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {claimName: data}",
        "apiVersion: core.kubestash.com/v1alpha1\nkind: BackupSession\nmetadata: {name: a}",
        (
            "apiVersion: core.kubestash.com/v1alpha1\nkind: BackupConfiguration\n"
            "metadata: {name: a, namespace: demo, annotations: {stashgen.dev/rendered: 'true'}}"
        ),
        "apiVersion: stashgen.dev/v1alpha1\nkind: RestoreRequest\nmetadata: {name: a}",
    )
    assert recorded("\n---\n".join(texts)) == []


def test_what_changes_by_itself_is_left_out() -> None:
    (found,) = recorded(
        """
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  namespace: demo
  uid: 11
  resourceVersion: "7"
  creationTimestamp: "2026-01-01T00:00:00Z"
  generation: 4
  managedFields: []
  labels: {b: x, a: "012", pod-template-hash: 6c}
  annotations: {pv.kubernetes.io/bind-completed: "yes", stashgen.dev/policy: gold}
spec:
  volumeName: pvc-11
  storageClassName: fast
  accessModes: [ReadWriteOnce]
status: {phase: Bound}
"""
    )
    assert found == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data",
            "namespace": "demo",
            "labels": {"a": "012", "b": "x"},
            "annotations": {"stashgen.dev/policy": "gold"},
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast"},
    }


def test_ephemeral_claims_and_owned_pods_are_left_out() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: demo, ownerReferences: "
    claims = claim("web-1-tmp", more="ownerReferences: [{kind: Pod, name: web-1}]")
    owner = "\n---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web, namespace: demo}"
    owned = pod + "[{kind: ReplicaSet, name: web}]}"
    assert [one["kind"] for one in recorded(owned + owner + "\n" + claims)] == ["ReplicaSet"]
    assert [one["kind"] for one in recorded(owned)] == ["Pod"]


def test_an_object_of_two_sources_is_recorded_once_as_the_first_has_it() -> None:
    first, second = claim("data", more="labels: {a: b}"), claim("data", more="labels: {a: c}")
    made = record_of("dem1", [rendered(first), rendered(second), rendered(second)], "out")
    assert [one["metadata"]["labels"] for one in yaml.safe_load_all(made.content)] == [{"a": "b"}]
    assert made.differing == ("PersistentVolumeClaim demo/data",)
    same = record_of("dem1", [rendered(first), rendered(first)], "out")
    assert same.differing == ()


def test_the_order_of_objects_and_keys_changes_nothing() -> None:
    texts = [claim("b"), claim("a"), claim("a", "other"), namespace("other"), namespace("demo")]
    one = record_of("dem1", [rendered("".join(texts))], "out")
    other = record_of("dem1", [rendered("".join(reversed(texts)))], "out")
    assert one == other
    turned = "spec: {accessModes: [ReadWriteMany]}\nmetadata: {namespace: demo, name: a}\n"
    turned += "kind: PersistentVolumeClaim\napiVersion: v1\n"
    alone = record_of("dem1", [rendered(turned)], "out")
    assert alone == record_of("dem1", [rendered(claim("a"))], "out")


def test_differences_name_each_object() -> None:
    old = record_of("dem1", [rendered(claim("a") + claim("b") + claim("c"))], "out").content
    changed = claim("b", more="labels: {new: label}")
    new = record_of("dem1", [rendered(claim("a") + changed + claim("d"))], "out").content
    assert [(one.subject, one.what) for one in differences(old, new)] == [
        ("PersistentVolumeClaim demo/d", "is not in the record"),
        ("PersistentVolumeClaim demo/b", "differs from its sources"),
        ("PersistentVolumeClaim demo/c", "is in no source any more"),
    ]
    assert differences(old, old) == []


# Each mentions volumes in its own way; the record must say of them what the manifest says.
MANIFESTS = {
    "claims": claim("data") + claim("cache") + namespace("demo"),
    "stateful-set": """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: demo}
spec:
  replicas: 2
  ordinals: {start: 3}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates: [{metadata: {name: data, labels: {a: b}}, spec: {}}]
""",
    "cron-job": """
apiVersion: batch/v1
kind: CronJob
metadata: {name: dump, namespace: demo}
spec: {jobTemplate: {spec: {template: {spec: {volumes: [
  {name: a, persistentVolumeClaim: {claimName: dumps}},
  {name: b, ephemeral: {volumeClaimTemplate: {spec: {}}}}, {name: c, emptyDir: {}}]}}}}}
""",
    "rollout": """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: demo}
spec: {template: {spec: {containers: [{name: web}],
  volumes: [{name: a, persistentVolumeClaim: {claimName: pages}}]}}}
""",
    "helm-release": """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: wiki, namespace: demo}
spec:
  releaseName: notes
  targetNamespace: home
  values:
    env: {PASSWORD: x}
    persistence:
      config: {existingClaim: wiki-config}
      media: {enabled: true, size: 5Gi}
      off: {enabled: false, size: 1Gi}
""",
    "helm-chart": """
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: shop, namespace: kube-system}
spec: {targetNamespace: demo, valuesContent: "persistence: {enabled: true}\\n"}
""",
    "application": """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  destination: {namespace: demo}
  sources:
  - {path: apps/shop}
  - {chart: shop, helm: {releaseName: store, parameters: [{name: persistence.size, value: 5Gi}]}}
""",
    "application-set": """
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: all, namespace: argocd}
spec: {template: {metadata: {name: shop}, spec: {destination: {namespace: demo},
  source: {helm: {valuesObject: {persistence: {enabled: true}}}}}}}
""",
    "kustomization": """
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: elsewhere, namespace: flux-system}
spec: {path: ./apps, components: [../part], targetNamespace: demo,
  sourceRef: {kind: GitRepository, name: other}, postBuild: {substitute: {APP: wiki, KEY: x}}}
""",
    "resource-set": """
apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSet
metadata: {name: all, namespace: demo}
spec:
  resourcesTemplate: |
    apiVersion: v1
    kind: Secret
    stringData: {password: hunter2}
    ---
    apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: << inputs.app >>}
""",
    "operators": """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg, namespace: demo}
spec: {storage: {size: 5Gi}, walStorage: {size: 1Gi}}
---
apiVersion: volsync.backube/v1alpha1
kind: ReplicationSource
metadata: {name: rs, namespace: demo}
spec: {sourcePVC: files, restic: {repository: secret}}
---
apiVersion: k8up.io/v1
kind: Schedule
metadata: {name: nightly, namespace: empty}
spec: {backend: {repoPasswordSecretRef: {name: x}}}
---
apiVersion: cdi.kubevirt.io/v1beta1
kind: DataVolume
metadata: {name: disk, namespace: demo}
spec: {}
---
apiVersion: kopiur.dev/v1
kind: SnapshotPolicy
metadata: {name: k, namespace: demo}
spec: {sources: [{pvc: {name: photos, namespace: media}}]}
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: s, namespace: demo}
spec: {source: {persistentVolumeClaimName: disk2}, class: x}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv1}
spec: {claimRef: {kind: PersistentVolumeClaim, name: bound, namespace: media, uid: 1}}
---
apiVersion: core.kubestash.com/v1alpha1
kind: BackupConfiguration
metadata: {name: theirs, namespace: demo}
spec: {target: {apiGroup: "", kind: PersistentVolumeClaim, name: theirs, namespace: demo}}
""",
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_record_says_of_volumes_what_the_manifests_say(name: str) -> None:
    text = MANIFESTS[name].encode()
    record = record_of("dem1", [rendered(MANIFESTS[name])], "out").content
    volumes, unknown = collected(text, is_record=False)
    assert volumes | unknown, "the manifests have no volume"
    assert collected(record, is_record=True) == (volumes, unknown)


def test_templates_of_manifests_are_not_recorded() -> None:
    assert "hunter2" not in _flat(recorded(MANIFESTS["resource-set"]))


def test_values_in_a_config_map_count() -> None:
    config = """
apiVersion: v1
kind: ConfigMap
metadata: {name: values, namespace: demo}
data: {values.yaml: "persistence: {enabled: true}", other: "persistence: {b: {size: 1Gi}}"}
"""
    release = """---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: wiki, namespace: demo}
spec:
  valuesFrom: [{kind: ConfigMap, name: values}, {kind: Secret, name: secret}]
  values: {password: hunter2}
"""
    content = record_of("dem1", [rendered(config + release)], "out").content
    assert collected(content, is_record=True) == (set(), {"demo/wiki"})
    assert b"hunter2" not in content


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_record_of_a_record_is_the_same(name: str) -> None:
    once = record_of("dem1", [rendered(MANIFESTS[name])], "out")
    assert record_of("dem1", [rendered(once.content.decode())], "out") == once


def _flat(objects: Iterable[Any]) -> str:
    return json.dumps([*objects])


@pytest.mark.parametrize(
    ("kind", "replicas", "kept"),
    [("Deployment", 3, None), ("Deployment", 0, 0), ("StatefulSet", 3, 3), ("StatefulSet", 0, 0)],
)
def test_an_autoscaler_changes_no_record(kind: str, replicas: int, kept: int | None) -> None:
    text = f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: a}}\n"
    (found,) = recorded(f"{text}spec: {{replicas: {replicas}, template: {{}}}}")
    assert found["spec"].get("replicas") == kept


def test_programs_of_workloads_are_left_out() -> None:
    deployment = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo}
spec:
  template:
    spec:
      securityContext: {runAsUser: 1000}
      initContainers: [{name: init, image: x, restartPolicy: Always}]
      containers:
      - name: web
        image: example.com/web
        command: [serve, --password=hunter2]
        env: [{name: PASSWORD, value: hunter2}]
        securityContext: {runAsUser: 33}
        volumeMounts: [{name: data, mountPath: /d}, {name: conf, mountPath: /c}]
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: data}}
      - {name: conf, configMap: {name: web}}
"""
    found = _flat(recorded(deployment))
    for word in ("hunter2", "image", "command", "conf"):
        assert word not in found
    for word in ("runAsUser", "33", "1000", "restartPolicy", "data"):
        assert word in found
