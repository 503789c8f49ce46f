"""Volumes of a worker's pod; every source was stored unchanged by a real API server (1.34)."""

import pytest

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.shared import TaskReference
from stashgen.kubestash import backends
from stashgen.kubestash.pods import volumes
from stashgen.kubestash.pods.volume_sources import as_stored
from tests.support import one_volume


def _storage(provider: str | None = "local", **local: object) -> BackupStorage:
    return BackupStorage.model_validate(
        {
            "metadata": {"name": "s"},
            "spec": {"storage": {"provider": provider, "local": local or None}},
        }
    )


def _bucket(**s3: object) -> BackupStorage:
    block = {"bucket": "backup", "secretName": "keys", **s3}
    return BackupStorage.model_validate(
        {"metadata": {"name": "s"}, "spec": {"storage": {"provider": "s3", "s3": block}}}
    )


def _backend(storage: BackupStorage) -> backends.Backend:
    return backends.required_backend(storage.spec.storage)


def _task(*added: JsonObject) -> TaskReference:
    return TaskReference.model_validate({"name": "logical-backup", "addonVolumes": added})


@pytest.mark.parametrize(
    "storage",
    [
        _storage("gcs"),
        _storage("s3"),
        _storage(None),
        _storage("local"),
        BackupStorage.model_validate({"metadata": {"name": "s"}, "spec": {}}),
    ],
)
def test_storage_that_is_no_volume_is_refused(storage: BackupStorage) -> None:
    with pytest.raises(backends.UnsupportedStorageError, match="is not supported yet"):
        _backend(storage)


@pytest.mark.parametrize(
    ("local", "url", "mount"),
    [
        ({"mountPath": "/a"}, "file:///a", {"name": "backend", "mountPath": "/a"}),
        (
            {"subPath": "dem1"},
            "file:///kubestash-backend",
            {"name": "backend", "mountPath": "/kubestash-backend", "subPath": "dem1"},
        ),
        (
            {"subPath": ""},
            "file:///kubestash-backend",
            {"name": "backend", "mountPath": "/kubestash-backend"},
        ),
    ],
)
def test_sub_path_is_the_mounts_and_not_part_of_the_url(
    local: JsonObject, url: str, mount: JsonObject
) -> None:
    storage = _storage("local", emptyDir={}, **local)
    assert _backend(storage).url() == url
    assert _backend(storage).volume(is_root=False) == (
        {"name": "backend", "emptyDir": {}},
        mount,
    )


def test_a_backup_with_a_group_never_gives_the_live_volume_to_it() -> None:
    volume, _ = volumes.target(one_volume.repository(), read_only=True, has_group=True)
    assert volume["persistentVolumeClaim"] == {"claimName": "library", "readOnly": True}
    volume, _ = volumes.target(one_volume.repository(), read_only=False, has_group=True)
    assert volume["persistentVolumeClaim"] == {"claimName": "library"}


@pytest.mark.parametrize(("is_root", "mode"), [(True, 0o440), (False, 0o444)])
def test_the_keys_of_a_bucket_are_a_secret_of_the_pods_namespace(is_root: bool, mode: int) -> None:
    volume, mount = _backend(_bucket()).volume(is_root=is_root)
    assert volume == {
        "name": "credentials",
        "secret": {"secretName": "keys", "optional": True, "defaultMode": mode},
    }
    assert mount == {
        "name": "credentials",
        "mountPath": "/var/run/stashgen/credentials",
        "readOnly": True,
    }


def test_a_bucket_without_a_secret_is_refused() -> None:
    with pytest.raises(backends.UnsupportedStorageError, match="without a Secret"):
        _backend(_bucket(secretName="")).volume(is_root=False)


def test_a_prefix_that_leaves_its_place_is_refused() -> None:
    with pytest.raises(backends.UnsupportedStorageError, match="leaves its directory"):
        _backend(_bucket(prefix="a/../b")).url()


@pytest.mark.parametrize(
    ("bucket", "url"),
    [
        ({}, "s3:https://s3.us-east-1.amazonaws.com/backup"),
        ({"region": "eu-1", "prefix": "/a/b/"}, "s3:https://s3.eu-1.amazonaws.com/backup/a/b"),
        ({"endpoint": "http://minio:9000/", "region": "x"}, "s3:http://minio:9000/backup"),
        ({"endpoint": "minio:9000"}, "s3:https://minio:9000/backup"),
    ],
)
def test_a_bucket_is_addressed_as_restic_spells_it(bucket: JsonObject, url: str) -> None:
    assert _backend(_bucket(**bucket)).url() == url


@pytest.mark.parametrize(
    ("bucket", "flags"),
    [
        ({}, {}),
        ({"region": "", "insecureTLS": False, "maxConnections": 0}, {}),
        ({"region": "eu-1"}, {"region": "eu-1"}),
        ({"insecureTLS": True}, {"insecure-tls": "true"}),
        ({"maxConnections": 9}, {"connections": "9"}),
    ],
)
def test_what_a_bucket_does_not_say_is_no_flag(bucket: JsonObject, flags: dict[str, str]) -> None:
    assert _backend(_bucket(**bucket)).flags() == flags
    assert _backend(_storage("local", emptyDir={}, maxConnections=3)).flags() == {}


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
