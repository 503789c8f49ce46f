"""From what a person types to what is meant."""

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.resources import BACKUP_CONFIGURATIONS, REPOSITORIES
from stashgen.diagnostics import UsageError
from stashgen_controller.kubectl.lookup import find, session_of
from tests.support.objects import Objects


def _configuration(
    objects: Objects, name: str, claim: str, repository: str, namespace: str = "demo"
) -> None:
    spec = {
        "target": {"kind": "PersistentVolumeClaim", "name": claim},
        "sessions": [{"name": "backup", "repositories": [{"name": repository}]}],
    }
    objects.add(BACKUP_CONFIGURATIONS, name, namespace=namespace, spec=spec)
    app = {"kind": "PersistentVolumeClaim", "name": claim}
    objects.add(REPOSITORIES, repository, namespace=namespace, spec={"appRef": app})


def test_a_configuration_a_claim_and_a_repository_lead_to_the_same() -> None:
    objects = Objects()
    _configuration(objects, "shop-nightly", "data", "nas-abcde")
    found = [find(objects, name) for name in ("shop-nightly", "data", "nas-abcde")]
    assert {(item.name, item.claim) for item in found} == {("shop-nightly", "data")}


def test_a_configurations_name_that_is_anothers_claim_is_not_guessed() -> None:
    objects = Objects()
    _configuration(objects, "data", "other", "one")
    _configuration(objects, "nightly", "data", "two")
    shown = r"demo/data \(volume other\), demo/nightly \(volume data\); use the name"
    with pytest.raises(UsageError, match=shown):
        find(objects, "data")
    assert [find(objects, name).claim for name in ("one", "two")] == ["other", "data"]
    assert find(objects, "nightly").claim == "data"


def test_a_configuration_of_its_own_volume_wins_over_another_of_the_same() -> None:
    objects = Objects()
    _configuration(objects, "data", "data", "one")
    _configuration(objects, "nightly", "data", "two")
    assert find(objects, "data").name == "data"


def test_a_claim_of_two_configurations_is_not_guessed() -> None:
    objects = Objects()
    _configuration(objects, "hourly", "data", "one")
    _configuration(objects, "nightly", "data", "two")
    with pytest.raises(
        UsageError,
        match=r"is ambiguous: demo/hourly \(volume data\), demo/nightly \(volume data\); use",
    ):
        find(objects, "data")


def test_the_same_name_in_two_namespaces_is_not_guessed() -> None:
    objects = Objects()
    _configuration(objects, "data", "data", "one")
    _configuration(objects, "data", "data", "one", namespace="other")
    with pytest.raises(UsageError, match=r"demo/data .*, other/data "):
        find(objects, "data")


def test_what_lost_its_configuration_is_found_by_its_repository() -> None:
    objects = Objects()
    app = {"kind": "PersistentVolumeClaim", "name": "data"}
    for name in ("nas-abcde", "s3-abcde"):
        objects.add(REPOSITORIES, name, spec={"appRef": app})
    found = find(objects, "data")
    assert found.configuration is None
    assert [item.metadata.name for item in found.repositories] == ["nas-abcde", "s3-abcde"]


def test_a_retired_repository_beside_a_configuration_is_not_taken_for_another_volume() -> None:
    objects = Objects()
    _configuration(objects, "data", "data", "new")
    app = {"kind": "PersistentVolumeClaim", "name": "data"}
    objects.add(REPOSITORIES, "retired", spec={"appRef": app})
    found = find(objects, "retired")
    assert found.name == "data"
    assert [item.metadata.name for item in found.repositories] == ["new", "retired"]


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(UsageError, match="nothing is backed up here"):
        find(Objects(), "data")
    objects = Objects()
    for index in range(12):
        _configuration(objects, f"volume-{index:02}", f"volume-{index:02}", f"nas-{index:02}")
    with pytest.raises(UsageError, match=r"known names: volume-00, .*, volume-09 and more"):
        find(objects, "zzz")
    with pytest.raises(UsageError, match=r"did you mean volume-07\?"):
        find(objects, "volume07")


def test_a_session_has_to_be_named_where_there_are_two() -> None:
    sessions = [{"name": "hourly"}, {"name": "nightly"}]
    model = BackupConfiguration.model_validate(
        {"metadata": {"name": "data"}, "spec": {"sessions": sessions}}
    )
    with pytest.raises(UsageError, match="has the sessions hourly, nightly; choose one"):
        session_of(model, None)
    assert session_of(model, "nightly").name == "nightly"
