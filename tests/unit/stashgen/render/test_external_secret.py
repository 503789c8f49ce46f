"""A Secret from a store becomes one ExternalSecret in each namespace that needs it."""

from typing import cast

import pytest

from stashgen.api.base import JsonObject, mapping_of, name_of, namespace_of
from stashgen.model.manifest import Manifest, secret_file
from stashgen.render import render
from tests.support.project import POLICY, PROJECT, STORAGE, claim, codes, resolved

_ENCRYPTION = (
    "{from: ExternalSecret, secretName: NAME, store: {kind: SecretStore, name: vault}, "
    'data: {RESTIC_PASSWORD: {key: "{{ cluster.id }}/{{namespace}}", property: p, version: "1"}}}'
)
_EVERYWHERE = STORAGE.replace("  namespace: demo\n", "").replace(
    "persistentVolumeClaim: {claimName: backup-store}", "nfs: {server: nas, path: /backup}"
)


def _project(name: str = "restic-key") -> str:
    return PROJECT.replace("{secretName: restic-key}", _ENCRYPTION.replace("NAME", name))


def _secrets(inventory: str, *policies: str, project: str) -> list[Manifest]:
    outcome = resolved(inventory, *(policies or (_EVERYWHERE, POLICY)), project=project)
    assert outcome.findings == ()
    return [item for item in render(outcome.value) if item.data["kind"] == "ExternalSecret"]


def test_there_is_one_a_namespace_however_many_volumes_use_it() -> None:
    found = _secrets(claim("a", "p") + claim("b", "p") + claim("a", "q"), project=_project())
    assert [(str(item.path), namespace_of(item.data), name_of(item.data)) for item in found] == [
        ("demo/p/_secret-restic-key.yaml", "p", "restic-key"),
        ("demo/q/_secret-restic-key.yaml", "q", "restic-key"),
    ]
    spec = mapping_of(found[0].data, "spec")
    assert spec["secretStoreRef"] == {"kind": "SecretStore", "name": "vault"}
    (item,) = cast("list[JsonObject]", spec["data"])
    assert item["secretKey"] == "RESTIC_PASSWORD"
    remote = cast("JsonObject", item["remoteRef"])
    assert (remote["key"], remote["property"], remote["version"]) == ("dem1/p", "p", "1")


def test_it_takes_no_key_away() -> None:
    (found,) = _secrets(claim("a"), project=_project())
    target = cast("JsonObject", mapping_of(found.data, "spec")["target"])
    assert (target["creationPolicy"], target["deletionPolicy"]) == ("Orphan", "Retain")


def test_two_policies_may_share_one() -> None:
    policies = (
        POLICY.replace("{exclude", "{volumes: {names: [a]}, exclude"),
        POLICY.replace("hourly", "more").replace("{exclude", "{volumes: {names: [b]}, exclude"),
    )
    found = _secrets(claim("a") + claim("b"), _EVERYWHERE, *policies, project=_project())
    assert len(found) == 1


@pytest.mark.parametrize(
    ("second", "is_refused"),
    [
        ("{secretName: restic-key}", True),
        (_ENCRYPTION.replace("NAME", "restic-key").replace("vault", "other"), True),
        (_ENCRYPTION.replace("NAME", "restic-key").replace("property: p", "property: q"), True),
        (_ENCRYPTION.replace("NAME", "restic-key"), False),
        (_ENCRYPTION.replace("NAME", "gold-key").replace("vault", "other"), False),
    ],
)
def test_a_secret_has_one_source_in_a_namespace(second: str, is_refused: bool) -> None:
    other = POLICY.replace("hourly", "more").replace("spec:", f"spec:\n  encryption: {second}")
    policies = (
        POLICY.replace("{exclude", "{namespaces: {names: [p]}, volumes: {names: [a]}, exclude"),
        other.replace("{exclude", "{volumes: {names: [b]}, exclude"),
    )
    inventory = claim("a", "p") + claim("b", "p") + claim("b", "q")
    outcome = resolved(inventory, _EVERYWHERE, *policies, project=_project())
    assert codes(outcome.findings) == (["SG532"] if is_refused else [])
    assert len(outcome.value.protections) == (2 if is_refused else 3)


def test_an_encryption_block_replaces_the_more_general_one_as_a_whole() -> None:
    policy = POLICY.replace("spec:", "spec:\n  encryption: {secretName: gold-key}")
    assert _secrets(claim("a"), _EVERYWHERE, policy, project=_project()) == []


def test_a_long_name_is_a_file_name_too() -> None:
    name = "a" * 250
    assert len(secret_file(name).encode()) < 255
    assert secret_file(name) != secret_file(f"{name}b")
    (found,) = _secrets(claim("a"), project=_project(name))
    assert name_of(found.data) == name
