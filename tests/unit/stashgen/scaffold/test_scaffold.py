"""What ``stashgen init`` makes of a repository."""

from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from stashgen.scaffold.files import Plan, plan
from stashgen.scaffold.survey import Survey, survey
from stashgen.yaml.documents import Document, read_documents
from tests.support.project import claim

_FLUX_ROOT = """
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {path: ./clusters/NAME, sourceRef: {kind: GitRepository, name: platform}}
"""
_APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: gitops}
spec:
  project: apps
  source: {repoURL: "https://git.example.com/a.git", path: apps/shop, targetRevision: main}
  destination: {server: "https://10.0.0.1"}
"""
_RESTRICTED = """
apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {pod-security.kubernetes.io/enforce: restricted}}
"""
_WORKLOAD = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: demo}
spec:
  template: {spec: {securityContext: {runAsUser: 568}}}
  volumeClaimTemplates: [{metadata: {name: data}}]
"""


def _survey(**files: str) -> Survey:
    """Of files by path; two underscores are a slash."""
    found: list[Document] = []
    for name, text in sorted(files.items()):
        path = PurePosixPath(f"{name.replace('__', '/')}.yaml")
        found += read_documents(text.encode(), path, dirty=True).value
    return survey(found)


def _plan(found: Survey, *existing: str, name: str = "repo") -> Plan:
    return plan(found, name, existing, "{}\n")


def _project(planned: Plan) -> dict[str, object]:
    spec = yaml.safe_load(planned.files[PurePosixPath("stashgen.yaml")])["spec"]
    assert isinstance(spec, dict)
    return spec


def _clusters(planned: Plan) -> list[Any]:
    clusters = _project(planned)["clusters"]
    assert isinstance(clusters, list)
    return clusters


def _manifests(planned: Plan) -> list[list[str]]:
    return [cluster["inventory"][0]["manifests"] for cluster in _clusters(planned)]


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("", ()),
        ("- a\n- list\n", ()),
        ("kind: [x]\napiVersion: {}\nspec: 3\n", ()),
        (_FLUX_ROOT.replace("./clusters/NAME", "[1]"), ("Flux",)),
        (_APPLICATION.replace("path: apps/shop, ", ""), ("Argo CD",)),
        ("{{ not: yaml", ()),
        ("apiVersion: apps/v1\nkind: StatefulSet\nspec: {template: null}\n", ()),
    ],
)
def test_strange_documents_are_looked_at_and_passed_over(text: str, tools: tuple[str, ...]) -> None:
    found = _survey(strange=text)
    assert found.tools == tools
    assert found.flux is None or "Flux" in tools
    assert _plan(found).files


def test_an_empty_repository_is_told_to_name_its_manifests() -> None:
    planned = _plan(_survey())
    assert any("there are no manifests yet" in text for text in planned.decisions)


def test_plain_manifests_are_one_cluster_with_all_top_level_names() -> None:
    found = _survey(apps__a=claim("data"), extra__b__c=claim("x"), root=claim("y"))
    assert (found.volumes, found.clusters[0].name) == (3, "main")
    assert _manifests(_plan(found)) == [["apps", "extra", "root.yaml"]]


def test_flux_roots_are_clusters_and_what_they_share_is_left_to_people() -> None:
    roots = {f"clusters__{name}__sync": _FLUX_ROOT.replace("NAME", name) for name in ("a", "b")}
    found = _survey(**roots, apps__shop=claim("data"))
    planned = _plan(found)
    assert _manifests(planned) == [["clusters/a"], ["clusters/b"]]
    assert any("which cluster has the manifests in apps" in text for text in planned.decisions)
    excluded = [one["inventory"][0]["exclude"] for one in _clusters(planned)]
    assert excluded == [["clusters/a/stashgen.yaml"], ["clusters/b/stashgen.yaml"]]
    glue = planned.files[PurePosixPath("clusters/b/stashgen.yaml")]
    assert yaml.safe_load(glue)["spec"]["path"] == "rendered/b/_flux"
    assert yaml.safe_load(glue)["spec"]["sourceRef"]["name"] == "platform"


def _flux(path: str, **source: str) -> str:
    ref = {"kind": "GitRepository", "name": "flux-system"} | source
    return (
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        "metadata: {name: apps, namespace: flux-system}\n"
        f"spec: {{path: {path}, sourceRef: {ref}}}\n"
    )


def _resources(*paths: str) -> str:
    kind = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    return f"{kind}resources: {[*paths]}\n"


