"""Manifests of any shape never end in an exception, and findings have a place and a remedy."""

from pathlib import PurePosixPath

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stashgen.diagnostics import Position
from stashgen.inventory import collect
from stashgen.model.source import Source
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_KEYS = st.sampled_from(
    [
        "name",
        "namespace",
        "labels",
        "spec",
        "template",
        "volumes",
        "persistentVolumeClaim",
        "claimName",
        "ephemeral",
        "volumeClaimTemplate",
        "volumeClaimTemplates",
        "replicas",
        "ordinals",
        "start",
        "selector",
        "matchLabels",
        "resources",
        "requests",
        "storage",
        "size",
        "persistence",
        "existingClaim",
        "enabled",
        "type",
        "values",
        "helm",
        "valuesContent",
        "valuesObject",
        "parameters",
        "source",
        "sources",
        "path",
        "destination",
        "sourcePVC",
        "pvc",
        "$patch",
        "patches",
        "patch",
        "target",
        "components",
        "bases",
        "namePrefix",
        "pairs",
        "postBuild",
        "substitute",
        "APP",
        "sourceRef",
        "targetNamespace",
        "items",
        "kustomize",
        "directory",
        "recurse",
        "patchesStrategicMerge",
        "helmCharts",
        "count",
        "valuesInline",
        "accessModes",
        "claimRef",
        "commonLabels",
        "metadata",
    ]
)
_KINDS = st.sampled_from(
    [
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Namespace"),
        ("v1", "List"),
        ("v1", "Pod"),
        ("apps/v1", "StatefulSet"),
        ("kustomize.config.k8s.io/v1beta1", "Kustomization"),
        ("kustomize.config.k8s.io/v1alpha1", "Component"),
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
        ("argoproj.io/v1alpha1", "Application"),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        ("postgresql.cnpg.io/v1", "Cluster"),
        ("k8up.io/v1", "Schedule"),
        ("", ""),
    ]
)
_TEXTS = st.sampled_from(
    ["a", "b", "${A}", "{{ x }}", "a.yaml", "../a", "./", "", "delete", "((", "a: [", "- op: add"]
)
_SCALARS = st.one_of(_TEXTS, st.none(), st.booleans(), st.integers(-2, 5), st.just(1.5))
_ANY: st.SearchStrategy[Json] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=5)),
    max_leaves=12,
)
_NAMED: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b", "${A}"]), "namespace": st.sampled_from(["a", None])}
)
_PATHS = st.sampled_from(
    ["a/a.yaml", "a/kustomization.yaml", "b/kustomization.yaml", "b/c/d.yaml", "values.yaml"]
)


@st.composite
def _document(draw: st.DrawFn) -> Document:
    version, kind = draw(_KINDS)
    data = draw(st.dictionaries(_KEYS, _ANY, max_size=4))
    data |= {"apiVersion": version, "kind": kind, "spec": draw(_ANY)}
    data["metadata"] = draw(st.one_of(_NAMED, _ANY))
    data["resources"] = [*draw(st.lists(_TEXTS, max_size=3))]
    path = PurePosixPath(draw(_PATHS))
    return Document(data, path, 0, 0, Position(path))


@given(found=st.lists(_document(), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_manifests_of_any_shape_never_end_in_an_exception(found: list[Document]) -> None:
    source = Source(found[0], (), {"dem1": tuple(found)})
    outcome = collect(source)
    assert collect(source) == outcome
    assert list(outcome.value.unknown) == sorted(outcome.value.unknown)
    for finding in outcome.findings:
        assert finding.what
        assert finding.why
        assert finding.fix
