"""What counts as a volume, and what is reported because it might be one."""

from pathlib import PurePosixPath

import pytest

from stashgen.diagnostics import Outcome, Position, Severity
from stashgen.inventory import collect
from stashgen.model.inventory import Inventory, VolumeKey
from stashgen.model.source import Source
from stashgen.yaml.documents import Document, read_documents
from tests.support.project import claim, codes, documents, namespace


def _collect(*texts: str, dirty: bool = True) -> Outcome[Inventory]:
    """The files of cluster dem1, each given as text."""
    found: list[Document] = []
    for index, text in enumerate(texts):
        outcome = read_documents(text.encode(), PurePosixPath(f"{index}.yaml"), dirty=dirty)
        assert outcome.findings == ()
        found += outcome.value
    (project,) = documents("kind: Project", "stashgen.yaml")
    return collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))


def _names(inventory: Inventory) -> list[tuple[str, str]]:
    return [(volume.key.namespace, volume.key.name) for volume in inventory.volumes]


def test_claims_are_sorted_by_identity_whatever_the_order_of_files() -> None:
    outcome = _collect(claim("b", "z") + claim("c", "a"), claim("a", "z"))
    assert outcome.findings == ()
    assert _names(outcome.value) == [("a", "c"), ("z", "a"), ("z", "b")]


def test_volume_has_labels_access_modes_and_place() -> None:
    (volume,) = _collect("# one\n" + claim("library", more="labels: {tier: gold}")).value.volumes
    assert volume.key == VolumeKey("dem1", "demo", "library")
    assert volume.labels == {"tier": "gold"}
    assert volume.access_modes == ("ReadWriteMany",)
    assert not volume.block
    assert str(volume.position) == "0.yaml:3:1"


def test_raw_device_is_known_as_one() -> None:
    text = claim("disk").replace("spec: {", "spec: {volumeMode: Block, ")
    assert [volume.block for volume in _collect(text).value.volumes] == [True]


def test_namespaces_have_their_labels() -> None:
    text = (
        namespace("demo", tier="gold")
        + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: a}}"
    )
    assert _collect(text).value.namespace_labels == {
        ("dem1", "a"): {},
        ("dem1", "demo"): {"tier": "gold"},
    }


@pytest.mark.parametrize("nested", [False, True])
def test_lists_are_taken_apart(nested: bool) -> None:
    item = "- {{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: {}, {}}}}}\n"
    items = "".join(item.format(name, "namespace: demo") for name in ("a", "'${B}'"))
    text = f"apiVersion: v1\nkind: List\nitems:\n{items}"
    if nested:
        inner = text.replace("\n", "\n  ")
        text = f"apiVersion: v1\nkind: List\nitems:\n- {inner}"
    outcome = _collect(text)
    assert _names(outcome.value) == [("demo", "a")]
    assert [finding.position.line for finding in outcome.findings] == [8 if nested else 5]


def test_typed_list_says_the_kind_of_its_items() -> None:
    outcome = _collect(
        "apiVersion: v1\nkind: PersistentVolumeClaimList\n"
        "items: [{metadata: {name: a, namespace: demo}}]"
    )
    assert _names(outcome.value) == [("demo", "a")]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ app }}'}",
        "apiVersion: example.com/v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}",
        "apiVersion: v1\nkind: List\nitems: []",
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {}",
        "replicas: 3",
    ],
)
def test_other_objects_are_passed_over(text: str) -> None:
    outcome = _collect(text)
    assert outcome.findings == ()
    assert outcome.value.volumes == ()
    assert outcome.value.unknown == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (claim("'${APP}'"), 'its name "${APP}" has an unresolved placeholder'),
        (claim("'{{ app }}'"), 'its name "{{ app }}" has an unresolved placeholder'),
        (
            claim("a", "'${NAMESPACE}'"),
            'its namespace "${NAMESPACE}" has an unresolved placeholder',
        ),
        (
            claim("a").replace(", namespace: demo", ""),
            "its metadata.namespace is missing or not a string",
        ),
        (claim("../a"), 'its name "../a" is not valid in Kubernetes'),
        (claim("a", "'/etc'"), 'its namespace "/etc" is not valid in Kubernetes'),
        (claim("a" * 254), "its name "),
        (claim("''"), "its metadata.name is missing or not a string"),
        (claim("a", more="labels: {a: 1}"), 'its label "a" is not a string'),
        (
            claim("a", more="labels: {a: '${A}'}"),
            'its label "a: ${A}" has an unresolved placeholder',
        ),
        (claim("a", more="labels: [a]"), "its labels are not a map"),
        ("apiVersion: v1\nkind: PersistentVolumeClaim", "it has no metadata"),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {}",
            "its metadata.name is missing or not a string",
        ),
        ("kind: Thing", "its apiVersion or kind is missing"),
        ("metadata: {name: a}", "its apiVersion or kind is missing"),
        (
            "apiVersion: v1\nkind: '{{ kind }}'",
            'its kind "{{ kind }}" has an unresolved placeholder',
        ),
        ("apiVersion: v1\nkind: List\nitems: [3]", "its apiVersion or kind is missing"),
        (
            "apiVersion: apps/v1\nkind: StatefulSet\nspec: {volumeClaimTemplates: [{}]}",
            "its metadata.name is missing or not a string",
        ),
    ],
)
def test_what_may_be_a_volume_and_is_not_understood_is_counted_and_reported(
    text: str, why: str
) -> None:
    outcome = _collect(text, claim("good"))
    assert _names(outcome.value) == [("demo", "good")]
    assert codes(outcome.findings) == ["SG501"]
    assert outcome.findings[0].severity is Severity.WARNING
    assert outcome.findings[0].why.startswith(why)
    (unknown,) = outcome.value.unknown or (None,)
    assert unknown is None or unknown.position == outcome.findings[0].position
    assert (unknown is None) == ("kind: Namespace" in text)


def test_claim_twice_and_equal_is_a_warning() -> None:
    outcome = _collect(claim("a"), claim("a"))
    assert _names(outcome.value) == [("demo", "a")]
    assert codes(outcome.findings) == ["SG502"]
    assert outcome.ok
    assert str(outcome.findings[0].position.path) == "1.yaml"
    assert [str(place.path) for place in outcome.findings[0].related] == ["0.yaml"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (claim("a"), claim("a", more="labels: {tier: gold}")),
        (claim("a"), claim("a").replace("ReadWriteMany", "ReadWriteOnce")),
        (claim("a"), claim("a").replace("spec: {", "spec: {volumeMode: Block, ")),
        (namespace("a", tier="gold"), namespace("a", tier="silver")),
    ],
)
def test_object_twice_and_different_is_an_error(first: str, second: str) -> None:
    outcome = _collect(first, second)
    assert codes(outcome.findings) == ["SG502"]
    assert not outcome.ok


def test_same_claim_in_two_clusters_is_two_volumes() -> None:
    (project,) = documents("kind: Project", "stashgen.yaml")
    manifests = {key: documents(claim("a"), f"{key}.yaml") for key in ("two", "one")}
    outcome = collect(Source(project=project, policies=(), manifests=manifests))
    assert outcome.findings == ()
    assert [volume.key.cluster_id for volume in outcome.value.volumes] == ["one", "two"]


def test_places_that_could_not_be_read_are_unknown_too() -> None:
    (project,) = documents("kind: Project", "stashgen.yaml")
    place = Position(PurePosixPath("chart.yaml"), 4, 10)
    source = Source(project=project, policies=(), manifests={}, unreadable=(place,))
    assert [one.position for one in collect(source).value.unknown] == [place]
