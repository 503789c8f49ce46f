"""What kustomizations, Flux and Argo CD make of a claim's manifest."""

from pathlib import PurePosixPath

import pytest

from stashgen.diagnostics import Outcome, Position
from stashgen.inventory import collect
from stashgen.model.inventory import Inventory
from stashgen.model.source import Source
from tests.support.project import claim, codes, documents

_BARE = claim("data").replace(", namespace: demo", "")
_FLUX = """
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: wiki, namespace: flux-system}
spec:
  path: ./apps/wiki
  sourceRef: {kind: GitRepository, name: flux-system}
"""
_ARGO = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: wiki, namespace: argocd}
spec:
  destination: {namespace: demo}
  source: {path: apps/wiki}
"""


def _collect(files: dict[str, str], *unreadable: str) -> Outcome[Inventory]:
    found = [one for path, text in sorted(files.items()) for one in documents(text, path)]
    (project,) = documents("kind: Project", "stashgen.yaml")
    positions = tuple(Position(PurePosixPath(path)) for path in unreadable)
    return collect(Source(project, (), {"dem1": tuple(found)}, unreadable=positions))


def _names(outcome: Outcome[Inventory]) -> list[str]:
    return [f"{one.key.namespace}/{one.key.name}" for one in outcome.value.volumes]


def _unknown(outcome: Outcome[Inventory]) -> list[str]:
    return [f"{one.namespace}/{one.name}" for one in outcome.value.unknown]


def _folder(kustomization: str, text: str = _BARE) -> Outcome[Inventory]:
    """A folder with a kustomization that lists its only manifest."""
    return _collect(
        {"a/kustomization.yaml": f"resources: [b.yaml]\n{kustomization}", "a/b.yaml": text}
    )


@pytest.mark.parametrize(
    ("kustomization", "expected"),
    [
        ("namespace: demo", "demo/data"),
        ("namespace: demo\nnamePrefix: x-", "demo/x-data"),
        ("namespace: demo\nnamePrefix: x-\nnameSuffix: -y", "demo/x-data-y"),
        ("namespace: demo\npatches: [{patch: '[]', target: {kind: Deployment}}]", "demo/data"),
        (
            (
                "namespace: demo\npatches: [{target: {kind: PersistentVolumeClaim},"
                " patch: '[{op: replace, path: /spec/resources/requests/storage, value: 2Gi}]'}]"
            ),
            "demo/data",
        ),
        (
            (
                "namespace: demo\npatches: [{target: {kind: PersistentVolumeClaim, name: other},"
                " patch: '[{op: remove, path: /metadata/labels}]'}]"
            ),
            "demo/data",
        ),
    ],
)
def test_what_is_certain_is_taken_as_kustomize_makes_it(kustomization: str, expected: str) -> None:
    outcome = _folder(kustomization)
    assert outcome.findings == ()
    assert _names(outcome) == [expected]


@pytest.mark.parametrize(
    "kustomization",
    [
        "patches: [{path: nowhere.yaml}]",
        (
            "patches: [{patch: '[{op: replace, path: /metadata/name, value: b}]',"
            " target: {name: d.*}}]"
        ),
        (
            "patches: [{patch: '[{op: add, path: /metadata/labels/a, value: b}]',"
            " target: {kind: PersistentVolumeClaim}}]"
        ),
        "patches: [{patch: 'kind: PersistentVolumeClaim\n\n\n  x', target: {labelSelector: a=b}}]",
        "patches: [{patch: '[]x', target: {kind: '(('}}]",
        (
            "patchesStrategicMerge: ['{kind: PersistentVolumeClaim, metadata: {name: data,"
            " labels: {a: b}}}']"
        ),
        "transformers: [a.yaml]",
        "replacements: [{path: r.yaml}]",
    ],
)
def test_what_may_change_a_claim_makes_it_unknown_by_name(kustomization: str) -> None:
    outcome = _folder(f"namespace: demo\n{kustomization}")
    assert codes(outcome.findings) == ["SG507"]
    assert _names(outcome) == []
    assert _unknown(outcome) == ["demo/data"]


@pytest.mark.parametrize(
    "patch",
    [
        "patches: [{path: p.yaml}]",
        "patchesStrategicMerge: [p.yaml]",
        "namePrefix: x-\npatches: [{path: p.yaml}]",
    ],
)
def test_deleted_claim_is_not_there(patch: str) -> None:
    text = f"$patch: delete\n{_BARE.removeprefix('---')}"
    outcome = _collect(
        {
            "a/kustomization.yaml": f"resources: [b.yaml]\nnamespace: demo\n{patch}",
            "a/b.yaml": _BARE,
            "a/p.yaml": text,
        }
    )
    assert outcome.findings == ()
    assert outcome.value.volumes == ()
    assert outcome.value.unknown == ()


def test_labels_that_a_kustomization_adds_are_the_claims() -> None:
    text = "namespace: demo\ncommonLabels: {a: b}\nlabels: [{pairs: {c: d}}]"
    outcome = _folder(text, claim("data", more="labels: {a: x, e: f}"))
    assert [one.labels for one in outcome.value.volumes] == [{"a": "b", "c": "d", "e": "f"}]


def test_outer_kustomization_has_the_last_word() -> None:
    outcome = _collect(
        {
            "base/kustomization.yaml": "namespace: one\nnamePrefix: a-\nresources: [claim.yaml]",
            "base/claim.yaml": _BARE,
            "over/kustomization.yaml": "namespace: two\nnamePrefix: b-\nbases: [../base]",
        }
    )
    assert outcome.findings == ()
    assert _names(outcome) == ["two/b-a-data"]


def test_file_that_the_kustomization_beside_it_does_not_list_is_unknown() -> None:
    outcome = _collect({"a/kustomization.yaml": "resources: []", "a/b.yaml": claim("data")})
    assert codes(outcome.findings) == ["SG507"]
    assert _unknown(outcome) == ["demo/data"]


def test_two_overlays_are_one_claim_each_only_if_something_applies_both() -> None:
    files = {
        "base/kustomization.yaml": "resources: [claim.yaml]",
        "base/claim.yaml": _BARE,
        "apps/wiki/kustomization.yaml": "namespace: one\nresources: [../../base]",
        "apps/shop/kustomization.yaml": "namespace: two\nresources: [../../base]",
    }
    outcome = _collect(files)
    assert codes(outcome.findings) == ["SG507"]
    assert _unknown(outcome) == ["one/data", "two/data"]
    assert _names(_collect(files | {"one.yaml": _FLUX})) == ["one/data"]
    both = {"one.yaml": _FLUX, "two.yaml": _FLUX.replace("wiki", "shop")}
    assert _names(_collect(files | both)) == ["one/data", "two/data"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("  targetNamespace: demo", "demo/data"),
        ("  targetNamespace: demo\n  namePrefix: x-", "demo/x-data"),
    ],
)
def test_flux_kustomization_is_the_outermost_one(more: str, expected: str) -> None:
    files = {"apps/wiki/pvc.yaml": _BARE, "ks.yaml": _FLUX + more}
    assert _names(_collect(files)) == [expected]
    files["apps/wiki/kustomization.yaml"] = "resources: [pvc.yaml]\nnamespace: inner"
    assert _names(_collect(files)) == [expected]


@pytest.mark.parametrize(
    ("name", "substitute", "expected"),
    [
        ("${APP}", "{APP: wiki}", "demo/wiki"),
        ("${CLAIM:=${APP}}-x", "{APP: wiki}", "demo/wiki-x"),
        ("${CLAIM:-data}", "{APP: wiki}", "demo/data"),
        ("${CLAIM:-data}", "{CLAIM: 1}", "demo/1"),
    ],
)
def test_flux_variables_are_filled_in(name: str, substitute: str, expected: str) -> None:
    more = f"  targetNamespace: demo\n  postBuild: {{substitute: {substitute}}}"
    text = _BARE.replace("name: data", f"name: '{name}'")
    outcome = _collect({"apps/wiki/pvc.yaml": text, "ks.yaml": _FLUX + more})
    assert outcome.findings == ()
    assert _names(outcome) == [expected]


@pytest.mark.parametrize(
    "more",
    [
        "  postBuild: {substitute: {OTHER: a}}",
        "  postBuild: {substitute: {OTHER: a}, substituteFrom: [{kind: ConfigMap, name: a}]}",
        "",
    ],
)
def test_variable_that_flux_takes_from_elsewhere_stays_unknown(more: str) -> None:
    text = _BARE.replace("name: data", "name: '${APP:=x}'" if "From" in more else "name: '${APP}'")
    spec = f"  targetNamespace: demo\n{more}"
    outcome = _collect({"apps/wiki/pvc.yaml": text, "ks.yaml": _FLUX + spec})
    assert codes(outcome.findings) == ["SG501"]
    assert len(outcome.value.unknown) == 1


def test_flux_component_brings_a_claim_to_each_that_names_it() -> None:
    files = {
        "parts/keep/kustomization.yaml": "kind: Component\n"
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [pvc.yaml]",
        "parts/keep/pvc.yaml": _BARE.replace("name: data", "name: '${APP}'"),
    }
    for app in ("one", "two"):
        files[f"apps/{app}/kustomization.yaml"] = "resources: []"
        files[f"{app}.yaml"] = _FLUX.replace("wiki", app) + (
            f"  targetNamespace: demo\n  components: [../../parts/keep]\n"
            f"  postBuild: {{substitute: {{APP: {app}}}}}"
        )
    outcome = _collect(files)
    assert outcome.findings == ()
    assert _names(outcome) == ["demo/one", "demo/two"]


def test_switched_off_flux_kustomization_applies_nothing() -> None:
    files = {
        "apps/kustomization.yaml": "resources: [other/ks.yaml]",
        "apps/wiki/ks.yaml": f"{_FLUX}  targetNamespace: demo".replace(
            "apps/wiki", "apps/wiki/app"
        ),
        "apps/wiki/app/pvc.yaml": _BARE,
    }
    assert _names(_collect(files)) == []
    files["apps/kustomization.yaml"] = "resources: [wiki/ks.yaml]"
    assert _names(_collect(files)) == ["demo/data"]


def test_path_of_another_repository_is_not_taken_for_a_folder_of_this_one() -> None:
    other = _FLUX.replace("./apps/wiki", "./").replace("name: flux-system}", "name: elsewhere}")
    files = {"pvc.yaml": claim("data"), "ks.yaml": f"{other}  targetNamespace: wrong"}
    outcome = _collect(files)
    assert _names(outcome) == ["demo/data"]
    assert codes(outcome.findings) == ["SG506"]


def test_argo_cd_sets_the_namespace_of_what_has_none() -> None:
    assert _names(_collect({"apps/wiki/pvc.yaml": _BARE, "app.yaml": _ARGO})) == ["demo/data"]
    other = claim("data", "other")
    assert _names(_collect({"apps/wiki/pvc.yaml": other, "app.yaml": _ARGO})) == ["other/data"]
    deeper = _collect({"apps/wiki/deep/pvc.yaml": _BARE, "app.yaml": _ARGO})
    assert codes(deeper.findings) == ["SG501"]
    recursive = _ARGO.replace("path: apps/wiki", "path: apps/wiki, directory: {recurse: true}")
    assert _names(_collect({"apps/wiki/deep/pvc.yaml": _BARE, "app.yaml": recursive})) == [
        "demo/data"
    ]


_SET = """
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: apps, namespace: argocd}
spec:
  generators:
  - git: {directories: [{path: "apps/*"}, {path: apps/old, exclude: true}]}
  template:
    metadata: {name: "{{path.basename}}"}
    spec:
      destination: {namespace: "{{path.basename}}"}
      source: {path: "{{path}}"}
