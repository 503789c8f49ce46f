"""Who may refer to a storage or policy: the table of scopes, and label selectors."""

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.shared import LabelSelector, NamespaceScope, UsagePolicy
from stashgen.kubestash.validation import usage_policies

_PROD = {"kubernetes.io/metadata.name": "prod", "tier": "gold"}


def _policy(allowed: JsonObject | None) -> UsagePolicy:
    return UsagePolicy.model_validate({"allowedNamespaces": allowed})


@pytest.mark.parametrize(
    ("operator", "values"),
    [("Near", ["prod"]), ("", ["prod"]), ("in", ["prod"]), ("In", None), ("In", [])],
)
def test_expression_that_means_nothing_matches_nothing(
    operator: str, values: list[str] | None
) -> None:
    expression = {"key": "tier", "operator": operator, "values": values}
    selector = LabelSelector.model_validate({"matchExpressions": [expression]})
    assert not usage_policies.matches(selector, {"tier": "prod"})


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": {"tier": "gold"}}, True),
        ({"matchLabels": {"tier": "gold", "other": "x"}}, False),
        ({"matchLabels": {"tier": ""}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["gold", "x"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "none", "operator": "In", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["gold"]}]}, False),
        ({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "none", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        (
            {
                "matchLabels": {"tier": "gold"},
                "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
            },
            False,
        ),
    ],
)
def test_selector_is_read_as_kubernetes_reads_it(selector: JsonObject, matches: bool) -> None:
    assert usage_policies.matches(LabelSelector.model_validate(selector), _PROD) is matches


_BY_NAME: JsonObject = {
    "from": "Selector",
    "selector": {
        "matchExpressions": [
            {
                "key": "kubernetes.io/metadata.name",
                "operator": "In",
                "values": ["prod", "staging"],
            }
        ]
    },
}


@pytest.mark.parametrize(
    ("policy", "namespace", "allowed"),
    [
        (None, "store", True),
        (None, "prod", False),
        (UsagePolicy(), "store", True),
        (UsagePolicy(), "prod", False),
        (_policy({}), "store", True),
        (_policy({}), "prod", False),
        (_policy({"from": "Same"}), "store", True),
        (_policy({"from": "Same"}), "prod", False),
        (_policy({"from": "All"}), "prod", True),
        (_policy(_BY_NAME), "prod", True),
        (_policy({"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}), "prod", False),
        (_policy({"from": "Selector", "selector": {}}), "prod", True),
        (_policy({"from": "Selector"}), "store", False),
    ],
)
def test_scope_says_who_may_refer(
    policy: UsagePolicy | None, namespace: str, allowed: bool
) -> None:
    assert usage_policies.is_allowed(policy, "store", namespace, _PROD) is allowed


def test_selector_looks_at_labels_and_not_at_the_owner() -> None:
    assert not usage_policies.is_allowed(_policy(_BY_NAME), "store", "store", {})


def test_nothing_said_means_the_same_namespace() -> None:
    assert usage_policies.scope(None) is usage_policies.scope(_policy({})) is NamespaceScope.SAME
    assert usage_policies.selector_of(None) is None
