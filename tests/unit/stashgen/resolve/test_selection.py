"""Which policy protects which volume."""

import pytest

from stashgen.diagnostics import Severity
from stashgen.model.resolved import Resolved
from tests.support.project import POLICY, STORAGE, claim, codes, namespace, resolved

_SELECT = "select: {exclude: [{volumes: {names: [backup-store]}}]}"


def _policy(select: str, name: str = "hourly") -> str:
    assert _SELECT in POLICY
    return POLICY.replace(_SELECT, f"select: {select}").replace("hourly", name)


def _protected(value: Resolved) -> list[str]:
    return [item.volume.key.name for item in value.protections]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("{}", ["app-data", "app-logs", "web"]),
        ("{volumes: {}}", ["app-data", "app-logs", "web"]),
        ("{volumes: {names: [app-*]}}", ["app-data", "app-logs"]),
        ("{volumes: {names: [app-data, 'w?b']}}", ["app-data", "web"]),
        ("{volumes: {names: ['app-[!d]*']}}", ["app-logs"]),
        ("{volumes: {matchLabels: {tier: gold}}}", ["app-data", "web"]),
        ("{volumes: {names: [app-*], matchLabels: {tier: gold}}}", ["app-data"]),
        ("{exclude: [{volumes: {names: ['*-logs']}}]}", ["app-data", "web"]),
        ("{exclude: [{volumes: {matchLabels: {tier: gold}}}]}", ["app-logs"]),
        (
            "{exclude: [{volumes: {names: [app-*], matchLabels: {tier: gold}}}]}",
            ["app-logs", "web"],
        ),
        ("{namespaces: {names: [d*]}}", ["app-data", "app-logs", "web"]),
        ("{namespaces: {matchLabels: {env: prod}}}", ["app-data", "app-logs", "web"]),
        (
            "{namespaces: {names: [demo], matchLabels: {env: prod}}, volumes: {names: [web]}}",
            ["web"],
        ),
    ],
)
def test_volumes_are_selected_by_all_given_selectors(select: str, expected: list[str]) -> None:
    inventory = (
        claim("app-data", more="labels: {tier: gold}")
        + claim("app-logs", more="labels: {tier: none}")
        + claim("web", more="labels: {tier: gold}")
        + namespace("demo", env="prod")
    )
    outcome = resolved(inventory, STORAGE, _policy(select))
    assert _protected(outcome.value) == expected
    coverage = outcome.value.coverage
    assert coverage.protected == len(expected)
    rest = {"app-data", "app-logs", "web"} - set(expected)
    if "exclude" in select:
        assert coverage.excluded == len(rest)
        rest = set()
    assert coverage.unprotected == tuple(f"demo/{name}" for name in sorted(rest))
    assert {*codes(outcome.findings)} == ({"SG530"} if rest else set())


def test_policy_that_selects_nothing_is_a_warning_at_its_selector() -> None:
    outcome = resolved(
        claim("web"), STORAGE, POLICY, _policy("{volumes: {names: ['n*']}}", "other")
    )
    assert codes(outcome.findings) == ["SG511"]
    assert outcome.findings[0].severity is Severity.WARNING
    assert outcome.findings[0].subject == "BackupPolicy/other spec.select"
    assert _protected(outcome.value) == ["web"]


def test_volume_selected_by_two_policies_is_an_error_once_for_each_two() -> None:
    inventory = claim("a") + claim("b") + claim("c")
    outcome = resolved(inventory, STORAGE, POLICY, _policy("{volumes: {names: [b, c]}}", "other"))
    assert codes(outcome.findings) == ["SG512"]
    (found,) = outcome.findings
    assert found.what == 'volume "demo/b" and 1 other are also selected by policy "hourly"'
    assert str(found.position) == "policies/2.yaml:6:11"
    assert [str(place) for place in found.related] == [
        "policies/1.yaml:6:11",
        "clusters/dem1.yaml:7:1",
    ]
    assert not outcome.ok
    assert _protected(outcome.value) == ["a"]
    assert outcome.value.coverage.unprotected == ()


def test_label_selector_of_namespaces_needs_their_manifests() -> None:
    outcome = resolved(
        claim("a") + claim("b", "other") + namespace("other", tier="silver"),
        STORAGE,
        _policy("{namespaces: {matchLabels: {tier: gold}}}"),
    )
    # The policy may well select a volume of demo, so nothing is said about selecting none.
    assert codes(outcome.findings) == ["SG513"]
    assert outcome.findings[0].severity is Severity.ERROR
    assert 'namespace "demo"' in outcome.findings[0].what
    assert outcome.value.protections == ()


