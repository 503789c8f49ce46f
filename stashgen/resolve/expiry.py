"""What holds until a day: exclusions, exceptions, and opt-outs."""

from datetime import date

from stashgen.diagnostics import Finding, quote
from stashgen.model.source import Origin
from stashgen.resolve.findings import Code, finding


def expired(origin: Origin, what: str, until: str, today: date) -> Finding | None:
    """An error if the day has passed.

    Args:
        origin: Where the day is written.
        what: What holds until then, such as ``this exclusion``.
        until: The last day, ``YYYY-MM-DD``.
        today: In UTC.
    """
    if date.fromisoformat(until) >= today:
        return None
    return finding(
        Code.EXPIRED,
        origin,
        f"{what} was until {quote(until)}",
        why="the day has passed, and whoever set it wanted the decision to be made again then",
        fix="delete it, or write a later day",
    )
