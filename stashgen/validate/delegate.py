"""The bounds of what a policy delegates."""

from collections.abc import Iterator

from stashgen.diagnostics import Finding, quote
from stashgen.policy.duration import parse_duration
from stashgen.validate.walk import Code, Keys, error, value_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_EVERY: Keys = ("spec", "delegate", "every")


def delegate_findings(document: Document) -> Iterator[Finding]:
    """Bounds that no interval is within."""
    least, most = (_seconds(document, field) for field in ("atLeast", "atMost"))
    if least is not None and most is not None and least > most:
        low = value_at(document, "spec.delegate.every.atLeast")
        high = value_at(document, "spec.delegate.every.atMost")
        yield error(
            Code.NOT_ALLOWED,
            document,
            (*_EVERY, "atMost"),
            what=f"atMost {_text(high)} is less than atLeast {_text(low)}",
            why="no interval is within such bounds",
            fix="exchange them, or remove one",
            related=(document.position(*_EVERY, "atLeast"),),
        )


def _seconds(document: Document, field: str) -> int | None:
    """A bound; None without a valid one, which is reported elsewhere."""
    value = value_at(document, f"spec.delegate.every.{field}")
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _text(value: Json) -> str:
    return quote(str(value))
