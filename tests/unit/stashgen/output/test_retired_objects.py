"""What a retired history keeps: its Repository and pods as they were, and its storage."""

from datetime import date
from pathlib import PurePosixPath
from typing import cast

import pytest

from stashgen.api.base import JsonObject
from stashgen.diagnostics import Outcome
from stashgen.model.history import Previous
from stashgen.model.manifest import FileTree, Manifest
from stashgen.model.resolved import Resolved
from stashgen.output.header import record_of
from stashgen.output.histories import histories
from stashgen.output.retired_objects import retired_objects
from stashgen.output.serialize import serialize
from stashgen.render import render
from tests.support.project import POLICY, PROJECT, STORAGE, claim, codes, resolved

ROOT = PurePosixPath("rendered")
ENTRY = (
    PROJECT
    + '  retired: [{volume: demo/library, cluster: dem1, until: "2030-12-31", reason: moved}]\n'
)
FOLDER = PurePosixPath("demo/demo")
BOTH = claim("library") + claim("web")


def built(inventory: str = BOTH) -> FileTree:
    return serialize("test", render(resolved(inventory).value))


def retire(files: FileTree, project: str = ENTRY) -> tuple[Resolved, Outcome[tuple[Manifest, ...]]]:
    """The volume ``library`` retired, ``web`` still backed up."""
    before = [Previous(ROOT, files)]
    value = resolved(claim("web"), project=project, histories=histories(before).value).value
    assert value.retired
    return value, retired_objects(value, before)


def made(files: FileTree, project: str = ENTRY) -> FileTree:
    value, kept = retire(files, project)
    assert kept.findings == ()
    return serialize("test", render(value, kept.value))


def names(manifests: tuple[Manifest, ...]) -> list[str]:
    return [
        f"{item.data['kind']}/{cast('JsonObject', item.data['metadata'])['name']}"
        for item in manifests
    ]


@pytest.mark.parametrize(
    ("word", "other", "what"),
    [
        (b"kind: Repository", b"kind: Repositori", "it has no Repository "),
        (b"name: restore-", b"name: restored-", "it has no PodTemplate restore-"),
        (b"metadata:", b"metadata", "library.yaml: invalid YAML"),
        (b"name: local\n    namespace", b"name: other\n    namespace", "_storage-other.yaml is m"),
    ],
)
def test_a_record_that_lacks_something_is_damaged(word: bytes, other: bytes, what: str) -> None:
    files = dict(built())
    path = FOLDER / "library.yaml"
    assert word in files[path]
    files[path] = files[path].replace(word, other, 1)
    _, kept = retire(files)
    assert codes(kept.findings) == ["SG704"]
    assert what in kept.findings[0].what
    assert str(kept.findings[0].position) == "rendered/demo/demo/library.yaml:1:1"


def test_what_stays_is_the_repository_and_its_pods_without_the_one_of_backups() -> None:
    _, kept = retire(built())
    ((repository, *templates),) = [kept.value]
    name = repository.path.stem.removeprefix("_retired-")
    assert names(kept.value) == [
        f"Repository/{name}",
        f"PodTemplate/restore-{name}",
        f"PodTemplate/maintain-{name}",
    ]
    metadata = cast("dict[str, JsonObject]", repository.data)["metadata"]
    annotations = cast("dict[str, str]", metadata["annotations"])
    assert annotations["stashgen.dev/retired"] == "2030-12-31"
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    assert "stashgen.dev/pod-template.backup" not in annotations
    assert {item.record for item in kept.value} == {repository.record}
    assert templates


def test_nothing_else_of_the_objects_changes() -> None:
    files = built()
    _, kept = retire(files)
    before = files[FOLDER / "library.yaml"].split(b"\n---\n")
    after = serialize("test", kept.value)[kept.value[0].path].split(b"\n---\n")
    pods = [text.rstrip(b"\n") for text in before if b"\n  name: backup-" not in text]
    assert [text.rstrip(b"\n") for text in after[1:]] == [
        text for text in pods if b"kind: PodTemplate" in text
    ]
    spec = before[0][before[0].index(b"\nspec:") :]
    assert spec in after[0] + b"\n" or spec.rstrip(b"\n") in after[0]


def test_the_output_is_its_own_record_and_a_second_build_changes_nothing() -> None:
    first = made(built())
    assert made(first) == first
    later = made(first, ENTRY.replace("2030-12-31", "2031-01-31"))
    (path,) = [path for path in later if path.name.startswith("_retired-")]
    record = record_of(later[path])
    assert record is not None
    assert record.until == date(2031, 1, 31)
    assert b'stashgen.dev/retired: "2031-01-31"' in later[path]
    assert {one for one in first if first[one] != later[one]} == {path}


def test_a_storage_and_accounts_that_only_a_retired_history_needs_stay() -> None:
    files = built(claim("library"))
    before = [Previous(ROOT, files)]
    policy = POLICY.replace("exclude: {names: [backup-store]}", "names: ['x*']")
    value = resolved("", STORAGE, policy, project=ENTRY, histories=histories(before).value).value
    assert (value.protections, value.storages) == ((), ())
    kept = retired_objects(value, before)
    after = serialize("test", render(value, kept.value))
    storage = FOLDER / "_storage-local.yaml"
    assert after[storage].split(b"\n", 2)[2] == files[storage].split(b"\n", 2)[2]
    assert record_of(after[storage]) is None
    with pytest.raises(ValueError, match="edited"):
        record_of(after[storage].replace(b"subPath: dem1", b"subPath: dem2"))
    assert b"name: stashgen-worker" in after[FOLDER / "_namespace.yaml"]
    assert b"kind: RetentionPolicy" not in after[FOLDER / "_namespace.yaml"]
    assert b"_retired-" in after[FOLDER / "kustomization.yaml"]


def test_a_cluster_that_got_another_name_takes_its_retired_history_along() -> None:
    renamed = ENTRY.replace("name: demo, id", "name: other, id")
    after = made(made(built()), renamed)
    assert {path.parts[0] for path in after} == {"other"}
    assert any(path.name.startswith("_retired-") for path in after)
