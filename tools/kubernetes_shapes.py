"""Write ``stashgen/api/kubernetes_shapes.py`` from Kubernetes' own API description.

usage: python -m tools.kubernetes_shapes

The description is in the Go module that the tests' kube-apiserver is built from. The CRDs are made
from the table that is written here, so they need neither Go nor a network.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
TABLE = _ROOT / "stashgen" / "api" / "kubernetes_shapes.py"
_MODULE = _ROOT / "tools" / "go" / "kubernetes"
_CORE = "io.k8s.api.core.v1."
_SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
}
# What the fields of KubeStash's kinds are made of; what these consist of follows.
_ROOTS = (
    "Affinity",
    "Container",
    "ContainerPort",
    "EnvFromSource",
    "EnvVar",
    "Lifecycle",
    "LocalObjectReference",
    "PersistentVolumeClaim",
    "PodDNSConfig",
    "PodReadinessGate",
    "PodSecurityContext",
    "Probe",
    "ResourceRequirements",
    "SecurityContext",
    "Toleration",
    "TopologySpreadConstraint",
    "Volume",
    "VolumeDevice",
    "VolumeMount",
)
# An embedded object has no more: a server fills in the rest (KubeStash's PartialObjectMeta).
_METADATA = {"annotations", "generateName", "labels", "name", "namespace", "ownerReferences"}
_HEAD = '''"""Kubernetes' own types, as far as KubeStash's kinds have fields of them.

Made by tools/kubernetes_shapes.py from the API description of Kubernetes {version}: do not edit.
"""

from collections.abc import Mapping

# Each field's type; one that is required ends with "!".
SHAPES: Mapping[str, Mapping[str, str]] = {{
'''


def api_description() -> tuple[str, Path]:
    """Kubernetes' version, and the folder with its OpenAPI documents."""
    made = subprocess.run(
        ["go", "mod", "download", "-json", "k8s.io/kubernetes"],
        cwd=_MODULE,
        check=True,
        stdout=subprocess.PIPE,
    )
    module = json.loads(made.stdout)
    return str(module["Version"]), Path(module["Dir"]) / "api" / "openapi-spec" / "v3"


def table() -> str:
    """The text of the module."""
    version, folder = api_description()
    document = json.loads((folder / "api__v1_openapi.json").read_text(encoding="utf-8"))
    known = document["components"]["schemas"]
    found: dict[str, dict[str, str]] = {}
    wanted = [f"{_CORE}{name}" for name in _ROOTS]
    while wanted:
        name = wanted.pop()
        short = name.rpartition(".")[2]
        if short not in found:
            found[short] = dict(_fields(short, known[name]))
            wanted += _references(known[name], set(found[short]))
    return _HEAD.format(version=version) + "".join(_lines(found)) + "}\n"


def _fields(name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    required = set(schema.get("required", ()))
    for field, inner in sorted(schema["properties"].items()):
        if name != "ObjectMeta" or field in _METADATA:
            yield field, _type(inner) + ("!" if field in required else "")


def _type(schema: Mapping[str, Any]) -> str:
    """Go's notation for lists and maps.

    Raises:
        ValueError: Kubernetes describes a field in a way that it did not before.
    """
    if reference := _reference(schema):
        return _SPECIAL.get(reference, reference.rpartition(".")[2])
    match schema["type"]:
        case "array":
            return f"[]{_type(schema['items'])}"
        case "object":
            return f"map[string]{_type(schema['additionalProperties'])}"
        case "string" | "integer" | "boolean" as scalar:
            return str(scalar)
        case other:
            msg = f"no notation for {other!r}"
            raise ValueError(msg)


def _reference(schema: Mapping[str, Any]) -> str:
    one = schema.get("allOf", [schema])[0]
    return str(one.get("$ref", "")).rpartition("/")[2]


def _references(schema: Mapping[str, Any], fields: set[str]) -> Iterator[str]:
    for field, inner in schema["properties"].items():
        if field in fields:
            for item in (inner, inner.get("items"), inner.get("additionalProperties")):
                reference = _reference(item) if isinstance(item, dict) else ""
                if reference and reference not in _SPECIAL:
                    yield reference


def _lines(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, fields in sorted(found.items()):
        yield f'    "{name}": {{\n'
        for field, type_ in fields.items():
            yield f'        "{field}": "{type_}",\n'
        yield "    },\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
