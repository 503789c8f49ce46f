"""The annotations of stashgen.dev on claims and namespaces, and the facts beside them."""

import pytest

from stashgen.diagnostics import Outcome
from stashgen.inventory import collect
from stashgen.model.inventory import Annotations, Inventory
from stashgen.model.source import Source
from tests.support.project import claim, codes, documents

_EVERY = "stashgen.dev/every"
_CLAIM = claim("data", more=f"annotations: {{{_EVERY}: 1h, other/key: x}}")


def _collect(kustomization: str | None, text: str = _CLAIM) -> Outcome[Inventory]:
    files = {"a/b.yaml": text}
    if kustomization is not None:
        files["a/kustomization.yaml"] = f"resources: [b.yaml]\n{kustomization}"
    found = [one for path, text in sorted(files.items()) for one in documents(text, path)]
    (project,) = documents("kind: Project", "stashgen.yaml")
    return collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))


def _asking(spec: str) -> str:
    """The claim, with more in its spec."""
    return _CLAIM.replace("spec: {", f"spec: {{{spec}, ")


def _values(said: Annotations) -> dict[str, str]:
    return {key: one.value for key, one in said.items()}


def test_only_ours_are_taken_each_with_its_line() -> None:
    (volume,) = _collect(None).value.volumes
    assert _values(volume.annotations) == {_EVERY: "1h"}
    origin = volume.annotations[_EVERY].origin
    assert (str(origin.position), origin.subject) == (
        "a/b.yaml:4:75",
        f'PersistentVolumeClaim/data metadata.annotations["{_EVERY}"]',
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [("true", "true"), ("7", "7"), ("null", ""), ("[x]", ""), ("{a: b}", "")],
)
def test_value_that_is_no_text_is_no_crash(written: str, expected: str) -> None:
    inventory = _collect(None, _CLAIM.replace("1h", written)).value
    assert _values(inventory.volumes[0].annotations) == {_EVERY: expected}


@pytest.mark.parametrize("annotations", ["[]", "text", "null", "{}"])
def test_strange_annotations_say_nothing(annotations: str) -> None:
    text = claim("data", more=f"annotations: {annotations}")
    assert _collect(None, text).value.volumes[0].annotations == {}


def test_a_kustomization_annotates_what_it_includes() -> None:
    inventory = _collect(f"commonAnnotations: {{{_EVERY}: 2h}}").value
    assert _values(inventory.volumes[0].annotations) == {_EVERY: "2h"}


@pytest.mark.parametrize(
    "patch",
    [
        f"{{kind: PersistentVolumeClaim, metadata: {{name: data, annotations: {{{_EVERY}: 5m}}}}}}",
        "[{op: add, path: /metadata/annotations/stashgen.dev~1every, value: 5m}]",
        f"[{{op: add, path: /metadata/annotations, value: {{{_EVERY}: 5m}}}}]",
    ],
)
def test_patch_of_our_annotations_makes_the_claim_unknown(patch: str) -> None:
    target = "target: {kind: PersistentVolumeClaim}"
    outcome = _collect(f"patches: [{{patch: '{patch}', {target}}}]")
    assert outcome.value.volumes == ()
    assert codes(outcome.findings) == ["SG507"]


def test_patch_of_the_size_or_the_class_makes_them_unknown() -> None:
    text = _asking("storageClassName: fast, resources: {requests: {storage: 1Gi}}")
    (plain,) = _collect(None, text).value.volumes
    assert (plain.storage_class, plain.size_bytes) == ("fast", 1024**3)
    patch = "[{op: replace, path: /spec/storageClassName, value: slow}]"
    outcome = _collect(
        f"patches: [{{patch: '{patch}', target: {{kind: PersistentVolumeClaim}}}}]", text
    )
    (volume,) = outcome.value.volumes
    assert (volume.storage_class, volume.size_bytes) == (None, None)


@pytest.mark.parametrize("size", ["${SIZE}", "1e9", "[]", "null", "-1"])
def test_size_that_cannot_be_read_is_unknown(size: str) -> None:
    text = _asking(f"storageClassName: fast, resources: {{requests: {{storage: '{size}'}}}}")
    (volume,) = _collect(None, text).value.volumes
    assert (volume.storage_class, volume.size_bytes) == ("fast", None)


def test_namespaces_that_differ_in_ours_are_an_error() -> None:
    first, second = (
        f"---\napiVersion: v1\nkind: Namespace\n"
        f"metadata: {{name: demo, annotations: {{{_EVERY}: {value}}}}}\n"
        for value in ("1h", "2h")
    )
    outcome = _collect(None, first + second)
    assert codes(outcome.findings) == ["SG502"]
    assert not outcome.ok
    assert codes(_collect(None, first + first).findings) == []
