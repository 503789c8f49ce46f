"""Names at run time: unique per namespace, and never cut."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.kubestash.names import MAX_CRON_JOB_NAME, MAX_NAME
from stashgen.model.resolved import Protection
from stashgen.resolve.conflicts import without_conflicts
from stashgen.resolve.runtime_names import names_of
from tests.support.project import POLICY, STORAGE, claim, codes, policy_set, resolved

_LONG = "data-postgres-analytics-primary-0"
_COPIES = "copies: [{storage: local, keep: {last: 2}}]"


def _storages(*names: str) -> list[str]:
    source = "persistentVolumeClaim: {claimName: backup-store}"
    return [
        STORAGE.replace("name: local}", f"name: {name}}}").replace(
            source, f"nfs: {{server: nas, path: /{name}}}"
        )
        for name in names
    ]


def _protections(inventory: str, *policies: str) -> tuple[Protection, ...]:
    outcome = resolved(inventory, *policies)
    assert outcome.findings == ()
    return outcome.value.protections


def _names(*protections: Protection) -> Counter[tuple[str, str]]:
    """Every name, counted once for each volume and copy that needs it."""
    return Counter(name for protection in protections for name in names_of(protection))


def _assert_unique_and_whole(*protections: Protection) -> None:
    counts = _names(*protections)
    assert [name for name, count in counts.items() if count > 1] == []
    assert max(len(name) for _, name in counts) <= MAX_NAME
    assert max(len(name) for kind, name in counts if kind == "CronJob") <= MAX_CRON_JOB_NAME


def test_two_copies_of_a_long_name_share_nothing() -> None:
    copies = "{storage: s3-europe-a, keep: {last: 2}}, {storage: s3-europe-b, keep: {last: 2}}"
    policy = POLICY.replace(_COPIES, f"copies: [{copies}]")
    (protection,) = _protections(claim(_LONG), *_storages("s3-europe-a", "s3-europe-b"), policy)
    _assert_unique_and_whole(protection)
    assert Counter(kind for kind, _ in _names(protection)) == {
        "BackupConfiguration": 1, "Repository": 2, "PodTemplate": 6, "CronJob": 1,
        "BackupSession": 1, "Snapshot": 2, "Job": 1 + 2 * 4,
    }  # fmt: skip


def test_replicas_of_a_stateful_set_share_nothing() -> None:
    inventory = claim(_LONG) + claim("data-postgres-analytics-primary-1")
    first, second = _protections(inventory)
    _assert_unique_and_whole(first, second)
    assert first.configuration[:11] == second.configuration[:11] == _LONG[:11]


def test_sessions_of_the_longest_name_are_whole() -> None:
    policy = POLICY.replace("name: backup,", "name: twelve-chars,")
    protections = _protections(claim(_LONG) + claim("a" * 253) + claim("a.b"), STORAGE, policy)
    assert len(protections) == 3
    _assert_unique_and_whole(*protections)


@given(st.sets(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?", fullmatch=True), max_size=8))
def test_no_claims_names_come_together(claims: set[str]) -> None:
    names = [name for name in claims if not any(pair in name for pair in ("..", ".-", "-."))]
    outcome = resolved("".join(claim(f"'{name}'") for name in sorted(names)) or claim("a"))
    assert outcome.findings == ()
    _assert_unique_and_whole(*outcome.value.protections)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"configuration": "one"}, "BackupConfiguration"),
        ({"configuration": "two", "sessions": "same"}, "Repository"),
    ],
)
def test_names_that_two_volumes_share_are_refused(change: dict[str, str], kind: str) -> None:
    first, second = _protections(claim("one") + claim("two"))
    if "sessions" in change:
        second = replace(second, sessions=first.sessions)
    second = replace(second, configuration=change["configuration"])
    outcome = without_conflicts(policy_set(STORAGE, POLICY), (first, second))
    assert "SG516" in codes(outcome.findings)
    named = next(item for item in outcome.findings if item.code == "SG516")
    assert named.what.startswith(f'{kind} "')
    assert named.what.endswith('for both volume "two" and volume "demo/one"')
    assert outcome.value == (first,)
