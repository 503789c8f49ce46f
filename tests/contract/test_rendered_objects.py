"""Promises about everything that is rendered, whatever the policy says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
import yaml

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.meta import Kind
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.kubestash.validation.backup_configuration import validate_backup_configuration
from stashgen.kubestash.validation.supported import unsupported
from stashgen.output.serialize import serialize
from tests.support.every_field import CLAIMS, manifests

_ROOT = Path(__file__).parents[2]
_MODELS: Mapping[str, type[Kind]] = {
    model.__name__: model
    for model in (BackupConfiguration, BackupStorage, Repository, RetentionPolicy)
}
_OTHER_KINDS = {"CronJob", "PodTemplate", "Role", "RoleBinding", "ServiceAccount"}


@pytest.fixture(scope="module")
def objects() -> tuple[JsonObject, ...]:
    return tuple(item.data for item in manifests() if item.data["kind"] != "Kustomization")


def _metadata(data: JsonObject) -> JsonObject:
    return cast("JsonObject", data["metadata"])


def _texts(value: object) -> Iterator[tuple[str, object]]:
    """Every map entry of a value, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def test_every_kind_is_checked_here(objects: tuple[JsonObject, ...]) -> None:
    assert {item["kind"] for item in objects} == set(_MODELS) | _OTHER_KINDS


def test_models_add_nothing_and_lose_nothing(objects: tuple[JsonObject, ...]) -> None:
    for data in objects:
        model = _MODELS.get(str(data["kind"]))
        if model is not None:
            wire = model.model_validate(data).to_wire()
            assert {key: value for key, value in wire.items() if key != "status"} == data


def test_nothing_is_rendered_that_our_controller_does_not_do(
    objects: tuple[JsonObject, ...],
) -> None:
    for data in objects:
        if (model := _MODELS.get(str(data["kind"]))) is not None:
            assert unsupported(model.model_validate(data)) == ()


def test_kubestashs_webhooks_would_accept_the_configurations(
    objects: tuple[JsonObject, ...],
) -> None:
    repositories = [Repository.model_validate(i) for i in objects if i["kind"] == "Repository"]
    shared: list[BackupStorage | RetentionPolicy] = [
        *(BackupStorage.model_validate(i) for i in objects if i["kind"] == "BackupStorage"),
        *(RetentionPolicy.model_validate(i) for i in objects if i["kind"] == "RetentionPolicy"),
    ]
    found = [item for item in objects if item["kind"] == "BackupConfiguration"]
    assert len(found) == len(CLAIMS)
    for data in found:
        configuration = BackupConfiguration.model_validate(data)
        assert validate_backup_configuration(configuration, repositories, shared) == ()


def test_objects_have_identities_of_their_own(objects: tuple[JsonObject, ...]) -> None:
    identities = [
        (item["kind"], _metadata(item)["namespace"], _metadata(item)["name"]) for item in objects
    ]
    assert len(identities) == len(set(identities))


def test_pod_templates_that_annotations_name_exist_and_no_others(
    objects: tuple[JsonObject, ...],
) -> None:
    named = {
        str(value)
        for item in objects
        for key, value in cast("JsonObject", _metadata(item).get("annotations") or {}).items()
        if key.startswith("stashgen.dev/pod-template.")
    }
    assert named == {_metadata(item)["name"] for item in objects if item["kind"] == "PodTemplate"}


def test_service_accounts_that_pods_use_exist(objects: tuple[JsonObject, ...]) -> None:
    used = {value for item in objects for key, value in _texts(item) if key == "serviceAccountName"}
    made = {_metadata(item)["name"] for item in objects if item["kind"] == "ServiceAccount"}
    assert used == made


def test_secrets_are_only_mounted_by_name(objects: tuple[JsonObject, ...]) -> None:
    keys = {key for item in objects for key, _ in _texts(item)}
    assert not keys & {"secretKeyRef", "secretRef", "stringData", "data"}
    names = {value for item in objects for key, value in _texts(item) if key == "secretName"}
    assert names == {"gold-key", "backup-s3"}


def test_label_values_fit(objects: tuple[JsonObject, ...]) -> None:
    value = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
    for item in objects:
        for key, labels in _texts(item):
            if key == "labels":
                assert all(
                    value.fullmatch(text) for text in cast("dict[str, str]", labels).values()
                )


def test_no_backup_sets_an_fs_group_or_writes_to_its_volume(
    objects: tuple[JsonObject, ...],
) -> None:
    assert "fsGroup" not in {key for item in objects for key, _ in _texts(item)}
    backups = [
        item
        for item in objects
        if item["kind"] == "PodTemplate" and str(_metadata(item)["name"]).startswith("backup-")
    ]
    assert len(backups) == len(CLAIMS) * 5
    for item in backups:
        mounts = [value for key, value in _texts(item) if key == "volumeMounts"]
        data = [
            mount
            for mount in cast("list[list[JsonObject]]", mounts)[0]
            if mount["name"] == "kubestash-data-volume"
        ]
        assert [mount.get("readOnly") for mount in data] == [True]


_PROGRAM = """
import sys
from stashgen.output.serialize import serialize
from tests.support.every_field import manifests
for path, content in serialize("test", manifests()).items():
    sys.stdout.buffer.write(str(path).encode() + b"\\n" + content)
"""


@pytest.mark.parametrize(("seed", "zone"), [("1", "Asia/Tokyo"), ("2", "America/St_Johns")])
def test_bytes_depend_on_neither_hash_seed_nor_zone_nor_folder(
    seed: str, zone: str, tmp_path: Path
) -> None:
    made = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(_ROOT)},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    here = b"".join(
        str(path).encode() + b"\n" + content
        for path, content in serialize("test", manifests()).items()
    )
    assert made == here


def test_written_files_say_what_was_rendered() -> None:
    made = manifests()
    read = [
        document
        for content in serialize("test", made).values()
        for document in yaml.safe_load_all(content)
    ]
    by_path = sorted(made, key=lambda item: item.path)
    assert read == [item.data for item in by_path]
