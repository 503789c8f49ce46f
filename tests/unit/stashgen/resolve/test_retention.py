"""What is kept, and its name."""

import pytest

from stashgen.kubestash.names import MAX_NAME
from stashgen.policy.shared import Keep
from stashgen.resolve.retention import retention_name, retention_of
from tests.support.project import EXCLUDE, POLICY, STORAGE, claim, codes, resolved


@pytest.mark.parametrize(
    ("keep", "name"),
    [
        ({"last": 2}, "keep-last2"),
        ({"daily": 14, "weekly": 8}, "keep-daily14-weekly8"),
        ({"last": 2, "failed": 1}, "keep-last2"),
        ({"last": 2, "failed": 3}, "keep-last2-failed3"),
        ({"last": 2, "failed": 0}, "keep-last2-failed0"),
        ({"maxAge": "1y6mo"}, "keep-maxage1y6mo"),
        ({"hourly": 1, "monthly": 2, "yearly": -1}, "keep-hourly1-monthly2-yearlyall"),
    ],
)
def test_name_says_what_is_kept(keep: dict[str, object], name: str) -> None:
    assert retention_name(retention_of(Keep.model_validate(keep))) == name


def test_long_names_end_with_a_hash_and_stay_different() -> None:
    counts = dict.fromkeys(("last", "hourly", "daily", "weekly", "monthly", "yearly"), 1000)
    first, second = (
        retention_name(retention_of(Keep.model_validate(counts | {"failed": failed})))
        for failed in (10, 11)
    )
    assert first != second
    assert {len(first), len(second)} <= set(range(MAX_NAME + 1))


def test_keep_becomes_a_whole_retention_policy() -> None:
    spec = retention_of(Keep.model_validate({"last": 2, "maxAge": "30d"}))
    assert spec.to_wire() == {
        "maxRetentionPeriod": "30d",
        "successfulSnapshots": {"last": 2},
        "failedSnapshots": {"last": 1},
        "usagePolicy": {"allowedNamespaces": {"from": "Same"}},
        "default": False,
    }
    assert "successfulSnapshots" not in retention_of(Keep(max_age="30d")).to_wire()


def _retention(name: str) -> str:
    return (
        "apiVersion: storage.kubestash.com/v1alpha1\nkind: RetentionPolicy\n"
        f"metadata: {{name: {name}}}\nspec: {{successfulSnapshots: {{daily: 7}}}}\n"
    )


def test_retention_policy_of_the_project_keeps_its_name() -> None:
    policy = POLICY.replace("keep: {last: 2}", "retention: weekly")
    outcome = resolved(claim("a"), STORAGE, policy, _retention("weekly"))
    assert outcome.findings == ()
    copy = outcome.value.protections[0].sessions[0].copies[0]
    assert copy.retention_name == "weekly"
    assert copy.retention.to_wire() == {
        "successfulSnapshots": {"daily": 7},
        "failedSnapshots": {"last": 1},
        "usagePolicy": {"allowedNamespaces": {"from": "Same"}},
        "default": False,
    }


def test_two_retentions_with_one_name_in_a_namespace_are_refused() -> None:
    second = (
        POLICY.replace("name: hourly", "name: second")
        .replace(EXCLUDE, "volumes: {names: [b]}")
        .replace("keep: {last: 2}", "retention: keep-last2")
    )
    first = POLICY.replace(EXCLUDE, "volumes: {names: [a]}")
    inventory = claim("a") + claim("b")
    outcome = resolved(inventory, STORAGE, first, second, _retention("keep-last2"))
    assert codes(outcome.findings) == ["SG521"]
    assert [item.volume.key.name for item in outcome.value.protections] == ["a"]
