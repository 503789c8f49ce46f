"""What an object goes through before it is stored: decoding, pruning, defaults, rules."""

from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, metadata_of
from stashgen_controller.embedded.apiserver import validation
from stashgen_controller.embedded.apiserver.builtin_types import (
    WrongTypeError,
    decode,
    decode_metadata,
)
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.embedded.apiserver.custom import definition_errors
from stashgen_controller.embedded.apiserver.defaults import set_defaults
from stashgen_controller.embedded.apiserver.errors import bad_request, invalid, undeclared

Query = Mapping[str, str]


def check_kind(served: Served, body: JsonObject) -> None:
    """Compare what the body says it is with where it was sent.

    Raises:
        StatusError: 400 when they differ.
    """
    resource = served.resource
    given = (body.get("apiVersion"), body.get("kind"))
    wanted = (resource.api_version, resource.kind)
    for name, have, want in zip(("apiVersion", "kind"), given, wanted, strict=True):
        if have not in {None, "", want}:
            raise bad_request(
                f"the {name} in the data ({have}) does not match the expected {name} ({want})"
            )


def shape(
    served: Served, body: JsonObject, query: Query, *, is_applied: bool = False
) -> JsonObject:
    """The object with the fields that its kind has; all others are dropped, or refused if asked.

    Args:
        served: Its kind.
        body: What was sent.
        query: The request's parameters.
        is_applied: By a server-side apply, which merges only fields that a schema declares.

    Raises:
        StatusError: 400 for a field of another type, or for unknown fields under Strict; 500 for
            unknown fields that are applied.
    """
    resource = served.resource
    try:
        if served.schema is None:
            obj, unknown = decode(resource.kind, body)
        else:
            metadata, unknown = decode_metadata(body.get("metadata") or {})
            obj = served.schema.prune(body) | {"metadata": metadata}
            unknown = [*unknown, *served.schema.unknown_fields(body)]
    except WrongTypeError as error:
        raise bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a '
            f"{resource.kind}: {error}"
        ) from error
    if unknown and is_applied:
        raise undeclared(resource.api_version, resource.kind, metadata_of(body), unknown)
    if unknown and query.get("fieldValidation") == "Strict":
        shown = ", ".join(f'unknown field "{field}"' for field in unknown)
        raise bad_request(f"strict decoding error: {shown}")
    return obj | {"apiVersion": resource.api_version, "kind": resource.kind}


def fill(served: Served, obj: JsonObject, old: JsonObject | None) -> JsonObject:
    """The object with its defaults; a built-in object gets them all when it is created."""
    if served.schema is not None:
        return served.schema.fill(obj)
    return set_defaults(served.resource.kind, obj) if old is None else obj


def validate(served: Served, obj: JsonObject, old: JsonObject | None) -> None:
    """Apply every rule.

    Raises:
        StatusError: 422 with all that is wrong.
    """
    resource = served.resource
    metadata = cast("JsonObject", obj["metadata"])
    before = cast("JsonObject", old["metadata"]) if old is not None else None
    found = validation.metadata_errors(resource.kind, metadata, before)
    if served.schema is not None:
        found += served.schema.errors(obj, old)
    elif resource.kind == "CustomResourceDefinition":
        found += definition_errors(obj)
    else:
        found += validation.errors(resource.kind, obj, old)
    if found:
        raise invalid(resource.kind, resource.group, str(metadata.get("name") or ""), found)


def desired(served: Served, obj: JsonObject) -> Mapping[str, JsonValue]:
    """What a change of counts as another generation."""
    ignored = {"metadata", "status"} if served.has_status else {"metadata"}
    return {key: value for key, value in obj.items() if key not in ignored}
