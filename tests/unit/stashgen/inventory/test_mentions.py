"""Claims that manifests only mention are unknown by name, and defined ones are not reported."""

import pytest

from stashgen.diagnostics import Outcome
from stashgen.inventory import collect
from stashgen.model.inventory import Inventory
from stashgen.model.source import Source
from tests.support.project import claim, codes, documents

_POD = "spec: {volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}"
_EPHEMERAL = "volumes: [{name: v, ephemeral: {volumeClaimTemplate: {}}}]"
_KOPIUR = "kopiur.home-operations.com/v1alpha1"
_SNAPSHOTS = "snapshot.storage.k8s.io/v1"
_VOLSYNC = "volsync.backube/v1alpha1"
_HELM = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: app, namespace: demo}
"""
_ARGO = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: app, namespace: argocd}
"""
_PARAMETER = "{name: a.existingClaim, value: data}"
_LOCAL = "{provider: local, local: {persistentVolumeClaim: {claimName: store}}}"
_TEMPLATE = "{spec: {resources: {requests: {storage: 1Gi}}}}"
_TO_DEMO = "destination: {namespace: demo}"


def _collect(
    *texts: str, path: str = "{}.yaml", project: str = "kind: Project"
) -> Outcome[Inventory]:
    found = [one for index, text in enumerate(texts) for one in documents(text, path.format(index))]
    (root,) = documents(project, "stashgen.yaml")
    return collect(Source(project=root, policies=(), manifests={"dem1": tuple(found)}))


def _unknown(outcome: Outcome[Inventory]) -> list[str]:
    return [f"{one.namespace}/{one.name}" for one in outcome.value.unknown]


def _object(version: str, kind: str, spec: str) -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: app, namespace: demo}}\n{spec}"


@pytest.mark.parametrize(
    "text",
    [
        _object("v1", "Pod", _POD),
        _object("apps/v1", "Deployment", f"spec: {{template: {{{_POD}}}}}"),
        _object("apps/v1", "StatefulSet", f"spec: {{template: {{{_POD}}}}}"),
        _object("apps/v1", "DaemonSet", f"spec: {{template: {{{_POD}}}}}"),
        _object("batch/v1", "Job", f"spec: {{template: {{{_POD}}}}}"),
        _object(
            "batch/v1", "CronJob", f"spec: {{jobTemplate: {{spec: {{template: {{{_POD}}}}}}}}}"
        ),
        _object("argoproj.io/v1alpha1", "Rollout", f"spec: {{template: {{{_POD}}}}}"),
        _object(_VOLSYNC, "ReplicationSource", "spec: {sourcePVC: data}"),
        _object(_VOLSYNC, "ReplicationDestination", "spec: {rsync: {destinationPVC: data}}"),
        _object(_KOPIUR, "SnapshotPolicy", "spec: {sources: [{pvc: {name: data}}]}"),
        _object("k8up.io/v1", "Restore", "spec: {restoreMethod: {folder: {claimName: data}}}"),
        _object(_SNAPSHOTS, "VolumeSnapshot", "spec: {source: {persistentVolumeClaimName: data}}"),
        _object("v1", "PersistentVolume", "spec: {claimRef: {name: data, namespace: demo}}"),
        _object("cdi.kubevirt.io/v1beta1", "DataVolume", "spec: {}").replace(
            "name: app", "name: data"
        ),
        _HELM + "spec: {values: {persistence: {config: {existingClaim: data}}}}",
        _HELM.replace("name: app", "name: data")
        + "spec: {values: {persistence: {config: {existingClaim: '{{ .Release.Name }}'}}}}",
        _HELM + "spec: {releaseName: da, values: {a: {existingClaim: '{{.Release.Name}}ta'}}}",
        _HELM + "spec: {values: {a: {b: [{existingClaim: data}]}}}",
        _ARGO + f"spec: {{{_TO_DEMO}, source: {{helm: {{values: 'existingClaim: data'}}}}}}",
        _ARGO + f"spec: {{{_TO_DEMO}, source: {{helm: {{parameters: [{_PARAMETER}]}}}}}}",
        _ARGO.replace("kind: Application", "kind: ApplicationSet")
        + "spec: {template: {spec: {destination: {namespace: demo},"
        " sources: [{helm: {valuesObject: {persistence: {existingClaim: data}}}}]}}}",
        _object(
            "helm.cattle.io/v1",
            "HelmChart",
            "spec: {targetNamespace: demo, valuesContent: 'persistence: {existingClaim: data}'}",
        ),
    ],
)
def test_named_claim_is_unknown_until_it_is_defined(text: str) -> None:
    outcome = _collect(text)
    assert _unknown(outcome) == ["demo/data"]
    assert codes(outcome.findings) == ["SG506"]
    assert 'volume "demo/data" is unknown' in outcome.findings[0].what
    defined = _collect(text, claim("data"))
    assert defined.findings == ()
    assert _unknown(defined) == []
    elsewhere = _collect(text, claim("data", "other"))
    assert _unknown(elsewhere) == ["demo/data"]


