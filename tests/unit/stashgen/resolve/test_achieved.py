"""What a volume's backups achieve, whether the policy demands it or not."""

from datetime import timedelta

import pytest

from stashgen.resolve.achieved import FURTHEST, achieved
from tests.support.project import POLICY, STORAGE, claim, resolved

Numbers = tuple[timedelta | None, timedelta | None, int]
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def _numbers(*changes: tuple[str, str]) -> Numbers:
    policy = POLICY
    for old, new in changes:
        assert old in policy
        policy = policy.replace(old, new)
    outcome = resolved(claim("web"), STORAGE, policy)
    assert outcome.ok, outcome.findings
    (protection,) = outcome.value.protections
    found = achieved(protection)
    assert found.storages == ({} if found.rpo is None else {"local": found.rpo})
    return found.rpo, found.keep_for, found.copies


_EVERY = "{name: backup, every: 1h, copies: [{storage: local, keep: {last: 2}}]}"


def _session(text: str) -> tuple[str, str]:
    return (f"- {_EVERY}", f"- {text}")


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (
            "{name: backup, every: 1h, timeout: 30m, copies: [{storage: local, keep: {last: 3}}]}",
            (1.5 * _HOUR, 2 * _HOUR, 1),
        ),
        (
            "{name: backup, every: 1d, timeout: 1h, copies: [{storage: local, keep: {daily: 8}}]}",
            (25 * _HOUR, 7 * _DAY, 1),
        ),
        (
            "{name: backup, every: 1d, timeout: 1h, copies: [{storage: local, keep: {last: -1}}]}",
            (25 * _HOUR, FURTHEST, 1),
        ),
        (
            "{name: backup, every: 1d, suspend: true, copies: [{storage: local, keep: {last: 8}}]}",
            (None, None, 0),
        ),
    ],
)
def test_rhythm_and_retention_decide(session: str, expected: Numbers) -> None:
    assert _numbers(_session(session)) == expected


def test_paused_policy_achieves_nothing() -> None:
    assert _numbers(("  sessions:", "  paused: true\n  sessions:")) == (None, None, 0)
