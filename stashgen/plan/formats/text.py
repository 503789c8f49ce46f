"""A Plan as people read it on a terminal."""

from collections.abc import Iterator

from stashgen.diagnostics import printable
from stashgen.plan.plan import Plan
from stashgen.plan.view import Entry, cause_text, sections, summary

_MOST_NAMES = 3


def render(plan: Plan) -> str:
    """The whole plan; names are cut, nothing else is."""
    return "".join(f"{printable(line)}\n" for line in _lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield f"Plan: {plan.before} -> {plan.after}"
    for note in plan.notes:
        yield f"note: {note}"
    if plan.is_empty:
        yield "nothing changes"
        return
    yield summary(plan)
    for section in sections(plan):
        yield ""
        yield section.title
        for entry in section.entries:
            yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    names = shortened(entry.names)
    yield f"  {names}: {entry.text}" if names else f"  {entry.text}"
    for detail in entry.details:
        yield f"    {detail}"
    for cause in entry.causes:
        yield f"    because {cause_text(cause)}"


def shortened(names: tuple[str, ...]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - _MOST_NAMES
    if rest <= 1:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {rest} others"
