"""Discovery and as much of OpenAPI v3 as kubectl needs to leave validation to the server."""

from collections import defaultdict
from collections.abc import Iterable
from typing import cast

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.builtins import Served

VERSION: JsonObject = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+stashgen",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def groups(served: Iterable[Served]) -> JsonObject:
    """``/apis``: the groups besides the core one."""
    versions: dict[str, str] = {}
    for item in served:
        if item.resource.group:
            versions[item.resource.group] = item.resource.version
    found = [
        {
            "name": group,
            "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
            "preferredVersion": {"groupVersion": f"{group}/{version}", "version": version},
        }
        for group, version in sorted(versions.items())
    ]
    return cast("JsonObject", {"kind": "APIGroupList", "apiVersion": "v1", "groups": found})


def resources(served: Iterable[Served], group_version: str) -> JsonObject | None:
    """``/apis/<group>/<version>`` or ``/api/v1``; None for a group that is not served."""
    found: list[JsonObject] = []
    for item in served:
        resource = item.resource
        if resource.api_version != group_version:
            continue
        entry: dict[str, object] = {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _VERBS,
            "shortNames": list(item.short_names),
            "categories": list(item.categories),
        }
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
    """One group's document: it says only that the server checks fields itself."""
    by_path: dict[str, list[Served]] = defaultdict(list)
    for item in served:
        by_path[_prefix(item)].append(item)
    if path not in by_path:
        return None
    paths = {}
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
    info = {"title": "stashgen embedded", "version": str(VERSION["gitVersion"])}
    return cast("JsonObject", {"openapi": "3.0.0", "info": info, "paths": paths})


def _prefix(item: Served) -> str:
    resource = item.resource
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"
