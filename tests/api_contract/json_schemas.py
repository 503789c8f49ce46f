"""Strict JSON schemas of all that is rendered: our kinds by ours, the others by Kubernetes.

Those of Kubernetes come from the API description in its own source, the Go module that the real
API server is built from; so the judge of our CronJobs and pods is not our own model of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stashgen.api.json_schema import path, schemas, strict
from tools.kubernetes_shapes import api_description

_KUBERNETES = (
    ("api__v1_openapi.json", "io.k8s.api.core.v1", "v1", ("PodTemplate", "ServiceAccount")),
    ("apis__batch__v1_openapi.json", "io.k8s.api.batch.v1", "batch", ("CronJob",)),
    (
        "apis__rbac.authorization.k8s.io__v1_openapi.json",
        "io.k8s.api.rbac.v1",
        "rbac.authorization.k8s.io",
        ("Role", "RoleBinding"),
    ),
)


def write_schemas(folder: Path) -> None:
    """One file a kind, where ``LOCATION`` looks for it."""
    _, described = api_description()
    found = dict(schemas())
    for file, prefix, group, kinds in _KUBERNETES:
        document = json.loads((described / file).read_text(encoding="utf-8"))
        known = document["components"]["schemas"]
        for kind in kinds:
            found[path(group, kind, "v1")] = strict(_resolved(known[f"{prefix}.{kind}"], known))
    for name, schema in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(schema), encoding="utf-8")


def _resolved(schema: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without references."""
    if "$ref" in schema:
        return _resolved(others[schema["$ref"].rpartition("/")[2]], others)
    if len(schema.get("allOf", ())) == 1:
        return _resolved(schema["allOf"][0], others)
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {
            name: _resolved(value, others) for name, value in schema["properties"].items()
        }
    for key in ("additionalProperties", "items"):
        if isinstance(value := schema.get(key), dict):
            result[key] = _resolved(value, others)
    return result
