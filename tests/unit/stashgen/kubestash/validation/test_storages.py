"""What KubeStash's webhooks refuse of storages and retention policies, case by case."""

import pytest

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.kubestash.validation.storages import (
    validate_backup_storage,
    validate_retention_policy,
)

_CLAIM: JsonObject = {"provider": "local", "local": {"persistentVolumeClaim": {"claimName": "c"}}}
_SELECTOR: JsonObject = {"allowedNamespaces": {"from": "Selector"}}


def _storage(
    storage: JsonObject | None = None, key: str = "demo/s", **rest: object
) -> BackupStorage:
    namespace, name = key.split("/")
    status = {"status": rest.pop("status")} if "status" in rest else {}
    return BackupStorage.model_validate(
        {
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"storage": _CLAIM if storage is None else storage, **rest},
            **status,
        }
    )


def _policy(key: str = "demo/p", /, **spec: object) -> RetentionPolicy:
    namespace, name = key.split("/")
    metadata = {"namespace": namespace, "name": name}
    return RetentionPolicy.model_validate({"metadata": metadata, "spec": spec})


def _s3(key: str, **block: str) -> BackupStorage:
    return _storage({"provider": "s3", "s3": {"bucket": "b", **block}}, key)


@pytest.mark.parametrize(
    ("storage", "problem"),
    [
        ({}, "spec.storage.provider: is required"),
        ({"provider": ""}, "spec.storage.provider: is required"),
        (
            {"provider": "swift"},
            "spec.storage.provider: 'swift' is not one of local, s3, gcs, azure",
        ),
        ({"provider": "local"}, "spec.storage.local: is required with provider 'local'"),
        ({"provider": "s3", "gcs": {}}, "spec.storage.s3: is required with provider 's3'"),
        ({"provider": "gcs"}, "spec.storage.gcs: is required with provider 'gcs'"),
        ({"provider": "azure"}, "spec.storage.azure: is required with provider 'azure'"),
        ({"provider": "s3", "s3": {}}, "spec.storage.s3.bucket: is required"),
        (
            {"provider": "s3", "s3": {"bucket": "b", "prefix": "a/../b"}},
            "spec.storage.s3.prefix: 'b/a/../b' leaves its directory",
        ),
        (
            {"provider": "local", "local": {"mountPath": "/a", "subPath": "b"}},
            "spec.storage.local: a volume source is required, for example persistentVolumeClaim",
        ),
    ],
)
def test_storage_without_its_providers_block_is_refused(storage: JsonObject, problem: str) -> None:
    assert validate_backup_storage(_storage(storage)) == (problem,)


def test_storage_without_a_backend_is_refused() -> None:
    storage = BackupStorage.model_validate({"metadata": {"name": "s"}, "spec": {}})
    assert validate_backup_storage(storage) == ("spec.storage.provider: is required",)


def test_selector_scope_without_a_selector_is_refused() -> None:
    problem = "spec.usagePolicy.allowedNamespaces.selector: is required with from 'Selector'"
    assert validate_backup_storage(_storage(usagePolicy=_SELECTOR)) == (problem,)
    assert validate_retention_policy(_policy(maxRetentionPeriod="1d", usagePolicy=_SELECTOR)) == (
        problem,
    )


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (_s3("demo/a", region="r", prefix="p"), _s3("x/b", region="r", prefix="p"), True),
        (_s3("demo/a"), _s3("x/b", endpoint="https://minio.example"), False),
        (_s3("demo/a"), _s3("x/b", endpoint="https://s3.us-east-1.amazonaws.com/"), True),
        (_s3("demo/a", endpoint="minio"), _s3("x/b", endpoint="https://minio", region="r"), True),
        (_s3("demo/a", prefix="/p/"), _s3("x/b", prefix="p"), True),
        (_s3("demo/a", region="r"), _s3("x/b"), True),
        (_s3("demo/a", prefix="p"), _s3("x/b", prefix="p/q"), False),
        (_s3("demo/a"), _storage({"provider": "gcs", "gcs": {"bucket": "b"}}, "x/b"), False),
        (
            _storage({"provider": "gcs", "gcs": {"bucket": "b", "prefix": "p"}}, "demo/a"),
            _storage({"provider": "gcs", "gcs": {"bucket": "b", "prefix": "p/"}}, "x/b"),
            True,
        ),
        (
            _storage({"provider": "azure", "azure": {"storageAccount": "a", "container": "c"}}),
            _storage(
                {"provider": "azure", "azure": {"storageAccount": "a", "container": "c"}}, "x/b"
            ),
            True,
        ),
        (
            _storage({"provider": "azure", "azure": {"storageAccount": "a", "container": "c"}}),
            _storage(
                {"provider": "azure", "azure": {"storageAccount": "z", "container": "c"}}, "x/b"
            ),
            False,
        ),
        (_s3("demo/a", prefix="p//q"), _s3("x/b", prefix="p/q"), True),
        (_s3("demo/a", prefix="p"), _s3("x/b", prefix="../p"), False),
        (_storage(key="demo/a"), _storage(key="x/b"), False),
    ],
)
def test_two_storages_in_one_place_are_refused(
    first: BackupStorage, second: BackupStorage, is_same: bool
) -> None:
    problem = "spec.storage: is the same place as that of BackupStorage x/b"
    assert validate_backup_storage(first, [first, second]) == ((problem,) if is_same else ())


