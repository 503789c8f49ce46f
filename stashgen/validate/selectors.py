"""Rules for selectors: the match of a policy, of an exclusion, of an exception."""

from collections.abc import Iterator

from stashgen.diagnostics import Finding, quote
from stashgen.kubestash.quantities import quantity
from stashgen.validate.values import Problem, Rule, not_empty, pattern
from stashgen.validate.walk import Code, Keys, each, error
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_SELECTORS = ("clusters", "namespaces", "workloads", "volumes")
# Each selector's own lists of patterns.
_PATTERNS = ("clusters.names", "namespaces.names", "workloads.names", "volumes.storageClasses")
_LISTS = (*_PATTERNS, "volumes.names", "workloads.kinds", "volumes.accessModes")
_WITH_VALUES = frozenset({"In", "NotIn"})
_MATCHES = {
    "Project": ("spec.exclusions[*].match",),
    "BackupPolicy": ("spec.select", "spec.select.exclude[*]", "spec.exceptions[*].match"),
    "Guardrail": ("spec.select", "spec.select.exclude[*]", "spec.exemptions[*].match"),
}
# Where nothing may be meant by accident.
_EXCLUSIONS = {
    "Project": ("spec.exclusions[*].match",),
    "BackupPolicy": ("spec.select.exclude[*]", "spec.exceptions[*].match"),
    "Guardrail": ("spec.select.exclude[*]", "spec.exemptions[*].match"),
}


def volume_pattern(value: Json) -> Problem | None:
    """A pattern of claims, or of ``<namespace>/<claim>``."""
    if not isinstance(value, str):
        return None
    parts = value.split("/")
    if all(parts) and len(parts) <= len(("namespace", "claim")):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} cannot match any volume",
        "it is matched against the claim's name, or with one slash against <namespace>/<claim>",
        'use a shell pattern such as "data-*" or "payments/ledger-*"',
    )


def size(value: Json) -> Problem | None:
    """The size of a volume (Kubernetes, resource.Quantity)."""
    try:
        if not isinstance(value, str) or quantity(value) >= 0:
            return None
    except ValueError:
        pass
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a size",
        "it is compared with what claims request",
        'use a quantity such as "10Gi"',
    )


def _rules() -> Iterator[tuple[str, Rule]]:
    for field in _LISTS:
        yield field, not_empty
    for field in _PATTERNS:
        yield f"{field}[*]", pattern
    yield "volumes.names[*]", volume_pattern
    yield "volumes.size.atLeast", size
    yield "volumes.size.atMost", size


RULES = {
    kind: tuple((f"{path}.{field}", rule) for path in paths for field, rule in _rules())
    for kind, paths in _MATCHES.items()
}
_OF_VOLUMES = "spec.select.volumes"
# Kinds whose volumes have a short form of an exclusion.
_WITH_SHORT_FORM = ("BackupPolicy", "Guardrail")
for _kind in _WITH_SHORT_FORM:
    RULES[_kind] += tuple(
        (field.replace("volumes.", f"{_OF_VOLUMES}.exclude.", 1), rule)
        for field, rule in _rules()
        if field.startswith("volumes.")
    )


def selector_findings(document: Document, kind: str) -> Iterator[Finding]:
    """Expressions with too few or too many values, and exclusions that would exclude everything."""
    clusters = ("spec.clusters",) if kind == "Storage" else ()
    matches = (f"{path}.{one}" for path in _MATCHES.get(kind, ()) for one in _SELECTORS)
    excluded = (f"{_OF_VOLUMES}.exclude",) if kind in _WITH_SHORT_FORM else ()
    for path in (*clusters, *matches, *excluded):
        for keys, expression in each(document, f"{path}.matchExpressions[*]"):
            if isinstance(expression, dict):
                yield from _expression(document, keys, expression)
    for path in (*_EXCLUSIONS.get(kind, ()), *excluded):
        for keys, match in each(document, path):
            if not _restricts(match):
                yield error(
                    Code.NOT_ALLOWED,
                    document,
                    keys,
                    what="this matches every volume",
                    why="no selector of it has a condition",
                    fix="add a condition, such as names"
                    if path in excluded
                    else f"add a condition to one of {', '.join(_SELECTORS)}",
                )


def _expression(document: Document, keys: Keys, expression: dict[str, Json]) -> Iterator[Finding]:
    operator, values = expression.get("operator"), expression.get("values")
    needs = operator in _WITH_VALUES
    if operator is None or needs == bool(values):
        return
    yield error(
        Code.NOT_ALLOWED,
        document,
        (*keys, "values") if values else keys,
        what=f"operator {quote(str(operator))} {'needs' if needs else 'takes no'} values",
        why="Kubernetes' label selectors are written so",
        fix="add values" if needs else "remove values, or use In or NotIn",
    )


def _restricts(node: Json) -> bool:
    if isinstance(node, dict):
        return any(_restricts(value) for value in node.values())
    return node is not None
