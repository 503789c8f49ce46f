"""A server stores what is rendered as it is: nothing was left for it to look up or fill in."""

from collections.abc import Mapping
from typing import cast

from stashgen.api import resources
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from tests.api_contract.servers import Server
from tests.support.every_field import manifests

_RESOURCES: Mapping[object, Resource] = {
    resource.kind: resource
    for resource in (
        *resources.KUBESTASH,
        resources.POD_TEMPLATES,
        resources.SERVICE_ACCOUNTS,
        resources.CRON_JOBS,
        resources.ROLES,
        resources.ROLE_BINDINGS,
    )
}


# Go writes a template's metadata, and the time in it, though nothing was said.
_NOTHING: tuple[tuple[str, object], ...] = (
    ("creationTimestamp", None),
    ("metadata", {}),
    ("metadata", {"creationTimestamp": None}),
)


def _content(data: object) -> object:
    """An object without what every server adds to every object."""
    if isinstance(data, dict):
        entries = [entry for entry in data.items() if entry not in _NOTHING]
        return {key: _content(value) for key, value in entries}
    return [_content(item) for item in data] if isinstance(data, list | tuple) else data


def test_rendered_objects_are_stored_unchanged(server: Server) -> None:
    made = [item.data for item in manifests() if item.data["kind"] != "Kustomization"]
    body: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}
    server.client.create(resources.NAMESPACES, None, body)
    for data in made:
        resource = _RESOURCES[data["kind"]]
        stored = cast("JsonObject", _content(server.client.create(resource, "demo", data)))
        metadata = cast("JsonObject", data["metadata"])
        kept = cast("JsonObject", stored["metadata"])
        assert {key: kept[key] for key in metadata} == metadata
        rest = {key: value for key, value in data.items() if key != "metadata"}
        assert {key: stored[key] for key in rest} == rest
