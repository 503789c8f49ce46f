"""Refusals as the API server words them: a Status object with reason, code and details."""

from stashgen.api.base import JsonObject


class StatusError(Exception):
    """A refused request."""

    def __init__(self, code: int, reason: str, message: str, details: JsonObject | None = None):
        super().__init__(message)
        self.code = code
        self.body: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details or {},
            "code": code,
        }


def not_found(plural: str, group: str, name: str) -> StatusError:
    """404."""
    qualified = f"{plural}.{group}" if group else plural
    details: JsonObject = {"name": name, "group": group, "kind": plural}
    return StatusError(404, "NotFound", f'{qualified} "{name}" not found', details)


def already_exists(plural: str, group: str, name: str) -> StatusError:
    """409 on a create."""
    qualified = f"{plural}.{group}" if group else plural
    details: JsonObject = {"name": name, "group": group, "kind": plural}
    return StatusError(409, "AlreadyExists", f'{qualified} "{name}" already exists', details)


def conflict(plural: str, group: str, name: str, why: str) -> StatusError:
    """409 on a write."""
    qualified = f"{plural}.{group}" if group else plural
    message = f'Operation cannot be fulfilled on {qualified} "{name}": {why}'
    details: JsonObject = {"name": name, "group": group, "kind": plural}
    return StatusError(409, "Conflict", message, details)


def invalid(kind: str, group: str, name: str, causes: list[tuple[str, str]]) -> StatusError:
    """422: each cause is a field and what is wrong with it."""
    qualified = f"{kind}.{group}" if group else kind
    texts = [f"{field}: {message}" if field else message for field, message in causes]
    shown = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details: JsonObject = {
        "name": name,
        "group": group,
        "kind": kind,
        "causes": [
            {"reason": "FieldValueInvalid", "message": message, "field": field}
            for field, message in causes
        ],
    }
    return StatusError(422, "Invalid", f'{qualified} "{name}" is invalid: {shown}', details)


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(400, "BadRequest", message)


def method_not_allowed() -> StatusError:
    """405."""
    return StatusError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def gone(version: str) -> StatusError:
    """410: a version that is no longer in the history."""
    return StatusError(410, "Expired", f"too old resource version: {version}")
