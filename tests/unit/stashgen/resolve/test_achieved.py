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