def test_a_cluster_has_what_its_kustomizations_build() -> None:
    roots = {f"clusters__{name}__sync": _FLUX_ROOT.replace("NAME", name) for name in ("a", "b")}
    planned = _plan(
        _survey(
            **roots,
            clusters__a__apps=_flux("./apps/a"),
            clusters__b__apps=_flux("./apps/b"),
            apps__a__kustomization=_resources("../base/shop", "patch.yaml"),
            apps__a__patch=claim("more"),
            apps__b__kustomization=_resources("../base/shop", "../base/wiki"),
            apps__base__shop__kustomization=_resources("data.yaml"),
            apps__base__shop__data=claim("shop"),
            apps__base__wiki__data=claim("wiki"),
            apps__base__unused__data=claim("unused"),
        )
    )
    assert _manifests(planned) == [
        ["apps/a", "apps/base/shop", "clusters/a"],
        ["apps/b", "apps/base/shop", "apps/base/wiki", "clusters/b"],
    ]
    assert any("manifests in apps/base/unused: add" in text for text in planned.decisions)


def test_files_that_share_objects_are_clusters() -> None:
    application = _APPLICATION.replace("path: apps/shop", "path: apps/NAME")
    found = _survey(
        clusters__prod=application.replace("NAME", "prod"),
        clusters__test=application.replace("NAME", "test").replace("10.0.0.1", "10.0.0.2"),
        apps__prod__data=claim("data"),
        apps__test__data=claim("data"),
    )
    planned = _plan(found)
    assert [one["name"] for one in _clusters(planned)] == ["prod", "test"]
    assert _manifests(planned) == [
        ["apps/prod", "clusters/prod.yaml"],
        ["apps/test", "clusters/test.yaml"],
    ]
    made = [
        yaml.safe_load(planned.files[PurePosixPath(f"clusters/stashgen-backups-{name}.yaml")])
        for name in ("prod", "test")
    ]
    assert [one["spec"]["source"]["path"] for one in made] == ["rendered/prod", "rendered/test"]
    servers = [one["spec"]["destination"]["server"] for one in made]
    assert servers == ["https://10.0.0.1", "https://10.0.0.2"]
    apart = _survey(clusters__a=claim("a"), clusters__b=claim("b"))
    assert [one.name for one in apart.clusters] == ["main"]


def test_an_application_of_another_cluster_is_no_example_of_a_destination() -> None:
    planned = _plan(
        _survey(
            argo__shop=_APPLICATION,
            clusters__prod__data=claim("data"),
            clusters__test__data=claim("data"),
        )
    )
    made = yaml.safe_load(planned.files[PurePosixPath("argo/stashgen-backups-prod.yaml")])
    assert made["spec"]["destination"] == {"name": "prod"}
    assert any("Argo CD calls the cluster prod" in text for text in planned.decisions)


@pytest.mark.parametrize("name", ["instance", "release"])
def test_the_folder_of_flux_operator_gets_the_output(name: str) -> None:
    sync = "sync: {kind: GitRepository, path: kubernetes/cluster, url: 'https://git.example.com/a'}"
    instances = {
        "instance": "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\n"
        f"metadata: {{name: flux, namespace: flux-system}}\nspec: {{{sync}}}\n",
        "release": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
        f"metadata: {{name: flux-instance}}\nspec: {{values: {{instance: {{{sync}}}}}}}\n",
    }
    planned = _plan(
        _survey(
            kubernetes__apps__flux=instances[name],
            kubernetes__cluster__apps=_flux("./kubernetes/apps", name="flux-system"),
        )
    )
    (cluster,) = _clusters(planned)
    assert (cluster["name"], cluster["flux"]) == ("main", {"source": "flux-system"})
    glue = yaml.safe_load(planned.files[PurePosixPath("kubernetes/cluster/stashgen.yaml")])
    assert glue["spec"]["path"] == "rendered/main/_flux"
    assert "{flux: kubernetes/cluster}" in planned.files[PurePosixPath("stashgen.yaml")]


def test_where_flux_begins_is_asked_if_nothing_says_so() -> None:
    planned = _plan(_survey(apps__shop=_flux("./apps/shop", name="home")))
    (cluster,) = _clusters(planned)
    assert cluster["flux"] == {"source": "home"}
    assert any("apply rendered/main/_flux to cluster main" in text for text in planned.decisions)
    planned = _plan(_survey(apps__shop=_flux("./apps/shop", kind="OCIRepository")))
    assert "flux" not in _clusters(planned)[0]
    assert any("flux: {source: NAME}" in text for text in planned.decisions)


