"""Strict JSON schemas of all that is rendered: our kinds by our CRDs, the others by Kubernetes.

Those of Kubernetes come from the API description in its own source, the Go module that the real
API server is built from; so the judge of our CronJobs and pods is not our own model of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from stashgen.api.base import JsonObject
from stashgen.api.crd import crd_for
from stashgen.api.definitions import DEFINITIONS
from tools.kubernetes_shapes import api_description

# How kubeconform finds the schema of a kind; a core kind's group is its version.
LOCATION = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
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
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_TEXT: JsonObject = {"type": "string"}
_KUSTOMIZATION: JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "resources"],
    "properties": {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "resources": {"type": "array", "minItems": 1, "items": _TEXT},
    },
}


def write_schemas(folder: Path) -> None:
    """One file a kind, where ``LOCATION`` looks for it."""
    _, described = api_description()
    metadata: JsonObject = {}
    for file, prefix, group, kinds in _KUBERNETES:
        document = json.loads((described / file).read_text(encoding="utf-8"))
        schemas = document["components"]["schemas"]
        metadata = _strict(schemas[_METADATA], schemas)
        for kind in kinds:
            _write(folder, group, kind, "v1", _strict(schemas[f"{prefix}.{kind}"], schemas))
    for definition in DEFINITIONS:
        version = cast("Any", crd_for(definition))["spec"]["versions"][0]
        schema = _strict(version["schema"]["openAPIV3Schema"], {})
        cast("JsonObject", schema["properties"])["metadata"] = metadata
        resource = definition.resource
        _write(folder, resource.group, resource.kind, resource.version, schema)
    _write(folder, "kustomize.config.k8s.io", "Kustomization", "v1beta1", _KUSTOMIZATION)


def _strict(schema: Mapping[str, Any], others: Mapping[str, Any]) -> JsonObject:
    """A schema without references that takes no field it does not name."""
    if "$ref" in schema:
        return _strict(others[schema["$ref"].rpartition("/")[2]], others)
    if len(schema.get("allOf", ())) == 1:
        return _strict(schema["allOf"][0], others)
    result: dict[str, Any] = {
        key: schema[key] for key in ("type", "enum", "oneOf", "required") if key in schema
    }
    if "properties" in schema:
        result["properties"] = {
            name: _strict(value, others) for name, value in schema["properties"].items()
        }
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    if isinstance(values := schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _strict(values, others)
    if "items" in schema:
        result["items"] = _strict(schema["items"], others)
    return result


def _write(folder: Path, group: str, kind: str, version: str, schema: JsonObject) -> None:
    path = folder / group / f"{kind.lower()}_{version}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema), encoding="utf-8")