"""


@pytest.mark.parametrize(
    "text", [_SET, _SET.replace("{{path}}", "{{ .path.path }}").replace("{{path.", "{{.path.")]
)
def test_application_set_over_folders_sets_the_namespace_of_each(text: str) -> None:
    files = {f"apps/{app}/pvc.yaml": _BARE for app in ("wiki", "chat", "old")}
    outcome = _collect({**files, "set.yaml": text})
    assert _names(outcome) == ["chat/data", "wiki/data"]
    # What is excluded is in no namespace.
    assert codes(outcome.findings) == ["SG501"]


def test_application_set_of_a_list_sets_the_namespace_of_each() -> None:
    elements = "list: {elements: [{app: wiki, space: demo}, {app: chat, space: other}]}"
    text = (
        _SET.replace(_SET[_SET.index("git:") : _SET.index("  template:")], f"{elements}\n")
        .replace("{{path}}", "apps/{{app}}")
        .replace('namespace: "{{path.basename}}"', 'namespace: "{{ space }}"')
    )
    files = {f"apps/{app}/pvc.yaml": _BARE for app in ("wiki", "chat")}
    assert _names(_collect({**files, "set.yaml": text})) == ["demo/data", "other/data"]


def test_application_set_of_folders_that_are_not_here_is_unknown() -> None:
    outcome = _collect({"set.yaml": _SET})
    assert codes(outcome.findings) == ["SG506"]
    assert [one.name for one in outcome.value.unknown] == ["apps"]


def test_application_set_of_a_generator_that_is_not_followed_is_unknown() -> None:
    files = {"apps/wiki/pvc.yaml": _BARE}
    text = _SET.replace(_SET[_SET.index("git:") : _SET.index("  template:")], "clusters: {}\n")
    outcome = _collect({**files, "set.yaml": text})
    assert _names(outcome) == []
    assert sorted(codes(outcome.findings)) == ["SG501", "SG506"]


def test_application_set_of_the_output_stands_for_no_volume() -> None:
    outcome = _collect({"set.yaml": _SET.replace("apps/*", "rendered/prod/*")})
    assert outcome.findings == ()
    assert outcome.value.unknown == ()


def test_namespace_is_renamed_with_what_is_in_it() -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {tier: gold}}"
    outcome = _folder("namespace: demo\nnamePrefix: x-", text)
    assert outcome.value.namespace_labels == {("dem1", "demo"): {"tier": "gold"}}


def test_kustomizations_that_include_each_other_end() -> None:
    files = {
        "a/kustomization.yaml": "resources: [../b, claim.yaml]",
        "a/claim.yaml": claim("data"),
        "b/kustomization.yaml": "resources: [../a]",
    }
    assert _names(_collect(files)) == ["demo/data"]


def test_exploding_kustomizations_are_unknown_and_quick() -> None:
    files = {"k0/claim.yaml": claim("data"), "k0/kustomization.yaml": "resources: [claim.yaml]"}
    for level in range(1, 30):
        for side in "ab":
            below = [f"../k{level - 1}{other}" for other in "ab"] if level > 1 else ["../k0"]
            files[f"k{level}{side}/kustomization.yaml"] = f"resources: [{', '.join(below)}]"
    outcome = _collect(files)
    assert codes(outcome.findings) == ["SG507"]
    assert [one.name for one in outcome.value.unknown] == ["data"]


def test_long_chain_of_kustomizations_is_unknown() -> None:
    files = {"k0/claim.yaml": claim("data"), "k0/kustomization.yaml": "resources: [claim.yaml]"}
    for level in range(1, 200):
        files[f"k{level}/kustomization.yaml"] = f"resources: [../k{level - 1}]"
    assert codes(_collect(files).findings) == ["SG507"]


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: 3",
        "resources: [3, {}, '', 'https://example.com/a', ../../../out, /abs]",
        "namespace: [a]\nlabels: 3\npatches: {a: b}\ncomponents: [null]\nreplicas: [3]",
        "patches: [null, 3, {}, {target: 3}, {patch: '\\x00'}]",
        "commonLabels: [a]\nhelmCharts: [3, {valuesInline: [a]}]",
    ],
)
def test_strange_kustomization_is_no_crash(kustomization: str) -> None:
    files = {"a/kustomization.yaml": kustomization, "other.yaml": claim("data")}
    assert _names(_collect(files)) == ["demo/data"]


def test_default_namespace_is_of_what_nothing_else_puts_in_one() -> None:
    texts = {
        "bare.yaml": _BARE,
        "own.yaml": claim("own", "mine"),
        "a/kustomization.yaml": "namespace: theirs\nresources: [set.yaml]",
        "a/set.yaml": _BARE.replace("name: data", "name: set"),
    }
    found = [one for path, text in sorted(texts.items()) for one in documents(text, path)]
    (project,) = documents("kind: Project", "stashgen.yaml")
    namespaces = {"dem1": {PurePosixPath(path): "apps" for path in texts}}
    source = Source(project, (), {"dem1": tuple(found)}, namespaces=namespaces)
    outcome = collect(source)
    assert outcome.findings == ()
    assert _names(outcome) == ["apps/data", "mine/own", "theirs/set"]


def test_nothing_beside_a_kustomization_that_cannot_be_read_is_as_written() -> None:
    outcome = _collect({"a/b.yaml": _BARE, "c/d.yaml": claim("other")}, "a/kustomization.yaml")
    assert _names(outcome) == ["demo/other"]
    (found,) = (one for one in outcome.findings if one.position.path.name == "b.yaml")
    assert "a/kustomization.yaml cannot be read" in f"{found.what} {found.why}"
