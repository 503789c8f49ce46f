"""The findings of states that do not compile, in the place of a plan: Markdown and JSON.

A comment of an earlier push would otherwise stay, and say that all is well.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stashgen import __version__
from stashgen.diagnostics import Finding, Position
from stashgen.plan.formats.json_plan import API_VERSION
from stashgen.plan.formats.markdown import MOST_CHARACTERS, escaped

_ROOM_FOR_REST = 200


@dataclass(frozen=True, slots=True)
class RefusedState:
    """One of the two states.

    Attributes:
        findings: Errors, with paths as the reader finds them; empty if it compiles.
    """

    name: str
    findings: Sequence[Finding] = ()


def render_markdown(before: RefusedState, after: RefusedState) -> str:
    """A comment with the mark of a plan, so that it takes the place of an earlier one."""
    text = f"<!-- stashgen plan -->\n### Backups: {_md(before.name)} → {_md(after.name)}\n\n"
    text += "there is no plan: a state does not compile\n"
    entries = [*_entries(before), *_entries(after)]
    for number, entry in enumerate(entries):
        if len(text) + len(entry) > MOST_CHARACTERS - _ROOM_FOR_REST:
            rest = len(entries) - number
            return f"{text}- … and {rest} more, which this comment has no room for\n"
        text += entry
    return text


def _entries(state: RefusedState) -> Iterator[str]:
    for number, one in enumerate(sorted(state.findings, key=Finding.sort_key)):
        head = "" if number else f"\n**{_md(state.name)} does not compile**\n\n"
        lines = (f"why: {one.why}", f"fix: {one.fix}")
        details = "".join(f"  - {_md(line)}\n" for line in lines)
        yield f"{head}- **{_md(str(one.position))}**: {one.code}: {_md(one.what)}\n{details}"


def _md(text: str) -> str:
    """One line, whatever is quoted in it."""
    return escaped(" ".join(text.split()))


def render_json(before: RefusedState, after: RefusedState) -> str:
    """One object of kind Findings (docs/plan-findings.schema.json)."""
    found = {
        "apiVersion": API_VERSION,
        "kind": "Findings",
        "version": __version__,
        "before": before.name,
        "after": after.name,
        "findings": [
            {"side": side, **_finding(one)}
            for side, state in (("before", before), ("after", after))
            for one in sorted(state.findings, key=Finding.sort_key)
        ],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _finding(one: Finding) -> dict[str, object]:
    return {
        "code": one.code,
        "severity": one.severity.value,
        **_place(one.position),
        "subject": one.subject,
        "what": one.what,
        "why": one.why,
        "fix": one.fix,
        "related": [_place(position) for position in one.related],
    }


def _place(position: Position) -> dict[str, object]:
    """From 1; a line of 0 is the whole file."""
    return {"path": str(position.path), "line": position.line, "column": position.column}
