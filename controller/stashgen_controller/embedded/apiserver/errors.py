"""Refusals as the API server words them: a Status object with reason, code and details."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import orjson
from pydantic import JsonValue

from stashgen.api.base import JsonObject


class StatusError(Exception):
    """A refused request."""

    def __init__(
        self, code: int, reason: str, message: str, details: JsonObject | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.body: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.body["reason"] = reason
        if details is not None:
            self.body["details"] = details
        self.body["code"] = code


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with an object (apimachinery, ``field.Error``)."""

    field: str
    reason: str
    message: str


def required(field: str, why: str = "") -> Cause:
    """A field that has to be there."""
    return Cause(field, "FieldValueRequired", f"Required value: {why}" if why else "Required value")


def invalid_value(field: str, value: JsonValue, why: str) -> Cause:
    """A value that breaks a rule."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {shown(value)}: {why}")


def unsupported(field: str, value: JsonValue, supported: Sequence[str]) -> Cause:
    """A value that is none of those there are."""
    choices = ", ".join(f'"{item}"' for item in supported)
    message = f"Unsupported value: {shown(value)}: supported values: {choices}"
    return Cause(field, "FieldValueNotSupported", message)


def forbidden(field: str, why: str) -> Cause:
    """A change that may not be made."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {why}")


def shown(value: JsonValue) -> str:
    """A value as a message shows it: objects and lists only by their type."""
    if isinstance(value, dict):
        return '"object"'
    if isinstance(value, list):
        return '"array"'
    return orjson.dumps(value).decode()


def details(plural_or_kind: str, group: str, name: str) -> JsonObject:
    """What a Status says about its object; empty parts are left out."""
    parts = {"name": name, "group": group, "kind": plural_or_kind}
    return {key: value for key, value in parts.items() if value}


def _qualified(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural


def not_found(plural: str, group: str, name: str) -> StatusError:
    """404 for an object."""
    message = f'{_qualified(plural, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, details(plural, group, name))


def no_such_resource() -> StatusError:
    """404 for a path."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(
    plural: str, group: str, name: str, *, is_namespace_terminating: bool
) -> StatusError:
    """409 on a create."""
    message = f'{_qualified(plural, group)} "{name}" already exists'
    if is_namespace_terminating:
        message = f"object is being deleted: {message}"
    return StatusError(409, "AlreadyExists", message, details(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str) -> StatusError:
    """409 on a write."""
    message = f'Operation cannot be fulfilled on {_qualified(plural, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, details(plural, group, name))


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422: each cause is a field and what is wrong with it."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    found: list[JsonObject] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
    ]
    described = details(kind, group, name) | {"causes": cast("JsonValue", found)}
    message = f'{_qualified(kind, group)} "{name}" is invalid: {text}'
    return StatusError(422, "Invalid", message, described)


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(400, "BadRequest", message)


def undeclared(
    api_version: str, kind: str, metadata: JsonObject, fields: Sequence[str]
) -> StatusError:
    """500 for a server-side apply of fields that the kind does not have."""
    name = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
    of = f"{api_version}, Kind={kind}"
    faults = [f".{field}: field not declared in schema" for field in fields]
    text = faults[0] if len(faults) == 1 else "errors:\n  " + "\n  ".join(faults)
    return StatusError(500, "", f"failed to create typed patch object ({name}; {of}): {text}")


def unfit_patch() -> StatusError:
    """422 for a JSON patch whose operations do not fit the object."""
    message = "the server rejected our request due to an error in our request"
    return StatusError(422, "Invalid", message, {})


def unsupported_media_type(known: str) -> StatusError:
    """415."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: " + known
    )
    return StatusError(415, "UnsupportedMediaType", message)


def method_not_allowed() -> StatusError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})


def gone(version: str, oldest: int) -> StatusError:
    """410: a version that is no longer in the history."""
    return StatusError(410, "Expired", f"too old resource version: {version} ({oldest})")
