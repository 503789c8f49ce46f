"""A Plan as a comment of a pull request, at most as long as GitHub and GitLab take it.

What a reviewer has to see stands open, the rest is folded. Where there is no room for all of it,
the comment says of each section how much is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, select_autoescape

from stashgen.diagnostics import printable
from stashgen.plan.plan import Plan
from stashgen.plan.view import Entry, Section, cause_text, sections, summary

# GitHub counts characters, and GitLab takes more.
MOST_CHARACTERS = 65_536
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>&])")


@dataclass(frozen=True, slots=True)
class _Room:
    """How much is shown: entries of a section, and names of an entry."""

    entries: int
    names: int


_ROOMS = (_Room(1000, 20), _Room(200, 10), _Room(50, 5), _Room(20, 3), _Room(5, 1), _Room(0, 0))


@dataclass(frozen=True, slots=True)
class _ShownEntry:
    text: str
    names: str
    details: tuple[str, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ShownSection:
    title: str
    number: int
    entries: tuple[_ShownEntry, ...]
    left_out: int
    is_grave: bool


def render(plan: Plan) -> str:
    """The comment; its first line is a mark by which a bot finds it again."""
    found = sections(plan)
    for room in _ROOMS:
        text = _rendered(plan, found, room)
        if len(text) <= MOST_CHARACTERS:
            return text
    # Not even the notes have room: they are the only part without a bound.
    return _rendered(plan, (), _ROOMS[-1])[:MOST_CHARACTERS]


def _rendered(plan: Plan, found: tuple[Section, ...], room: _Room) -> str:
    # Every value goes through the filter, which escapes what HTML and Markdown would interpret.
    environment = Environment(
        loader=PackageLoader("stashgen.plan", "formats"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=select_autoescape(),  # that is for HTML alone
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escaped
    return environment.get_template("plan.md.j2").render(
        before=plan.before,
        after=plan.after,
        notes=plan.notes,
        summary="nothing changes" if plan.is_empty else summary(plan),
        sections=[*_shown(found, room)],
    )


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; it mentions nobody and links no issue."""
    shown = _SPECIAL.sub(r"\\\1", printable(text).replace(" -> ", " → "))
    # A zero-width space: a backslash does not keep GitHub from mentioning and linking.
    return shown.replace("@", "@\u200b").replace("#", "#\u200b")


def _shown(found: tuple[Section, ...], room: _Room) -> Iterator[_ShownSection]:
    for section in found:
        entries = section.entries[: room.entries]
        yield _ShownSection(
            section.title,
            len(section.entries),
            tuple(_entry(entry, room) for entry in entries),
            len(section.entries) - len(entries),
            section.is_grave,
        )


def _entry(entry: Entry, room: _Room) -> _ShownEntry:
    names = ", ".join(entry.names[: room.names])
    rest = len(entry.names) - room.names
    return _ShownEntry(
        entry.text,
        f"{names} and {rest} more" if rest > 0 else names,
        entry.details,
        tuple(cause_text(cause) for cause in entry.causes),
    )
