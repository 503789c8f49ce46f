"""What a volume's backups achieve, whether the policy demands it or not."""

from datetime import timedelta

import pytest

from stashgen.resolve.achieved import FURTHEST, Achieved, achieved
from tests.support.project import POLICY, STORAGE, claim, resolved

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def _achieved(*changes: tuple[str, str]) -> Achieved:
    policy = POLICY
    for old, new in changes:
        assert old in policy
        policy = policy.replace(old, new)
    outcome = resolved(claim("web"), STORAGE, policy)
    assert outcome.ok, outcome.findings
    (protection,) = outcome.value.protections
    return achieved(protection)


_EVERY = "{name: backup, every: 1h, copies: [{storage: local, keep: {last: 2}}]}"


def _session(text: str) -> tuple[str, str]:
    return (f"- {_EVERY}", f"- {text}")


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (
            "{name: backup, every: 1h, timeout: 30m, copies: [{storage: local, keep: {last: 3}}]}",
            Achieved(1.5 * _HOUR, 2 * _HOUR, 1),
        ),
        (
            "{name: backup, every: 1d, timeout: 1h, copies: [{storage: local, keep: {daily: 8}}]}",
            Achieved(25 * _HOUR, 7 * _DAY, 1),
        ),
        (
            "{name: backup, every: 1d, timeout: 1h, copies: [{storage: local, keep: {last: -1}}]}",
            Achieved(25 * _HOUR, FURTHEST, 1),
        ),
        (
            "{name: backup, every: 1d, suspend: true, copies: [{storage: local, keep: {last: 8}}]}",
            Achieved(None, timedelta(), 0),
        ),
    ],
)
def test_rhythm_and_retention_decide(session: str, expected: Achieved) -> None:
    assert _achieved(_session(session)) == expected


def test_paused_policy_achieves_nothing() -> None:
    assert _achieved(("  sessions:", "  paused: true\n  sessions:")) == Achieved(
        None, timedelta(), 0
    )
