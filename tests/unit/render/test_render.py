"""The proven objects of one volume come out of a project, in their files."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.model import Manifest
from stashgen.render import render
from tests.unit.kubestash import one_volume
from tests.unit.resolve.project import claim, resolved

_VOLUME = "demo/demo/library.yaml"


def _one_volume() -> tuple[Manifest, ...]:
    outcome = resolved(claim("library") + claim("backup-store"))
    assert outcome.findings == ()
    return render(outcome.value)


def _objects(manifests: Iterable[Manifest], kind: str) -> list[JsonObject]:
    return [item.data for item in manifests if item.data["kind"] == kind]


def _replaced(value: object, words: dict[str, str]) -> object:
    match value:
        case str():
            for word, other in words.items():
                value = value.replace(word, other)
            return value
        case dict():
            return {_replaced(key, words): _replaced(item, words) for key, item in value.items()}
        case list() | tuple():
            return [_replaced(item, words) for item in value]
        case _:
            return value


def test_one_volume_is_the_proven_one_but_for_hash_and_minute() -> None:
    manifests = _one_volume()
    (repository,) = _objects(manifests, "Repository")
    (cron_job,) = _objects(manifests, "CronJob")
    name = cast("dict[str, str]", repository["metadata"])["name"]
    schedule = cast("dict[str, str]", cron_job["spec"])["schedule"]
    minute = schedule.removesuffix(" * * * *")
    assert 0 <= int(minute) < 60
    words = {name: "local-k3f9q", schedule: "17 * * * *"}
    made = [
        _replaced(manifest.data, words)
        for manifest in manifests
        if manifest.data["kind"] != "Kustomization"
    ]
    assert sorted(made, key=_identity) == sorted(one_volume.documents(), key=_identity)


def _identity(data: object) -> tuple[str, str]:
    item = cast("JsonObject", data)
    return str(item["kind"]), cast("dict[str, str]", item["metadata"])["name"]


def test_each_object_is_in_the_file_of_its_owner() -> None:
    files: dict[str, list[str]] = {}
    for manifest in _one_volume():
        files.setdefault(str(manifest.path), []).append(str(manifest.data["kind"]))
    template = "PodTemplate"
    assert files == {
        "demo/demo/_namespace.yaml": [
            *["ServiceAccount"] * 2, *["Role"] * 2, *["RoleBinding"] * 2, "RetentionPolicy",
        ],
        "demo/demo/_storage-local.yaml": ["BackupStorage", template],
        _VOLUME: ["Repository", "BackupConfiguration", *[template] * 3, "CronJob"],
        "demo/demo/kustomization.yaml": ["Kustomization"],
        "demo/kustomization.yaml": ["Kustomization"],
    }  # fmt: skip


def test_kustomizations_list_what_a_folder_has_and_none_joins_clusters() -> None:
    made = {
        item.path: item.data["resources"]
        for item in _one_volume()
        if item.data["kind"] == "Kustomization"
    }
    assert made == {
        PurePosixPath("demo/kustomization.yaml"): ["demo"],
        PurePosixPath("demo/demo/kustomization.yaml"): [
            "_namespace.yaml", "_storage-local.yaml", "library.yaml",
        ],
    }  # fmt: skip
