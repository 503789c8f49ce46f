"""``spec.requires``: which versions of stashgen a project was written for."""

import operator
import re
from collections.abc import Callable, Iterator

from stashgen import __version__
from stashgen.diagnostics import Finding, quote
from stashgen.validate.walk import Code, error, texts
from stashgen.yaml.documents import Document

_PART = re.compile(r"(>=|<=|==|!=|>|<) *([0-9]{1,6}(?:\.[0-9]{1,6}){0,2})", re.ASCII)
_Version = tuple[int, ...]
_COMPARE: dict[str, Callable[[_Version, _Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def version_findings(project: Document, version: str = __version__) -> Iterator[Finding]:
    """Whether the project allows this version: another one could render different bytes."""
    for keys, text in texts(project, "spec.requires"):
        parts = [_PART.fullmatch(part.strip()) for part in text.split(",")]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            yield error(
                Code.NOT_ALLOWED,
                project,
                keys,
                what=f"{quote(text)} is not a version range",
                why="a range consists of comparisons with a version, separated by commas",
                fix='write a range such as ">=0.1,<0.2"',
            )
        elif not all(_COMPARE[part[1]](_read(version), _read(part[2])) for part in known):
            yield error(
                Code.TOOL_VERSION,
                project,
                keys,
                what=f"this is stashgen {version}, but the project requires {quote(text)}",
                why="another version may render different files",
                fix="use a version in the range, or change the range and review the build's diff",
            )


def _read(text: str) -> _Version:
    numbers = [int(number) for number in text.split(".")]
    return (*numbers, *(0,) * (3 - len(numbers)))