@pytest.mark.parametrize(
    ("text", "name", "defined"),
    [
        (_HELM + "spec: {values: {persistence: {enabled: true}}}", "app", "app"),
        (_HELM + "spec: {values: {persistence: {data: {size: 1Gi}}}}", "app-data", "app"),
        (
            _HELM + "spec: {releaseName: x, values: {db: {persistence: {size: 1Gi}}}}",
            "x-db",
            "x-db",
        ),
        (_HELM + "spec: {values: {server: {persistentVolume: {size: 1Gi}}}}", "app-server", "app"),
        (_HELM + "spec: {values: {persistence: true}}", "app", "app"),
        (
            _object("postgresql.cnpg.io/v1", "Cluster", "spec: {storage: {size: 1Gi}}"),
            "app-*",
            "app-1",
        ),
        (
            _object("k8s.mariadb.com/v1alpha1", "MariaDB", "spec: {storage: {size: 1Gi}}"),
            "app-*",
            "storage-app-0",
        ),
        (_object("k8up.io/v1", "Schedule", "spec: {}"), "*", "anything"),
        (_object("v1", "Pod", f"spec: {{{_EPHEMERAL}}}"), "app-v", "app-v"),
        (
            _object("apps/v1", "Deployment", f"spec: {{template: {{spec: {{{_EPHEMERAL}}}}}}}"),
            "app-*-v",
            "app-5d-x7-v",
        ),
        (
            _object(
                "monitoring.coreos.com/v1",
                "Prometheus",
                f"spec: {{storage: {{volumeClaimTemplate: {_TEMPLATE}}}}}",
            ),
            "app-*",
            "prometheus-app-db-prometheus-app-0",
        ),
    ],
)
def test_claim_that_something_makes_is_unknown_until_it_is_listed(
    text: str, name: str, defined: str
) -> None:
    outcome = _collect(text)
    assert _unknown(outcome) == [f"demo/{name}"]
    assert codes(outcome.findings) == ["SG506"]
    assert _collect(text, claim(defined)).findings == ()


@pytest.mark.parametrize(
    "text",
    [
        _HELM + "spec: {values: {persistence: {enabled: false, size: 1Gi}}}",
        _HELM + "spec: {values: {db: {enabled: false, persistence: {size: 1Gi}}}}",
        _HELM + "spec: {values: {persistence: {a: {type: emptyDir}, b: {type: nfs}}}}",
        _HELM + "spec: {values: {persistence: {a: {existingClaim: ''}, enabled: false}}}",
        _object("v1", "ConfigMap", "data: {a: 'existingClaim: x'}"),
        _object(
            "storage.kubestash.com/v1alpha1",
            "BackupStorage",
            f"spec: {{storage: {_LOCAL}}}",
        ),
        "image: {tag: 1}\nreplicas: 3",
        "apiVersion: v2\nname: chart",
    ],
)
def test_what_makes_no_claim_costs_no_line(text: str) -> None:
    outcome = _collect(text, path="Chart.yaml" if "v2" in text else "{}.yaml")
    assert outcome.findings == ()
    assert _unknown(outcome) == []


