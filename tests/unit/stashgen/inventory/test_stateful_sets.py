"""The claims of a StatefulSet's templates."""

import pytest

from stashgen.diagnostics import Outcome
from stashgen.inventory import collect
from stashgen.model.inventory import Inventory
from stashgen.model.source import Source
from tests.support.project import claim, codes, documents


def _set(spec: str = "", template: str = "", name: str = "db") -> str:
    return (
        "---\napiVersion: apps/v1\nkind: StatefulSet\n"
        f"metadata: {{name: {name}, namespace: demo}}\n"
        f"spec:\n  selector: {{matchLabels: {{app: db}}}}\n{spec}"
        f"  volumeClaimTemplates:\n  - metadata: {{name: data{template}}}\n"
        "    spec: {accessModes: [ReadWriteOnce]}\n"
    )


def _collect(*texts: str) -> Outcome[Inventory]:
    found = [one for index, text in enumerate(texts) for one in documents(text, f"{index}.yaml")]
    (project,) = documents("kind: Project", "stashgen.yaml")
    return collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))


def _names(outcome: Outcome[Inventory]) -> list[str]:
    return [one.key.name for one in outcome.value.volumes]


@pytest.mark.parametrize(
    ("spec", "ordinals"),
    [
        ("", [0]),
        ("  replicas: 3\n", [0, 1, 2]),
        ("  replicas: 2\n  ordinals: {start: 5}\n", [5, 6]),
        ("  replicas: 0\n", []),
    ],
)
def test_every_replica_has_a_claim(spec: str, ordinals: list[int]) -> None:
    outcome = _collect(_set(spec))
    assert outcome.findings == ()
    assert _names(outcome) == [f"data-db-{ordinal}" for ordinal in ordinals]


def test_claim_has_the_template_s_place_and_labels_and_the_selector_s() -> None:
    (volume,) = _collect(_set(template=", labels: {tier: gold, app: x}")).value.volumes
    assert volume.labels == {"tier": "gold", "app": "db"}
    assert volume.access_modes == ("ReadWriteOnce",)
    assert str(volume.position) == "0.yaml:8:5"


def test_listed_claim_wins() -> None:
    listed = claim("data-db-1", more="labels: {own: label}")
    outcome = _collect(_set("  replicas: 3\n"), listed)
    assert outcome.findings == ()
    assert _names(outcome) == ["data-db-0", "data-db-1", "data-db-2"]
    assert [one.labels for one in outcome.value.volumes][1] == {"own": "label"}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("  replicas: '${N}'\n", 'its spec.replicas "${N}" is not a number of replicas'),
        ("  replicas: -1\n", 'its spec.replicas "-1" is not a number of replicas'),
        ("  replicas: true\n", 'its spec.replicas "True" is not a number of replicas'),
        ("  replicas: 2000000000\n", "it has more than 1000 replicas"),
        ("  ordinals: {start: a}\n", 'its spec.ordinals.start "a" is not a number of replicas'),
    ],
)
def test_set_that_is_not_understood_is_unknown_by_name(spec: str, why: str) -> None:
    outcome = _collect(_set(spec))
    assert codes(outcome.findings) == ["SG501"]
    assert outcome.findings[0].why.startswith(why)
    assert [(one.namespace, one.name) for one in outcome.value.unknown] == [("demo", "data-db-*")]


def test_two_sets_with_one_claim_are_reported() -> None:
    outcome = _collect(_set(), _set(template=", labels: {a: b}"))
    assert codes(outcome.findings) == ["SG502"]
    assert not outcome.ok


def test_kustomization_that_changes_the_replicas_or_the_name_is_followed() -> None:
    kustomization = "resources: [0.yaml]\nnamePrefix: x-\nreplicas: [{name: db, count: 2}]"
    found = [*documents(_set(), "0.yaml"), *documents(kustomization, "kustomization.yaml")]
    (project,) = documents("kind: Project", "stashgen.yaml")
    outcome = collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))
    assert _names(outcome) == ["data-x-db-0", "data-x-db-1"]


@pytest.mark.parametrize(
    ("patch", "known"),
    [
        ("{spec: {template: {spec: {nodeName: a}}}}", True),
        ("{spec: {replicas: 5}}", False),
        ("'[{op: replace, path: /spec/replicas, value: 3}]'", False),
        ("'[{op: add, path: /spec/template/metadata/labels/a, value: b}]'", True),
    ],
)
def test_patch_makes_a_set_unknown_only_if_it_may_change_its_claims(
    patch: str, *, known: bool
) -> None:
    text = patch if patch.startswith("'") else f"'{patch}'"
    kustomization = (
        f"resources: [0.yaml]\npatches: [{{target: {{kind: StatefulSet}}, patch: {text}}}]"
    )
    found = [*documents(_set(), "0.yaml"), *documents(kustomization, "kustomization.yaml")]
    (project,) = documents("kind: Project", "stashgen.yaml")
    outcome = collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))
    assert _names(outcome) == (["data-db-0"] if known else [])
    assert codes(outcome.findings) == ([] if known else ["SG507"])
