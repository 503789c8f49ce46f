"""A new copy may not be where a retired history is."""

from pathlib import PurePosixPath

import pytest

from stashgen.diagnostics import Finding
from stashgen.model.history import Previous
from stashgen.model.manifest import FileTree
from stashgen.output.histories import histories
from stashgen.output.retired_objects import retired_objects
from stashgen.output.retired_places import retired_places
from stashgen.output.serialize import serialize
from stashgen.render import render
from tests.support.project import BUCKET, POLICY, PROJECT, STORAGE, claim, codes, resolved


def _built(storage: str) -> FileTree:
    return serialize("test", render(resolved(claim("library"), storage, POLICY).value))


def _after(files: FileTree, *storages: str, policy: str = POLICY) -> tuple[Finding, ...]:
    before = [Previous(PurePosixPath("rendered"), files)]
    known = histories(before).value
    entry = f"volume: demo/library, cluster: dem1, repository: {known[0].repository}"
    project = f"{PROJECT}  retired: [{{{entry}, until: '2099-01-01', reason: moved}}]\n"
    found = resolved(claim("library"), *storages, policy, project=project, histories=known)
    assert [item for item in found.findings if item.code not in {"SG526", "SG533"}] == []
    kept = retired_objects(found.value, before)
    assert kept.ok
    return tuple(retired_places(found.value, kept.value))


def _renamed(text: str) -> str:
    return text.replace("name: local}", "name: other}")


def _everywhere(text: str) -> str:
    return text.replace("  namespace: demo\n", "")


_TO_OTHER = POLICY.replace("storage: local", "storage: other")


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (BUCKET, _renamed(BUCKET), ["SG715"]),
        (BUCKET, _renamed(_everywhere(BUCKET)), ["SG715"]),
        (_everywhere(BUCKET), _renamed(BUCKET), ["SG715"]),
        (BUCKET, _renamed(_everywhere(BUCKET)).replace("cluster.id }}", "cluster.id }}/x"), []),
        (BUCKET, _renamed(BUCKET).replace("corp", "more"), []),
        (STORAGE, _renamed(STORAGE), ["SG715"]),
        (STORAGE, _renamed(_everywhere(STORAGE)), ["SG715"]),
        (STORAGE, _renamed(STORAGE).replace("backup-store", "another-store"), []),
    ],
)
def test_storage_of_another_name_in_the_same_place(
    first: str, second: str, found: list[str]
) -> None:
    assert codes(_after(_built(first), second, policy=_TO_OTHER)) == found


def test_the_same_storage_with_another_directory_is_another_place() -> None:
    policy = POLICY.replace("last: 2}", "last: 2}, directory: 'new/{{volume}}'")
    assert _after(_built(STORAGE), STORAGE, policy=policy) == ()


def test_an_explicit_directory_that_leads_to_the_old_place_is_found() -> None:
    policy = _TO_OTHER.replace("last: 2}", "last: 2}, directory: library/")
    assert codes(_after(_built(BUCKET), _renamed(_everywhere(BUCKET)), policy=policy)) == ["SG715"]


def test_a_retired_storage_that_cannot_be_read_is_damage() -> None:
    files = dict(_built(BUCKET))
    path = PurePosixPath("demo/demo/_storage-local.yaml")
    files[path] = files[path].replace(b"provider: s3", b"provider: gcs")
    assert codes(_after(files, _renamed(BUCKET), policy=_TO_OTHER)) == ["SG704"]