@pytest.mark.parametrize(
    "path", ["rendered", "rendered/demo", "./rendered/demo/", "rendered/demo/_flux"]
)
def test_what_applies_our_own_output_stands_for_no_volume(path: str) -> None:
    application = _ARGO + f"spec: {{source: {{path: {path}}}, {_TO_DEMO}}}"
    flux = f"spec: {{path: {path}, sourceRef: {{kind: GitRepository, name: flux-system}}}}"
    flux = _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", flux)
    project = "kind: Project\nspec: {clusters: [{name: demo}]}"
    for text in (application, flux):
        found = _collect(text, project=project)
        assert found.findings == ()
        assert _unknown(found) == []
        assert _unknown(_collect(text.replace("rendered", "elsewhere"), project=project))


def test_claim_that_many_mention_is_reported_once_with_the_other_places() -> None:
    text = _object("v1", "Pod", _POD)
    outcome = _collect(*[text] * 6)
    assert codes(outcome.findings) == ["SG506"]
    assert [str(place.path) for place in outcome.findings[0].related] == [
        "1.yaml",
        "2.yaml",
        "3.yaml",
    ]
    assert _unknown(outcome) == ["demo/data"]


def test_mention_of_a_claim_that_has_its_own_finding_adds_none() -> None:
    bare = claim("'${APP}'").replace(", namespace: demo", "")
    pod = _object("v1", "Pod", _POD.replace("data", "'${APP}'")).replace(", namespace: demo", "")
    assert codes(_collect(bare, pod).findings) == ["SG501"]


def test_workload_and_claim_of_one_folder_without_a_namespace_belong_together() -> None:
    pod = _object("v1", "Pod", _POD).replace(", namespace: demo", "")
    assert _collect(pod, claim("data")).findings == ()
    assert _unknown(_collect(pod, claim("data"), path="{0}/{0}.yaml")) == ["/data"]


def test_reference_follows_the_name_that_a_kustomization_gives_the_claim() -> None:
    kustomization = "resources: [0.yaml, 1.yaml]\nnamespace: demo\nnamePrefix: x-"
    texts = (_object("v1", "Pod", _POD), claim("data"), "resources: [0.yaml, 1.yaml]")
    found = [
        one for index, text in enumerate(texts[:2]) for one in documents(text, f"{index}.yaml")
    ]
    found += documents(kustomization, "kustomization.yaml")
    (project,) = documents("kind: Project", "stashgen.yaml")
    outcome = collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))
    assert outcome.findings == ()
    assert [one.key.name for one in outcome.value.volumes] == ["x-data"]


@pytest.mark.parametrize(
    "text",
    [
        _HELM + "spec: {values: [3, {persistence: [a]}, null]}",
        _HELM + "spec: {values: '{{{', releaseName: [a]}",
        _HELM + "spec: 3",
        _ARGO + "spec: {source: [], sources: {a: b}, destination: x}",
        _ARGO + "spec: {source: {helm: {parameters: [3, {name: 'a.b', value: 1}, {}]}}}",
        _ARGO + "spec: {source: {helm: {parameters: [{name: a, value: 1}, {name: 'a.b.c'}]}}}",
        _ARGO + "spec: {source: {helm: {parameters: [{name: '" + "a." * 500 + "'}]}}}",
        _object(_KOPIUR, "SnapshotPolicy", "spec: {sources: [{pvc: {name: 3}}]}"),
        _object("v1", "Pod", "spec: {volumes: {a: {claimName: [x]}}}"),
        _object("postgresql.cnpg.io/v1", "Cluster", "spec: [a]").replace("name: app", "name: [x]"),
        "persistence: {a: {b: {c: 3}}}",
    ],
)
def test_strange_manifest_is_no_crash(text: str) -> None:
    outcome = _collect(text, claim("good"))
    assert [one.key.name for one in outcome.value.volumes] == ["good"]


def test_claims_in_the_text_of_a_custom_resource_are_unknown() -> None:
    template = "    kind: PersistentVolumeClaim\n    metadata: {name: << inputs.app >>}\n"
    spec = f"spec:\n  resourcesTemplate: |\n    apiVersion: v1\n{template}"
    outcome = _collect(
        _object("fluxcd.controlplane.io/v1", "ResourceSet", spec),
        _object("v1", "ConfigMap", f"data:\n  all: |\n{template}"),
        _object(
            "fluxcd.controlplane.io/v1", "ResourceSet", "spec: {note: 'a PersistentVolumeClaim'}"
        ).replace("name: app", "name: other"),
    )
    assert _unknown(outcome) == ["demo/app-*"]
