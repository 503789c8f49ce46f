"""Who may refer to a BackupStorage or a RetentionPolicy (KubeStash's ``usagePolicy``)."""

from collections.abc import Mapping
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.shared import AllowedNamespaces, NamespaceScope, UsagePolicy


def scope(policy: UsagePolicy | None) -> NamespaceScope:
    """From where the object may be referred to; nothing said means its own namespace."""
    allowed = policy.allowed_namespaces if policy is not None else None
    return (allowed.from_ if allowed is not None else None) or NamespaceScope.SAME


def is_allowed(
    policy: UsagePolicy | None, owner: str, namespace: str, labels: Mapping[str, str]
) -> bool:
    """Whether an object may be referred to from a namespace.

    Args:
        policy: The object's.
        owner: The namespace of the object.
        namespace: From where it is referred to.
        labels: Of the Namespace object of that name.
    """
    match scope(policy):
        case NamespaceScope.ALL:
            return True
        case NamespaceScope.SAME:
            return owner == namespace
        case NamespaceScope.SELECTOR:
            selector = selector_of(policy)
            return selector is not None and matches(selector, labels)


def selector_of(policy: UsagePolicy | None) -> JsonObject | None:
    """The selector of namespaces, if there is one."""
    allowed = (policy or UsagePolicy()).allowed_namespaces or AllowedNamespaces()
    return allowed.selector


def matches(selector: JsonObject, labels: Mapping[str, str]) -> bool:
    """Whether labels fulfil a selector (Kubernetes, "Labels and Selectors"); an empty one always.

    An operator that does not exist matches nothing.
    """
    equal = cast("Mapping[str, str]", selector.get("matchLabels") or {})
    expressions = cast("list[JsonObject]", selector.get("matchExpressions") or [])
    return all(labels.get(key) == value for key, value in equal.items()) and all(
        _fulfils(expression, labels) for expression in expressions
    )


def _fulfils(expression: JsonObject, labels: Mapping[str, str]) -> bool:
    value = labels.get(str(expression.get("key")))
    values = cast("list[str]", expression.get("values") or [])
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False
