"""Which places of a storage two repositories of one configuration may have."""

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.kubestash.validation.backup_configuration import validate_backup_configuration


def _messages(*repositories: tuple[str, str, str]) -> tuple[str, ...]:
    """What is wrong with sessions of one repository each: name, backend and directory."""
    keep = {"name": "keep"}
    configuration = {
        "metadata": {"name": "data", "namespace": "demo"},
        "spec": {
            "backends": [
                {"name": "a", "storageRef": {"name": "near"}, "retentionPolicy": keep},
                {"name": "b", "storageRef": {"name": "far"}, "retentionPolicy": keep},
                {
                    "name": "c",
                    "storageRef": {"name": "near", "namespace": "demo"},
                    "retentionPolicy": keep,
                },
            ],
            "sessions": [
                {
                    "name": f"session-{index}",
                    "scheduler": {"schedule": "0 0 * * *", "jobTemplate": {}},
                    "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup"}]},
                    "repositories": [{"name": name, "backend": backend, "directory": directory}],
                }
                for index, (name, backend, directory) in enumerate(repositories)
            ],
        },
    }
    return validate_backup_configuration(BackupConfiguration.model_validate(configuration))


@pytest.mark.parametrize("second", ["x/y", "/x/y/"])
def test_two_repositories_in_one_place_of_a_storage_are_refused(second: str) -> None:
    messages = _messages(("one", "a", "x/y"), ("two", "a", second))
    assert messages == ("directory 'x/y' is used by repositories 'one' and 'two'",)


def test_two_backends_of_one_storage_are_one_place() -> None:
    assert _messages(("one", "a", "x"), ("two", "c", "x")) == (
        "directory 'x' is used by repositories 'one' and 'two'",
    )


def test_sessions_may_share_a_repository() -> None:
    assert _messages(("one", "a", "x"), ("one", "a", "x")) == ()


def test_copies_in_two_storages_may_have_the_same_directory() -> None:
    assert _messages(("one", "a", "x"), ("two", "b", "x")) == ()


def test_one_repository_in_two_storages_is_refused() -> None:
    assert _messages(("one", "a", "x"), ("one", "b", "x")) == (
        "repository 'one' is in two storages",
    )
