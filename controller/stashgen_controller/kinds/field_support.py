"""The condition that says which fields of an object we do not implement."""

from datetime import datetime

from stashgen.api.base import Model
from stashgen.api.shared import Condition
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.validation.supported import unsupported
from stashgen_controller.runtime.conditions import condition, with_condition, without


def with_support(
    conditions: tuple[Condition, ...], obj: Model, now: datetime
) -> tuple[Condition, ...]:
    """The conditions with a False one as long as the object asks for what is not implemented."""
    found = unsupported(obj)
    if not found:
        return without(conditions, ConditionType.FIELDS_SUPPORTED)
    message = "; ".join(f"{item.path}: {item.why}" for item in found)
    return with_condition(
        conditions,
        condition(
            ConditionType.FIELDS_SUPPORTED,
            status=False,
            reason="UnsupportedField",
            message=message,
            now=now,
        ),
    )
