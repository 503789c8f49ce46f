"""Discovery and as much of OpenAPI v3 as kubectl needs to leave validation to the server."""

from collections import defaultdict
from collections.abc import Iterable
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.builtins import Served

VERSION: JsonObject = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+stashgen",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def groups(served: Iterable[Served]) -> JsonObject:
    """``/apis``: the groups besides the core one."""
    found: list[JsonValue] = [_group(*item) for item in sorted(_versions(served).items())]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(served: Iterable[Served], name: str) -> JsonObject | None:
    """``/apis/<group>``; None for a group that is not served."""
    version = _versions(served).get(name)
    if version is None:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, version)


def _versions(served: Iterable[Served]) -> dict[str, str]:
    return {item.resource.group: item.resource.version for item in served if item.resource.group}


def _group(name: str, version: str) -> JsonObject:
    known: JsonObject = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [known], "preferredVersion": known}


def resources(served: Iterable[Served], group_version: str) -> JsonObject | None:
    """``/apis/<group>/<version>`` or ``/api/v1``; None for a group that is not served."""
    found: list[JsonObject] = []
    for item in served:
        resource = item.resource
        if resource.api_version != group_version:
            continue
        entry: dict[str, object] = {
            "name": resource.plural,
            "singularName": item.singular or resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _VERBS,
        }
        if item.short_names:
            entry["shortNames"] = list(item.short_names)
        if item.categories:
            entry["categories"] = list(item.categories)
        found.append(cast("JsonObject", entry))
        if item.has_status:
            status = {
                "name": f"{resource.plural}/status",
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": ["get", "patch", "update"],
            }
            found.append(cast("JsonObject", status))
    if not found:
        return None
    return cast(
        "JsonObject",
        {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": found,
        },
    )


def openapi_root(served: Iterable[Served]) -> JsonObject:
    """``/openapi/v3``: where each group's document is."""
    paths = {_prefix(item) for item in served}
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in sorted(paths)}}


def openapi_document(served: Iterable[Served], path: str) -> JsonObject | None:
    """One group's document: our kinds, and that the server checks fields itself."""
    by_path: dict[str, list[Served]] = defaultdict(list)
    for item in served:
        by_path[_prefix(item)].append(item)
    if path not in by_path:
        return None
    paths = {}
    schemas: JsonObject = {}
    for item in by_path[path]:
        resource = item.resource
        scope = "/namespaces/{namespace}" if resource.namespaced else ""
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        paths[f"/{path}{scope}/{resource.plural}/{{name}}"] = {
            "patch": {
                "parameters": [
                    {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
                ],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-group-version-kind": kind,
            }
        }
        if item.schema is not None:
            name = ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])
            kinds: JsonValue = [cast("JsonValue", kind)]
            schemas[name] = item.schema.source | {"x-kubernetes-group-version-kind": kinds}
    info = {"title": "stashgen embedded", "version": str(VERSION["gitVersion"])}
    components = {"schemas": schemas}
    document = {"openapi": "3.0.0", "info": info, "paths": paths, "components": components}
    return cast("JsonObject", document)


def _prefix(item: Served) -> str:
    resource = item.resource
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"
