"""Objects with what an earlier version of the controller wrote."""

from typing import cast

import pytest
from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.resources import Resource
from stashgen_controller.runtime.decision import Key
from tests.support.harness import Harness, conditions, good_worker

_OLD: JsonObject = {
    "type": "FieldsSupported",
    "status": "False",
    "reason": "UnsupportedField",
    "message": "spec.sessions[0].hooks: hooks are not supported yet",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (known.BACKUP_CONFIGURATIONS, "library-backup"),
        (known.BACKUP_STORAGES, "local"),
        (known.REPOSITORIES, "repo-local"),
    ],
)
def test_what_earlier_versions_said_is_gone_after_one_look(
    protected: Harness, resource: Resource, name: str
) -> None:
    """Argo CD and Flux go by it, and nobody would decide about it any more."""
    protected.look(Key(resource, "demo", name))
    before = protected.status(resource, "demo", name)
    obj = protected.client.get(resource, "demo", name)
    found = cast("list[JsonValue]", [*conditions(before).values(), _OLD])
    status: JsonObject = {**mapping_of(obj, "status"), "conditions": found}
    protected.client.replace(resource, "demo", {**obj, "status": status}, status=True)
    protected.settle(work=good_worker)
    assert protected.status(resource, "demo", name) == before
