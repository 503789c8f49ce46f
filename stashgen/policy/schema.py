"""JSON Schemas of what people write, for editors and for validators such as kubeconform.

They say the shape only: what refers to another document is known to ``stashgen check`` alone.
"""

import re
from collections.abc import Mapping
from inspect import cleandoc
from typing import cast

from pydantic.json_schema import models_json_schema

from stashgen.api.base import JsonObject, Model
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.guardrail import Guardrail
from stashgen.policy.project import Project
from stashgen.policy.storage import Storage

KINDS: Mapping[str, type[Model]] = {
    "Project": Project,
    "Storage": Storage,
    "BackupPolicy": BackupPolicy,
    "Guardrail": Guardrail,
}
# What yaml-language-server and kubeconform both know.
DIALECT = "http://json-schema.org/draft-07/schema#"

_ATTRIBUTES = "\n\nAttributes:\n"
_NAMES = re.compile(r"^    (\w+(?:, \w+)*): ", re.MULTILINE)
_DEFINITIONS = "$defs"


def schema_of_kind(kind: str) -> JsonObject:
    """The schema of one of ``KINDS``."""
    model = KINDS[kind]
    _, shared = models_json_schema([(model, "validation")])
    definitions = {name: _plain(one) for name, one in _definitions(shared).items()}
    own = definitions.pop(kind)
    found = {"$schema": DIALECT, "title": kind, **own, _DEFINITIONS: definitions}
    return cast("JsonObject", found)


def schema_of_all() -> JsonObject:
    """One schema for a file with documents of several kinds: the kind decides."""
    _, shared = models_json_schema([(model, "validation") for model in KINDS.values()])
    definitions = {name: _plain(one) for name, one in _definitions(shared).items()}
    found: dict[str, object] = {
        "$schema": DIALECT,
        "title": "stashgen",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "allOf": [
            {
                "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
                "then": {"$ref": f"#/{_DEFINITIONS}/{kind}"},
            }
            for kind in KINDS
        ],
        _DEFINITIONS: definitions,
    }
    return cast("JsonObject", found)


def _definitions(schema: Mapping[str, object]) -> Mapping[str, JsonObject]:
    return cast("Mapping[str, JsonObject]", schema[_DEFINITIONS])


def _plain(schema: JsonObject) -> JsonObject:
    """A model's schema as an editor shows it: each field with what its docstring says of it."""
    text, fields = _documented(str(schema.get("description", "")))
    result = cast("JsonObject", _without_titles(schema))
    if "properties" in result:
        properties = cast("dict[str, JsonObject]", result["properties"])
        for name, one in properties.items():
            # A schema that refers to another has no place for a description beside it.
            if (description := fields.get(name)) is not None and "$ref" not in one:
                one["description"] = description
    if text:
        result["description"] = text
    return result


def _documented(docstring: str) -> tuple[str, Mapping[str, str]]:
    """A docstring's text, and what it says of attributes, by their names on the wire."""
    text, _, attributes = cleandoc(docstring).partition(_ATTRIBUTES)
    _, *parts = _NAMES.split(attributes) if attributes else ("",)
    found = {}
    for names, meaning in zip(parts[::2], parts[1::2], strict=True):
        for name in names.split(", "):
            first, *others = name.rstrip("_").split("_")
            found["".join([first, *(one.title() for one in others)])] = _one_line(meaning)
    return _one_line(text), found


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _without_titles(node: object) -> object:
    """Without titles, which repeat the names; null, which means an absent field, in one place."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key != "title"}
    if kept.get("default", ...) is None:
        del kept["default"]
    match kept.get("anyOf"):
        case [{"type": str() as name, **rest}, {"type": "null"}]:
            del kept["anyOf"]
            kept |= {"type": [name, "null"], **rest}
        case _:
            pass
    return {
        key: {name: _without_titles(one) for name, one in value.items()}
        if key == "properties"
        else _without_titles(value)
        for key, value in kept.items()
    }
