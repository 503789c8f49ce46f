"""Access documents as people wrote them, whatever their shape.

Rules work on the written data, not on the models, so that a typo in one field does not hide errors
in the others: everything is reported at once.
"""

from collections.abc import Iterator
from enum import StrEnum

from stashgen.diagnostics import Finding, Position, Severity
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

Keys = tuple[str | int, ...]
# Where a BackupPolicy has settings of volumes.
SETTINGS = ("spec", "spec.exceptions[*].set")


class Code(StrEnum):
    """What validation may report; each is explained in docs/findings.md."""

    UNKNOWN_FIELD = "SG201"
    MISSING_FIELD = "SG202"
    WRONG_TYPE = "SG203"
    NOT_SUPPORTED = "SG204"
    NOT_ALLOWED = "SG205"
    NAME = "SG206"
    DURATION = "SG207"
    EXACTLY_ONE = "SG208"
    TEMPLATE = "SG209"
    UNKNOWN_KIND = "SG210"
    RETENTION_RULE = "SG211"
    NO_CLUSTER_ID = "SG212"
    NOTHING_KEPT = "SG213"
    COUNT_PAST_MAX_AGE = "SG406"
    NO_SUCH_OBJECT = "SG301"
    DEFINED_TWICE = "SG302"
    LISTED_TWICE = "SG303"
    PLAIN_SECRET = "SG304"  # noqa: S105 (a finding's code)
    TOOL_VERSION = "SG305"
    NO_KEY = "SG306"
    EXTENDS_ITSELF = "SG307"


def each(document: Document, path: str) -> Iterator[tuple[Keys, Json]]:
    """Every value at a path such as ``spec.sessions[*].name``, with the keys that lead to it.

    Missing keys and unexpected shapes on the way end the search there.
    """
    yield from _each(document.data, (), path.replace("[*]", ".*").split("."))


def _each(node: Json, keys: Keys, steps: list[str]) -> Iterator[tuple[Keys, Json]]:
    if not steps:
        yield keys, node
    elif steps[0] == "*":
        if isinstance(node, list):
            for index, item in enumerate(node):
                yield from _each(item, (*keys, index), steps[1:])
    elif isinstance(node, dict) and steps[0] in node:
        yield from _each(node[steps[0]], (*keys, steps[0]), steps[1:])


def texts(document: Document, path: str) -> Iterator[tuple[Keys, str]]:
    """Every string value at a path."""
    for keys, value in each(document, path):
        if isinstance(value, str):
            yield keys, value


def value_at(document: Document, path: str) -> Json:
    """The one value at a path without ``[*]``; None if there is none."""
    return next((value for _, value in each(document, path)), None)


def error(
    code: StrEnum,
    document: Document,
    keys: Keys,
    *,
    what: str,
    why: str,
    fix: str,
    at_key: bool = False,
    related: tuple[Position, ...] = (),
) -> Finding:
    """An error at a value of a document, or with ``at_key`` at its key."""
    position = document.key_position(*keys) if at_key else document.position(*keys)
    return Finding(
        code=code,
        severity=Severity.ERROR,
        position=position,
        subject=document.subject(*keys),
        what=what,
        why=why,
        fix=fix,
        related=related,
    )
