"""Objects that the API server accepts and our models refuse, and what statuses say of them.

A schema cannot express everything: a time of the year 0 passes for a date-time. Nothing is decided
about such an object, nor about one whose look has to read it; both say so in a condition, until the
object has been mended. Statuses are handled as stored here: they may be what cannot be read.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar, cast

from pydantic import JsonValue, ValidationError

from stashgen.api.base import JsonObject, format_time, metadata_of, parse_time
from stashgen.api.meta import Kind
from stashgen.api.resources import Resource
from stashgen.api.shared import ConditionStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.runtime.causes import Cause

KindT = TypeVar("KindT", bound=Kind)

# What reading an object of an odd shape may raise (pydantic.ValidationError is a ValueError).
ODD_SHAPE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# No kind gives one of these for a failed validation of its own.
_REASONS = frozenset({Cause.INVALID_FIELD, ErrorClass.INTERNAL})
_MOST_PROBLEMS = 5
_LONGEST_TEXT = 1000
# What is decided anew at each look, and says nothing of what has happened.
_STANDING = frozenset({"Ready", "NotReady", "Invalid"})


class MalformedError(ValueError):
    """An object of a shape that our models refuse.

    Attributes:
        place: Its kind, namespace and name.
        problems: Each field and what is wrong with it.
    """

    def __init__(
        self, resource: Resource, namespace: str | None, name: str, error: ValidationError
    ) -> None:
        self.place = (resource, namespace or "", name)
        self.problems = "; ".join(_problems(error))
        super().__init__(f"{resource.kind} {name} cannot be read: {self.problems}")


def well_formed(model: type[KindT], objects: Iterable[JsonObject]) -> list[KindT]:
    """Objects as stored as models, without those that cannot be read."""
    found = []
    for obj in objects:
        try:
            found.append(model.from_wire(obj))
        except ValidationError:
            continue
    return found


def _problems(error: ValidationError) -> Iterator[str]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    for item in found[:_MOST_PROBLEMS]:
        field = ""
        for part in item["loc"]:
            field += f"[{part}]" if isinstance(part, int) else f".{part}"
        yield f"{field.removeprefix('.')}: {item['msg'].removeprefix('Value error, ')}"
    if len(found) > _MOST_PROBLEMS:
        yield f"and {len(found) - _MOST_PROBLEMS} more"


def holds(of: Callable[[JsonObject], bool], obj: JsonObject) -> bool:
    """Whether something holds of an object as stored; not of one of an odd shape."""
    try:
        return of(obj)
    except ODD_SHAPE:
        return False


def is_marked(obj: JsonObject) -> bool:
    """Whether the status of an object as stored says that something could not be read."""
    return any(map(_is_mark, _conditions(_status(obj))))


def message_of(obj: JsonObject) -> str:
    """What it says; empty where there is nothing."""
    return next(
        (str(item.get("message") or "") for item in _conditions(_status(obj)) if _is_mark(item)), ""
    )


def marked_status(
    resource: Resource, obj: JsonObject, error: Exception, now: datetime, phases: tuple[str, str]
) -> JsonObject:
    """The status of an object that could not be looked at: as it is, and with the reason.

    Args:
        resource: Its kind.
        obj: As stored.
        error: Why it could not.
        now: The time.
        phases: Of an object that cannot be read itself, and of one that can. What has begun keeps
            its phase: its run goes on meanwhile.
    """
    place = (resource, metadata_of(obj).get("namespace") or "", metadata_of(obj)["name"])
    is_own = isinstance(error, MalformedError) and error.place == place
    status = dict(_status(obj))
    if _may_change_phase(status):
        status["phase"] = phases[0] if is_own else phases[1]
    why = _reason(error, is_own=is_own)
    known = next((item for item in _conditions(status) if _is_validation(item)), None)
    mark: JsonObject = {
        "type": ConditionType.VALIDATION_PASSED.value,
        "status": ConditionStatus.FALSE.value,
        "lastTransitionTime": _since(known, now),
        "reason": why.name,
        "message": why.message[:_LONGEST_TEXT],
    }
    # In its place, so that the message names the same places the next time.
    conditions = [mark if item is known else item for item in _list(status.get("conditions"))]
    return {**status, "conditions": conditions if known is not None else [*conditions, mark]}


def unmarked(obj: JsonObject) -> JsonObject:
    """The object as if its status did not say so: what it says besides is decided anew."""
    if not is_marked(obj):
        return obj
    status = dict(_status(obj))
    conditions = [item for item in _list(status.get("conditions")) if not _is_mark(item)]
    if _may_change_phase(status):
        status.pop("phase", None)
    if conditions:
        status["conditions"] = conditions
    else:
        del status["conditions"]
    without = {key: value for key, value in obj.items() if key != "status"}
    return {**without, "status": status} if status else without


def _reason(error: Exception, *, is_own: bool) -> Reason:
    if isinstance(error, MalformedError):
        return Reason(Cause.INVALID_FIELD, error.problems if is_own else str(error))
    return Reason(ErrorClass.INTERNAL, f"it cannot be processed: {type(error).__name__}: {error}")


def _may_change_phase(status: JsonObject) -> bool:
    """Whether the phase says nothing of a run: nothing has begun, as far as the status knows."""
    others = [item for item in _conditions(status) if not _is_validation(item)]
    is_empty = not others and not status.keys() - {"phase", "conditions"}
    return is_empty or status.get("phase") in _STANDING


def _since(known: JsonObject | None, now: datetime) -> str:
    """The transition time stays where the status stays, if it is not what cannot be read."""
    if known is not None and known.get("status") == ConditionStatus.FALSE:
        try:
            return format_time(parse_time(str(known.get("lastTransitionTime"))))
        except ODD_SHAPE:
            pass
    return format_time(now)


def _is_mark(item: object) -> bool:
    return _is_validation(item) and cast("JsonObject", item).get("reason") in _REASONS


def _is_validation(item: object) -> bool:
    return isinstance(item, dict) and item.get("type") == ConditionType.VALIDATION_PASSED


def _status(obj: JsonObject) -> JsonObject:
    found = obj.get("status")
    return found if isinstance(found, dict) else {}


def _conditions(status: JsonObject) -> list[JsonObject]:
    return [item for item in _list(status.get("conditions")) if isinstance(item, dict)]


def _list(value: object) -> list[JsonValue]:
    return value if isinstance(value, list) else []
