"""Rules for what Guardrails say to people; expressions are checked where they are compiled."""

from stashgen.diagnostics import quote
from stashgen.model.facts import MESSAGE_FACTS
from stashgen.policy.template import check_template
from stashgen.validate.values import Problem
from stashgen.validate.walk import Code
from stashgen.yaml.nodes import Json


def message(value: Json) -> Problem | None:
    """A message, in which the names of facts are replaced."""
    if not isinstance(value, str):
        return None
    try:
        check_template(value, MESSAGE_FACTS)
    except ValueError as error:
        return Problem(
            Code.TEMPLATE,
            f"{quote(value)} is not a valid message",
            str(error),
            "use facts such as {{ volume.rpo }}, or words",
        )
    return None
