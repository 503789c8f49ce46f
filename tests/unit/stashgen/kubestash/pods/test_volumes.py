"""Volumes of a worker's pod; every source was stored unchanged by a real API server (1.34)."""

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.shared import TaskReference
from stashgen.kubestash.pods import volumes
from stashgen.kubestash.pods.volume_sources import as_stored
from tests.support import one_volume


def _task(*added: JsonObject) -> TaskReference:
    return TaskReference.model_validate({"name": "logical-backup", "addonVolumes": added})


def test_a_backup_with_a_group_never_gives_the_live_volume_to_it() -> None:
    volume, _ = volumes.target(one_volume.repository(), read_only=True, has_group=True)
    assert volume["persistentVolumeClaim"] == {"claimName": "library", "readOnly": True}
    volume, _ = volumes.target(one_volume.repository(), read_only=False, has_group=True)
    assert volume["persistentVolumeClaim"] == {"claimName": "library"}


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ({"nfs": {"server": "n", "path": "/", "readOnly": False}}, {"server": "n", "path": "/"}),
        (
            {"nfs": {"server": "n", "path": "/", "readOnly": True}},
            {"server": "n", "path": "/", "readOnly": True},
        ),
        ({"persistentVolumeClaim": {"claimName": "c", "readOnly": False}}, {"claimName": "c"}),
        ({"csi": {"driver": "d", "readOnly": False}}, {"driver": "d", "readOnly": False}),
        ({"hostPath": {"path": "/srv"}}, {"path": "/srv", "type": ""}),
        (
            {"hostPath": {"path": "/srv", "type": "Directory"}},
            {"path": "/srv", "type": "Directory"},
        ),
        ({"emptyDir": {}}, {}),
        ({"secret": {"secretName": "s"}}, {"secretName": "s", "defaultMode": 420}),
        ({"configMap": {"name": "c", "defaultMode": 256}}, {"name": "c", "defaultMode": 256}),
        (
            {"iscsi": {"targetPortal": "p", "iqn": "i", "lun": 0, "readOnly": False}},
            {"targetPortal": "p", "iqn": "i", "lun": 0, "iscsiInterface": "default"},
        ),
        (
            {"rbd": {"monitors": ["m"], "image": "i"}},
            {
                "monitors": ["m"],
                "image": "i",
                "pool": "rbd",
                "user": "admin",
                "keyring": "/etc/ceph/keyring",
            },
        ),
    ],
)
def test_source_is_written_as_the_api_server_stores_it(
    source: JsonObject, stored: JsonObject
) -> None:
    (kind,) = source
    assert as_stored(source) == {kind: stored}


@pytest.mark.parametrize(("read_only", "extra"), [(True, {"readOnly": True}), (False, {})])
def test_backup_mounts_the_claim_read_only_and_restore_does_not(
    read_only: bool, extra: JsonObject
) -> None:
    assert volumes.target(one_volume.repository(), read_only=read_only) == (
        {"name": "kubestash-data-volume", "persistentVolumeClaim": {"claimName": "library"}},
        {"name": "kubestash-data-volume", "mountPath": "/kubestash-data", **extra},
    )


@pytest.mark.parametrize(("is_root", "mode"), [(True, 0o440), (False, 0o444)])
def test_key_is_optional_and_readable_for_the_pods_user(is_root: bool, mode: int) -> None:
    ((volume, mount),) = volumes.encryption(one_volume.repository(), is_root=is_root)
    assert volume["secret"] == {"secretName": "restic-key", "optional": True, "defaultMode": mode}
    assert mount["readOnly"] is True


def test_repository_without_a_key_mounts_none() -> None:
    repository = Repository.model_validate({"metadata": {"name": "r"}, "spec": {}})
    assert volumes.encryption(repository, is_root=True) == []


@pytest.mark.parametrize(
    ("name", "is_scratch"),
    [
        ("kubestash-tmp-volume", True),
        ("${RESTIC_CACHE_VOLUME}", True),
        ("${RESTIC_CACHE_VOLUME:=other}", True),
        ("kubestash-data-volume", False),
        ("${OTHER}", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_scratch_volume_can_be_replaced(name: str | None, is_scratch: bool) -> None:
    assert volumes.is_scratch_volume(name) is is_scratch
    entry: JsonObject = {"name": name, "source": {"emptyDir": {"medium": "Memory"}}}
    found = volumes.scratch_source(_task(entry))
    assert found == ({"emptyDir": {"medium": "Memory"}} if is_scratch else None)


def test_scratch_volume_without_a_source_is_not_replaced() -> None:
    assert volumes.scratch_source(_task({"name": "kubestash-tmp-volume"})) is None
    assert volumes.scratch_source(TaskReference(name="logical-backup")) is None


def test_claim_template_becomes_an_ephemeral_volume_with_its_defaults() -> None:
    template: JsonObject = {
        "metadata": {"name": "cache", "annotations": {"a": "b"}},
        "spec": {"volumeMode": "Block"},
    }
    entry: JsonObject = {
        "name": "kubestash-tmp-volume",
        "source": {"volumeClaimTemplate": template},
    }
    assert volumes.scratch_source(_task(entry)) == {
        "ephemeral": {
            "volumeClaimTemplate": {
                "metadata": {"annotations": {"a": "b"}},
                "spec": {"volumeMode": "Block"},
            }
        }
    }
