"""Who may refer to a BackupStorage or a RetentionPolicy (KubeStash's ``usagePolicy``)."""

from collections.abc import Mapping

from stashgen.api.shared import (
    AllowedNamespaces,
    LabelSelector,
    LabelSelectorRequirement,
    NamespaceScope,
    UsagePolicy,
)


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


def selector_of(policy: UsagePolicy | None) -> LabelSelector | None:
    """The selector of namespaces, if there is one."""
    allowed = (policy or UsagePolicy()).allowed_namespaces or AllowedNamespaces()
    return allowed.selector


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether labels fulfil a selector (Kubernetes, "Labels and Selectors"); an empty one always.

    An operator that does not exist matches nothing.
    """
    equal = (selector.match_labels or {}).items()
    return all(labels.get(key) == value for key, value in equal) and all(
        _fulfils(expression, labels) for expression in selector.match_expressions or ()
    )


def _fulfils(expression: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    values = expression.values or ()
    match expression.operator:
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