def test_second_default_of_a_namespace_is_refused() -> None:
    default, other = _storage(key="demo/a", default=True), _storage(key="demo/b", default=True)
    assert validate_backup_storage(default, [other]) == (
        "spec.default: BackupStorage b is the namespace's default already",
    )
    assert validate_backup_storage(default, [_storage(key="x/b", default=True)]) == ()
    assert validate_backup_storage(_storage(key="demo/a"), [other]) == ()
    keep = {"last": 1}
    policies = [_policy(f"demo/{name}", default=True, successfulSnapshots=keep) for name in "ab"]
    assert validate_retention_policy(policies[0], policies) == (
        "spec.default: RetentionPolicy b is the namespace's default already",
    )


def test_storage_with_repositories_in_it_cannot_move() -> None:
    used = {"repositories": [{"name": "r"}]}
    moved = _storage({"provider": "local", "local": {"nfs": {"server": "n", "path": "/"}}})
    assert validate_backup_storage(moved, old=_storage(status=used)) == (
        "spec.storage: cannot change while there are repositories in it",
    )
    assert validate_backup_storage(moved, old=_storage(status={"repositories": []})) == ()
    assert validate_backup_storage(moved, old=_storage()) == ()
    assert validate_backup_storage(_storage(default=True), old=_storage(status=used)) == ()


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({}, "spec: maxRetentionPeriod or successfulSnapshots is required"),
        (
            {"maxRetentionPeriod": " "},
            "spec: maxRetentionPeriod or successfulSnapshots is required",
        ),
        (
            {"maxRetentionPeriod": "7"},
            "spec.maxRetentionPeriod: '7' is not a period like '2mo' or '1y6mo'",
        ),
        ({"maxRetentionPeriod": "-1d"}, "spec.maxRetentionPeriod: '-1d' is not longer than zero"),
        (
            {"successfulSnapshots": {"last": -2}},
            "spec.successfulSnapshots.last: -2 is neither a count nor -1 (all)",
        ),
        (
            {"maxRetentionPeriod": "1d", "failedSnapshots": {"last": -5}},
            "spec.failedSnapshots.last: -5 is neither a count nor -1 (all)",
        ),
    ],
)
def test_retention_policy_that_cannot_be_applied_is_refused(spec: JsonObject, problem: str) -> None:
    assert validate_retention_policy(_policy(**spec)) == (problem,)


@pytest.mark.parametrize(
    "spec",
    [
        {"maxRetentionPeriod": "2mo"},
        {"successfulSnapshots": {}},
        {"successfulSnapshots": {"last": 5, "daily": -1}, "failedSnapshots": {"last": 2}},
        {"maxRetentionPeriod": "2mo", "usagePolicy": {"allowedNamespaces": {"from": "All"}}},
    ],
)
def test_documented_retention_policy_is_valid(spec: JsonObject) -> None:
    assert validate_retention_policy(_policy("demo/p", **spec)) == ()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://",
        "ftp://s3.corp.test",
        "https://s3.corp.test/base",
        "https://s3.corp.test?a=b",
        "https://me:secret@s3.corp.test",
        "https://s3.corp.test:port",
        "https://[::1",
    ],
)
def test_an_endpoint_is_a_server_and_nothing_on_it(endpoint: str) -> None:
    """Of an address with a path, the path's first step would be the bucket."""
    (problem,) = validate_backup_storage(_s3("demo/s", endpoint=endpoint))
    assert problem.startswith("spec.storage.s3.endpoint: ")
    assert "secret" not in problem


@pytest.mark.parametrize("endpoint", ["", "minio:9000", "http://10.0.0.1:9000/", "https://[::1]"])
def test_an_endpoint_of_a_server_is_no_problem(endpoint: str) -> None:
    assert validate_backup_storage(_s3("demo/s", endpoint=endpoint)) == ()


def test_a_bucket_has_no_path_and_connections_are_a_count() -> None:
    storage = _storage({"provider": "s3", "s3": {"bucket": "a/b", "maxConnections": -1}})
    assert [problem.partition(":")[0] for problem in validate_backup_storage(storage)] == [
        "spec.storage.s3.bucket",
        "spec.storage.s3.maxConnections",
    ]