def test_charts_and_their_values_belong_to_the_cluster() -> None:
    found = _survey(
        apps__wiki__Chart="apiVersion: v2\nname: wiki\nversion: 1.0.0\n",
        apps__wiki__values="wiki: {persistence: {data: {size: 1Gi}}}\n",
        system__argo__Chart="apiVersion: v2\nname: argo\ndependencies: [{name: argo-cd}]\n",
        values__mail="persistence: {enabled: true, size: 1Gi}\n",
        hosts__all="kitchen: {lamp: 1}\n",
    )
    assert found.tools == ("Argo CD", "Helm")
    assert _manifests(_plan(found)) == [["apps", "system", "values"]]


def test_what_is_beside_the_folders_of_clusters_is_left_to_people() -> None:
    found = _survey(
        clusters__a__data=claim("data"),
        clusters__b__data=claim("data"),
        clusters__c=claim("other"),
        apps__shop__data=claim("shop"),
    )
    assert [one.name for one in found.clusters] == ["a", "b"]
    assert found.unassigned == ("apps", "clusters/c.yaml")


def test_the_only_cluster_has_everything() -> None:
    root = _FLUX_ROOT.replace("NAME", "home")
    found = _survey(clusters__home__sync=root, apps__shop=claim("data"))
    assert (found.clusters[0].name, found.unassigned) == ("home", ())
    assert _manifests(_plan(found)) == [["apps", "clusters/home"]]


def test_the_application_is_like_those_that_are_there() -> None:
    planned = _plan(_survey(argo__shop=_APPLICATION, apps__shop__a=claim("data")))
    made = yaml.safe_load(planned.files[PurePosixPath("argo/stashgen-backups.yaml")])
    assert made["metadata"] == {"name": "stashgen-backups", "namespace": "gitops"}
    assert made["spec"]["project"] == "apps"
    assert made["spec"]["source"] == {
        "repoURL": "https://git.example.com/a.git",
        "targetRevision": "main",
        "path": "rendered/main",
        "directory": {
            "recurse": True,
            "exclude": "{kustomization.yaml,*/kustomization.yaml}",
        },
    }
    assert made["spec"]["destination"] == {"server": "https://10.0.0.1"}


def test_an_applicationset_alone_leaves_the_address_to_people() -> None:
    sets = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all}\n"
    planned = _plan(_survey(sets=sets, apps__a=claim("data")))
    assert any("set repoURL" in text for text in planned.decisions)


@pytest.mark.parametrize(("workload", "user"), [("", 1000), (_WORKLOAD, 568)])
def test_where_root_is_refused_backups_run_as_the_workloads(workload: str, user: int) -> None:
    planned = _plan(_survey(apps__a=_RESTRICTED, apps__b=workload or claim("data")))
    assert _project(planned)["defaults"] == {
        "encryption": {"secretName": "restic-key"},
        "job": {"runAs": {"from": "workload", "else": {"user": user}}},
    }
    assert any(f"backed up as user {user}" in text for text in planned.decisions)


def test_folders_of_others_are_not_taken_for_policies_and_output() -> None:
    planned = _plan(_survey(apps__a=claim("data")), "policies", "rendered", "apps")
    assert PurePosixPath("backup-policies/storage.yaml") in planned.files
    assert _project(planned)["policies"] == ["backup-policies"]
    assert _project(planned)["output"] == "rendered-backups"


def test_a_configuration_of_pre_commit_is_left_to_people() -> None:
    planned = _plan(_survey(apps__a=claim("data")), ".pre-commit-config.yaml")
    assert PurePosixPath(".pre-commit-config.yaml") not in planned.files
    assert any("stashgen-check" in text for text in planned.decisions)


@pytest.mark.parametrize("name", ["", "-", "Ünï code", "123", "true", "x" * 300, "a: b #c"])
def test_names_become_what_kubernetes_takes(name: str) -> None:
    roots = {f"clusters__{one}__sync": claim("data") for one in ("1", "Prod EU", "prod.eu", "true")}
    planned = _plan(_survey(**roots), name=name)
    data = yaml.safe_load(planned.files[PurePosixPath("stashgen.yaml")])
    assert isinstance(data["metadata"]["name"], str)
    clusters = data["spec"]["clusters"]
    assert len({cluster["id"] for cluster in clusters}) == 4
    assert [cluster["name"] for cluster in clusters] == ["1", "prod-eu", "prod-eu-2", "true"]


def test_files_point_editors_to_their_schema() -> None:
    planned = _plan(_survey(apps__a=claim("data")))
    for path in ("stashgen.yaml", "policies/storage.yaml", "policies/default.yaml"):
        first = planned.files[PurePosixPath(path)].partition("\n")[0]
        up = "../" * path.count("/")
        assert first == f"# yaml-language-server: $schema={up}.stashgen/schema.json"
