"""A storage that keeps its name may not become another place."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import pytest

from stashgen.diagnostics import Finding
from stashgen.model.history import Previous
from stashgen.model.manifest import FileTree
from stashgen.model.resolved import Resolved
from stashgen.output.histories import histories
from stashgen.output.moved_storages import moved_storages
from stashgen.output.retired_objects import retired_objects
from stashgen.output.serialize import serialize
from stashgen.render import render
from tests.support.project import BUCKET, POLICY, PROJECT, STORAGE, claim, codes, resolved

BOTH = claim("library") + claim("web")
FILE = PurePosixPath("demo/demo/_storage-local.yaml")


def built(storage: str, project: str = PROJECT) -> FileTree:
    return serialize("test", render(resolved(BOTH, storage, POLICY, project=project).value))


def after(files: FileTree, storage: str, project: str = PROJECT) -> tuple[Finding, ...]:
    before = [Previous(PurePosixPath("rendered"), files)]
    known = histories(before).value
    value = resolved(BOTH, storage, POLICY, project=project, histories=known).value
    return moved(value, before)


def moved(value: Resolved, before: Sequence[Previous]) -> tuple[Finding, ...]:
    kept = retired_objects(value, before)
    assert kept.ok
    new = serialize("test", render(value, kept.value))
    return tuple(moved_storages(value, kept.value, histories(before).value, before, new))


@pytest.mark.parametrize(
    ("first", "word", "other"),
    [
        (STORAGE, "claimName: backup-store", "claimName: another-store"),
        (STORAGE, "local: {p", "local: {subPath: 'x/{{ cluster.id }}', p"),
        (BUCKET, "bucket: corp", "bucket: other"),
        (BUCKET, 'prefix: "', 'prefix: "x/'),
        (BUCKET, "region: eu-1", "endpoint: 'https://s3.example.org'"),
    ],
)
def test_another_place_is_an_error_once_for_all_its_volumes(
    first: str, word: str, other: str
) -> None:
    assert word in first
    found = after(built(first), first.replace(word, other))
    assert codes(found) == ["SG711"]
    assert str(found[0].position) == "rendered/demo/demo/_storage-local.yaml:1:1"


@pytest.mark.parametrize(
    ("first", "word", "other"),
    [
        (STORAGE, "local: {p", "local: {mountPath: /mnt, p"),
        (STORAGE, "user: 0", "user: 7"),
        (BUCKET, "secretName: keys", "secretName: others"),
    ],
)
def test_another_way_to_the_same_place_is_none(first: str, word: str, other: str) -> None:
    assert word in first
    assert after(built(first), first.replace(word, other)) == ()


def test_another_provider_is_another_place() -> None:
    assert codes(after(built(STORAGE), BUCKET)) == ["SG711"]


def test_a_new_name_of_the_cluster_hides_no_move() -> None:
    renamed = PROJECT.replace("name: demo, id", "name: other, id")
    assert after(built(STORAGE), STORAGE, renamed) == ()
    moved = STORAGE.replace("backup-store", "another-store")
    assert codes(after(built(STORAGE), moved, renamed)) == ["SG711"]


def test_a_storage_that_the_record_does_not_have_says_nothing() -> None:
    files = {path: content for path, content in built(STORAGE).items() if path != FILE}
    assert after(files, STORAGE.replace("backup-store", "another-store")) == ()


def test_a_record_that_cannot_be_read_is_damaged() -> None:
    files = dict(built(STORAGE))
    files[FILE] = files[FILE].replace(b"provider: local", b"provider: remote")
    assert codes(after(files, STORAGE)) == ["SG704"]


@pytest.mark.parametrize("store", ["backup-store", "another-store"])
def test_a_name_that_only_retired_histories_need_is_not_given_to_another_place(store: str) -> None:
    entry = '{volume: demo/library, cluster: dem1, until: "2030-12-31", reason: gone}'
    project = f"{PROJECT}  retired: [{entry}]\n"
    files = serialize("test", render(resolved(claim("library")).value))
    before = [Previous(PurePosixPath("rendered"), files)]
    value = resolved(
        claim("new"),
        STORAGE.replace("backup-store", store),
        POLICY,
        project=project,
        histories=histories(before).value,
    ).value
    assert [one.history.volume.name for one in value.retired] == ["library"]
    assert codes(moved(value, before)) == ([] if store == "backup-store" else ["SG711"])
