"""What KubeStash's mutating webhooks fill in: the reference's list, and the order of defaults."""

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import ObjectReference
from stashgen.kubestash.defaults import (
    default_of,
    with_configuration_defaults,
    with_retention_defaults,
    with_storage_defaults,
)

_LABELS = {"tier": "gold"}
_SELECTOR: JsonObject = {"from": "Selector", "selector": {"matchLabels": {"tier": "gold"}}}


def _storage(key: str, allowed: JsonObject | None = None, **spec: object) -> BackupStorage:
    namespace, name = key.split("/")
    policy = {"usagePolicy": {"allowedNamespaces": allowed}} if allowed is not None else {}
    return BackupStorage.model_validate(
        {"metadata": {"namespace": namespace, "name": name}, "spec": {**policy, **spec}}
    )


def _default(key: str, allowed: JsonObject | None = None) -> BackupStorage:
    return _storage(key, allowed, default=True)


def _policy(key: str, **spec: object) -> RetentionPolicy:
    storage = _storage(key)
    return RetentionPolicy.model_validate(
        {
            "metadata": storage.metadata.to_wire(),
            "spec": {"usagePolicy": storage.spec.usage_policy, **spec},
        }
    )


def _configuration(*backends: JsonObject) -> BackupConfiguration:
    return BackupConfiguration.model_validate(
        {"metadata": {"name": "bc", "namespace": "demo"}, "spec": {"backends": backends}}
    )


def _backends(
    configuration: BackupConfiguration,
    storages: list[BackupStorage],
    policies: list[RetentionPolicy],
) -> list[JsonObject]:
    made = with_configuration_defaults(configuration, storages, policies, _LABELS)
    return [backend.to_wire() for backend in made.spec.backends]


def test_without_any_default_the_gaps_stay() -> None:
    assert _backends(_configuration(), [_storage("demo/s")], [_policy("demo/p")]) == []
    backend: JsonObject = {"name": "b", "storageRef": {"name": "s"}}
    assert _backends(_configuration(backend), [], []) == [backend]


def test_default_that_is_not_for_the_namespace_is_none() -> None:
    foreign = [
        _default("a/s"),
        _default("b/s", {"from": "Selector", "selector": {"matchLabels": {"x": "y"}}}),
    ]
    assert default_of(foreign, "demo", _LABELS) is None


def test_missing_backend_is_one_without_a_name_with_the_default_storage_and_policy() -> None:
    found = _backends(_configuration(), [_default("demo/s")], [_policy("demo/p", default=True)])
    assert found == [
        {
            "storageRef": {"name": "s", "namespace": "demo"},
            "retentionPolicy": {"name": "p", "namespace": "demo"},
        }
    ]


def test_only_missing_retention_policies_are_filled_in() -> None:
    own: JsonObject = {"name": "a", "storageRef": {"name": "s"}, "retentionPolicy": {"name": "own"}}
    without: JsonObject = {"name": "b", "storageRef": {"name": "s"}}
    found = _backends(
        _configuration(own, without), [_default("demo/s")], [_policy("demo/p", default=True)]
    )
    assert found == [own, {**without, "retentionPolicy": {"name": "p", "namespace": "demo"}}]


def test_what_was_written_is_left_as_it_is() -> None:
    configuration = _configuration()
    with_configuration_defaults(configuration, [_default("demo/s")], [], _LABELS)
    assert configuration.spec.backends == ()


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        # Same, then Selector, then All; KubeStash's quirk: a foreign Selector beats one's own All.
        ([_default("a/all", {"from": "All"}), _default("demo/same")], "demo/same"),
        ([_default("a/sel", _SELECTOR), _default("demo/same")], "demo/same"),
        ([_default("demo/all", {"from": "All"}), _default("z/sel", _SELECTOR)], "z/sel"),
        ([_default("z/all", {"from": "All"}), _default("a/all", {"from": "All"})], "a/all"),
        ([_default("z/sel", _SELECTOR), _default("a/sel", _SELECTOR)], "a/sel"),
        ([_default("a/b", {"from": "All"}), _default("a/a", {"from": "All"})], "a/a"),
        ([_storage("demo/plain"), _default("a/all", {"from": "All"})], "a/all"),
        ([_default("demo/empty", {})], "demo/empty"),
    ],
)
def test_default_is_searched_in_kubestashs_order(
    candidates: list[BackupStorage], chosen: str
) -> None:
    for order in (candidates, candidates[::-1]):
        found = default_of(order, "demo", _LABELS)
        assert found is not None
        assert "/".join(found.key) == chosen


def test_usage_policy_of_a_storage_is_written_out() -> None:
    made = with_storage_defaults(_storage("demo/s"))
    assert made.spec.to_wire() == {"usagePolicy": {"allowedNamespaces": {"from": "Same"}}}
    all_ = _storage("demo/s", {"from": "All"})
    assert with_storage_defaults(all_) == all_


@pytest.mark.parametrize(
    ("provider", "written", "trimmed"),
    [
        (
            "s3",
            {"bucket": "b/", "endpoint": "https://s3.example/", "prefix": "/a/b/", "region": "r/"},
            {"bucket": "b", "endpoint": "https://s3.example", "prefix": "/a/b", "region": "r/"},
        ),
        ("s3", {"prefix": "a//"}, {"prefix": "a/"}),
        ("gcs", {"bucket": "b/", "prefix": "p/"}, {"bucket": "b", "prefix": "p"}),
        ("azure", {"container": "c/", "prefix": "p/"}, {"container": "c/", "prefix": "p"}),
        ("s3", {"bucket": "b"}, {"bucket": "b"}),
        ("local", {"subPath": "a/"}, {"subPath": "a/"}),
    ],
)
def test_one_trailing_slash_of_bucket_endpoint_and_prefix_goes(
    provider: str, written: JsonObject, trimmed: JsonObject
) -> None:
    storage = _storage("demo/s", storage={"provider": provider, provider: written})
    made = with_storage_defaults(storage).spec.storage
    assert made is not None
    assert made.to_wire() == {"provider": provider, provider: trimmed}


@pytest.mark.parametrize(
    ("spec", "failed"),
    [({}, 1), ({"failedSnapshots": {}}, 1), ({"failedSnapshots": {"last": 0}}, 0)],
)
def test_retention_policy_keeps_one_failed_snapshot_unless_said(
    spec: JsonObject, failed: int
) -> None:
    made = with_retention_defaults(_policy("demo/p", **spec)).spec
    assert made.to_wire() == {
        "failedSnapshots": {"last": failed},
        "usagePolicy": {"allowedNamespaces": {"from": "Same"}},
    }


def test_what_was_taken_stays_the_default_as_long_as_it_is_one() -> None:
    candidates = [_default("another/a", {"from": "All"}), _default("demo/z", {"from": "All"})]
    known = ObjectReference(name="z", namespace="demo")
    found = default_of(candidates, "demo", _LABELS, known)
    assert found is not None
    assert found.key == ("demo", "z")
    gone = default_of(candidates[:1], "demo", _LABELS, known)
    assert gone is not None
    assert gone.key == ("another", "a")