def test_label_selector_asks_only_for_namespaces_that_the_names_allow() -> None:
    outcome = resolved(
        claim("a") + namespace("demo", tier="gold") + claim("b", "other"),
        STORAGE,
        _policy("{namespaces: {names: [demo], matchLabels: {tier: gold}}}"),
    )
    assert codes(outcome.findings) == ["SG530"]
    assert _protected(outcome.value) == ["a"]


@pytest.mark.parametrize(
    ("select", "what", "fix"),
    [
        ("{volumes: {names: [wep]}}", 'no volume "wep"', 'did you mean "web"?'),
        ("{namespaces: {names: [dem]}}", 'no namespace "dem"', 'did you mean "demo"?'),
        (
            "{namespaces: {matchLabels: {teir: gold}}}",
            'no label "teir" on any namespace',
            'did you mean "tier"?',
        ),
        ("{volumes: {matchLabels: {backup: gold}}}", 'no label "backup" on any volume', "correct"),
    ],
)
def test_selector_that_names_what_the_inventory_does_not_have_is_an_error(
    select: str, what: str, fix: str
) -> None:
    inventory = claim("web") + namespace("demo", tier="gold")
    outcome = resolved(inventory, STORAGE, POLICY, _policy(select, "other"))
    assert codes(outcome.findings) == ["SG525"]
    assert outcome.findings[0].what.endswith(f"the inventory has {what}")
    assert outcome.findings[0].fix.startswith(fix)


@pytest.mark.parametrize(
    "select",
    ["{namespaces: {matchLabels: {tier: silver}}}", "{volumes: {names: ['x*', web, '[a-c]']}}"],
)
def test_a_tier_or_a_pattern_that_nothing_uses_yet_is_a_warning(select: str) -> None:
    inventory = claim("web") + claim("x", more="labels: {a: b}") + namespace("demo", tier="gold")
    hidden = _policy(select, "other").replace("web", "y*").replace("x*", "z*")
    outcome = resolved(inventory, STORAGE, POLICY, hidden)
    assert codes(outcome.findings) == ["SG511"]
    assert outcome.ok


def test_a_project_without_a_policy_is_refused() -> None:
    outcome = resolved(claim("web"), STORAGE)
    assert codes(outcome.findings) == ["SG518", "SG524"]
    assert not outcome.ok


def test_of_several_policies_the_one_with_the_highest_priority_protects() -> None:
    low = _policy("{}\n  priority: -1", "low")
    high = _policy("{volumes: {names: [a]}}\n  priority: 7", "high")
    outcome = resolved(claim("a") + claim("b"), STORAGE, low, POLICY, high)
    owners = {item.volume.key.name: item.policy for item in outcome.value.protections}
    assert owners == {"a": "high", "b": "hourly"}
    assert outcome.ok


def test_of_policies_with_one_priority_none_protects() -> None:
    first = _policy("{}\n  priority: 7", "first")
    second = _policy("{}\n  priority: 7", "second")
    outcome = resolved(claim("a"), STORAGE, POLICY, first, second)
    assert codes(outcome.findings) == ["SG512"]
    assert "priority 7" in outcome.findings[0].why
    assert outcome.value.protections == ()


def test_volume_that_the_highest_policy_excludes_is_left_to_the_next() -> None:
    high = _policy("{exclude: [{volumes: {names: [a]}}]}\n  priority: 7", "high")
    outcome = resolved(claim("a"), STORAGE, POLICY, high)
    assert [item.policy for item in outcome.value.protections] == ["hourly"]
    assert outcome.value.coverage.excluded == 0


def test_what_a_policy_cannot_tell_does_not_matter_where_a_higher_one_protects() -> None:
    high = _policy("{}\n  priority: 7", "high")
    unsure = _policy("{workloads: {kinds: [StatefulSet]}}", "unsure")
    assert codes(resolved(claim("a"), STORAGE, high, unsure).findings) == []
    found = resolved(claim("a"), STORAGE, POLICY, unsure.replace("spec:", "spec:\n  priority: 9"))
    assert codes(found.findings) == ["SG540"]


def test_exclusion_that_needs_labels_which_are_unknown_is_an_error() -> None:
    policy = _policy("{exclude: [{namespaces: {matchLabels: {tier: none}}}]}")
    outcome = resolved(claim("a"), STORAGE, policy)
    assert codes(outcome.findings) == ["SG513"]
    assert outcome.findings[0].subject.endswith("select.exclude[0].namespaces.matchLabels")
