"""Where a storage is and how a pod reaches it, provider by provider."""

import pytest

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.labels import ADDRESSING_STYLE_ANNOTATION
from stashgen.kubestash import backends


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


def _claim(name: str, **local: object) -> BackupStorage:
    return _storage("local", persistentVolumeClaim={"claimName": name}, **local)


def _backend(storage: BackupStorage, annotations: dict[str, str] | None = None) -> backends.Backend:
    return backends.required_backend(storage.spec.storage, annotations)


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


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_how_a_bucket_is_named_is_an_annotation_and_a_flag(style: str) -> None:
    annotations = {ADDRESSING_STYLE_ANNOTATION: style, "other": "x"}
    found = _backend(_bucket(endpoint="minio.test"), annotations)
    assert found.flags() == {"addressing-style": style}
    assert found.annotations() == {ADDRESSING_STYLE_ANNOTATION: style}
    assert found.refused_annotations() == {}
    # The same place, however it is reached.
    assert found.place() == _backend(_bucket(endpoint="minio.test")).place()
    assert _backend(_bucket()).annotations() == {}


@pytest.mark.parametrize(
    ("endpoint", "style", "why"),
    [
        ("minio.test", "dns", "'dns' is not one of virtual, path"),
        ("minio.test", "", "'' is not one of virtual, path"),
        ("http://192.0.2.1:9000", "virtual", "http://192.0.2.1:9000 is an IP address, which has"),
        ("https://[2001:db8::1]", "virtual", "https://[2001:db8::1] is an IP address, which has"),
    ],
)
def test_a_way_of_naming_a_bucket_that_cannot_be_is_refused(
    endpoint: str, style: str, why: str
) -> None:
    annotations = {ADDRESSING_STYLE_ANNOTATION: style}
    found = _backend(_bucket(endpoint=endpoint), annotations)
    assert found.refused_annotations()[ADDRESSING_STYLE_ANNOTATION].startswith(why)


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
    assert _backend(_storage("local", emptyDir={}, maxConnections=3)).flags() == {
        "connections": "3"
    }
    assert _backend(_storage("local", emptyDir={})).flags() == {}


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (_bucket(region="eu-1"), _bucket(endpoint="https://s3.eu-1.amazonaws.com/"), True),
        (_bucket(endpoint="minio", region="x"), _bucket(endpoint="https://minio"), True),
        (_bucket(prefix="/a//b/"), _bucket(prefix="a/b"), True),
        (_bucket(secretName="a", insecureTLS=True, maxConnections=3), _bucket(), True),
        # Amazon's buckets have names of their own everywhere.
        (_bucket(region="eu-1"), _bucket(region="eu-2"), True),
        (_bucket(region="eu-1"), _bucket(endpoint="https://s3.amazonaws.com"), True),
        (_bucket(endpoint="https://minio.lan"), _bucket(endpoint="https://MINIO.lan.:443"), True),
        (_bucket(endpoint="https://minio.lan"), _bucket(endpoint="http://minio.lan"), False),
        (_bucket(endpoint="http://minio:9000"), _bucket(endpoint="http://minio"), False),
        (_bucket(bucket="other"), _bucket(), False),
        (_bucket(prefix="a"), _bucket(prefix="a/b"), False),
        (_claim("c", mountPath="/a", maxConnections=3), _claim("c"), True),
        (_claim("c", subPath="/a/"), _claim("c", subPath="a"), True),
        (_claim("c", subPath="a"), _claim("c"), False),
        (_claim("c"), _claim("d"), False),
        (_claim("c"), _bucket(), False),
    ],
)
def test_a_place_is_the_same_however_it_is_reached(
    first: BackupStorage, second: BackupStorage, is_same: bool
) -> None:
    assert (_backend(first).place() == _backend(second).place()) is is_same


@pytest.mark.parametrize(
    ("storage", "below"),
    [
        (_bucket(prefix="a"), _bucket(prefix="a/b/c")),
        (_claim("c", subPath="a"), _claim("c", subPath="a/b/c")),
    ],
)
def test_a_directory_is_a_place_below_the_storage(
    storage: BackupStorage, below: BackupStorage
) -> None:
    assert _backend(storage).place("b/c") == _backend(below).place()


def test_a_claim_that_nobody_calls_read_only_is_the_same_as_one_that_is_not() -> None:
    written = _storage("local", persistentVolumeClaim={"claimName": "c", "readOnly": False})
    assert _backend(_claim("c")).place() == _backend(written).place()
    assert _backend(_claim("c")).rendered() == _backend(written).rendered()


def test_only_a_volume_is_on_a_claim_and_only_a_bucket_is_one_everywhere() -> None:
    assert (_backend(_claim("c")).claim, _backend(_claim("c")).bucket) == ("c", None)
    assert _backend(_storage("local", emptyDir={})).claim is None
    assert _backend(_bucket(prefix="p/")).claim is None
    assert _backend(_bucket(prefix="p/")).bucket == 'bucket "backup", prefix "p"'
