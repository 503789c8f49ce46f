"""Users that write to one volume: the storage's Job and the volumes' Jobs."""

import pytest

from stashgen.diagnostics import Severity
from tests.support.project import POLICY, ROOT, STORAGE, claim, codes, resolved


@pytest.mark.parametrize(
    ("storage", "policy", "users"),
    [
        ("", "{runAs: {user: 1000}}", (65534, 1000)),
        ("  job: {runAs: {user: 0}}\n", "{runAs: {user: 1000}}", (0, 1000)),
        ("  job: {runAs: {user: 1000}}\n", "{}", (1000, 65534)),
    ],
)
def test_two_users_on_one_volume_are_a_warning_once_for_all_volumes(
    storage: str, policy: str, users: tuple[int, int]
) -> None:
    texts = (STORAGE.replace(ROOT, storage), POLICY.replace(ROOT, f"  job: {policy}\n"))
    outcome = resolved(claim("a") + claim("b"), *texts)
    assert codes(outcome.findings) == ["SG526"]
    (found,) = outcome.findings
    assert found.severity is Severity.WARNING
    assert f"by user {users[0]}, " in found.what
    assert found.what.endswith(f"as user {users[1]}")


@pytest.mark.parametrize(
    ("storage", "policy"),
    [
        ("", "{}"),
        ("  job: {runAs: {user: 7}}\n", "{runAs: {user: 7, group: 8}}"),
        ("  job: {runAs: {user: 7, group: 9}}\n", "{runAs: {user: 8, group: 9}}"),
    ],
)
def test_one_user_or_a_common_group_is_not(storage: str, policy: str) -> None:
    texts = (STORAGE.replace(ROOT, storage), POLICY.replace(ROOT, f"  job: {policy}\n"))
    assert resolved(claim("a"), *texts).findings == ()
