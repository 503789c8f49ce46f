"""The proven objects of one volume (data/one_volume.yaml), as models and as plain data."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

import yaml

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import TaskReference

_FILE = Path(__file__).parent / "data" / "one_volume.yaml"


@cache
def documents() -> tuple[JsonObject, ...]:
    """All objects, as plain data, in the file's order."""
    return tuple(yaml.safe_load_all(_FILE.read_text(encoding="utf-8")))


def expected(kind: str, name: str) -> JsonObject:
    """One of the objects, as plain data."""
    found = [
        item
        for item in documents()
        if item["kind"] == kind and cast("Mapping[str, str]", item["metadata"])["name"] == name
    ]
    assert len(found) == 1, (kind, name)
    return found[0]


def template(name: str) -> JsonObject:
    """The ``template`` of a PodTemplate."""
    return cast("JsonObject", expected("PodTemplate", name)["template"])


def storage() -> BackupStorage:
    """A local storage on a claim."""
    return BackupStorage.model_validate(expected("BackupStorage", "local"))


def repository() -> Repository:
    """The volume's repository in it."""
    return Repository.model_validate(expected("Repository", "local-k3f9q"))


def configuration() -> BackupConfiguration:
    """The volume's BackupConfiguration."""
    return BackupConfiguration.model_validate(expected("BackupConfiguration", "library"))


def session() -> Session:
    """Its only session."""
    return configuration().spec.sessions[0]


def task() -> TaskReference:
    """The task of the session."""
    addon = session().addon
    assert addon is not None
    assert addon.tasks is not None
    return addon.tasks[0]


def retention() -> RetentionPolicy:
    """What is kept."""
    return RetentionPolicy.model_validate(expected("RetentionPolicy", "keep-last2"))
