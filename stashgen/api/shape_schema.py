"""Structural schemas of the shapes, for the CRDs (as KubeStash's generated CRDs have them).

Only types and required fields: no defaults, so that an object is stored as it was written, and no
list keys, so that a list is one value to a server-side apply, as it was before it had a schema.
"""

from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.shapes import LIST, MAP, SHAPES

# resource.Quantity; a number with a fraction has to be written as text, as in KubeStash.
QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_INT_OR_STRING: JsonObject = {"x-kubernetes-int-or-string": True}
_SCALARS: dict[str, JsonObject] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "int-or-string": _INT_OR_STRING,
    "quantity": _INT_OR_STRING | {"pattern": QUANTITY},
}


def shape_schema(name: str) -> JsonObject:
    """The structural schema of a type: a key of ``SHAPES``, a scalar, or a list or map of these."""
    if name in _SCALARS:
        return dict(_SCALARS[name])
    if name.startswith(LIST):
        return {"type": "array", "items": shape_schema(name.removeprefix(LIST))}
    if name.startswith(MAP):
        return {"type": "object", "additionalProperties": shape_schema(name.removeprefix(MAP))}
    fields = SHAPES[name]
    properties = {field: shape_schema(type_.removesuffix("!")) for field, type_ in fields.items()}
    required = [field for field, type_ in fields.items() if type_.endswith("!")]
    found: dict[str, object] = {"type": "object", "properties": properties}
    if required:
        found["required"] = required
    return cast("JsonObject", found)
