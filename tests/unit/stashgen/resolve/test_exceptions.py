"""Exceptions of a policy and exclusions of a project."""

import pytest

from stashgen.model.resolved import Protection
from tests.support.project import EXCLUDE, POLICY, PROJECT, STORAGE, claim, codes, resolved
from tests.unit.stashgen.resolve.test_retirement import history

_UNTIL = 'reason: why, until: "2026-03-01"'


def _policy(*exceptions: str) -> str:
    return POLICY + "  exceptions:\n" + "".join(f"  - {{{one}}}\n" for one in exceptions)


def _exclusion(match: str, until: str = "2026-03-01") -> str:
    entry = f'{{match: {match}, reason: rebuilt, owner: data-eng, until: "{until}"}}'
    return PROJECT.replace("spec:", f"spec:\n  exclusions: [{entry}]")


def _protections(*exceptions: str) -> dict[str, Protection]:
    outcome = resolved(claim("a") + claim("b"), STORAGE, _policy(*exceptions))
    assert codes(outcome.findings) == []
    return {item.volume.key.name: item for item in outcome.value.protections}


def test_exception_sets_what_it_says_for_the_volumes_that_match_until_the_end_of_its_day() -> None:
    found = _protections(
        "match: {volumes: {names: [a]}}, set: {sessions: [{name: backup, every: 15m}]}, " + _UNTIL
    )
    assert "/15" in found["a"].sessions[0].schedule
    assert "/15" not in found["b"].sessions[0].schedule
    (copy,) = found["a"].sessions[0].copies
    assert (copy.origin.position, copy.retention_name) == (
        found["b"].sessions[0].copies[0].origin.position,
        "keep-last2",
    )


def test_of_several_exceptions_the_last_one_wins_field_by_field() -> None:
    found = _protections(
        "match: {volumes: {names: ['*']}}, set: {paused: true, job: {image: 'a:1'}}, " + _UNTIL,
        f"match: {{volumes: {{names: [b]}}}}, set: {{paused: false}}, {_UNTIL}",
    )
    assert (found["a"].paused, found["b"].paused) == (True, False)
    job = found["b"].job
    assert job.value.image == "a:1"
    assert job.origin("image").subject == "BackupPolicy/hourly spec.exceptions[0].set.job.image"
    assert job.origin("runAs").subject == "BackupPolicy/hourly spec.job.runAs"


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (
            'match: {volumes: {names: [a]}}, set: {paused: true}, reason: x, until: "2026-02-28"',
            "SG542",
        ),
        (f"match: {{volumes: {{names: [c]}}}}, set: {{paused: true}}, {_UNTIL}", "SG541"),
        (f"match: {{workloads: {{kinds: [Job]}}}}, set: {{paused: true}}, {_UNTIL}", "SG540"),
    ],
)
def test_exception_that_has_ended_or_is_about_nothing_is_reported(
    exception: str, code: str
) -> None:
    outcome = resolved(claim("a"), STORAGE, _policy(exception))
    assert codes(outcome.findings) == [code]
    assert outcome.findings[0].subject.startswith("BackupPolicy/hourly spec.exceptions[0].")


def test_excluded_volume_is_not_protected_and_counts_as_excluded() -> None:
    project = _exclusion("{volumes: {names: [demo/a]}}")
    outcome = resolved(claim("a") + claim("b"), project=project)
    assert codes(outcome.findings) == []
    assert [item.volume.key.name for item in outcome.value.protections] == ["b"]
    coverage = outcome.value.coverage
    assert (coverage.protected, coverage.excluded, coverage.unprotected) == (1, 1, ())


def test_policy_whose_volumes_are_all_excluded_selects_something() -> None:
    outcome = resolved(claim("a"), project=_exclusion("{namespaces: {names: [demo]}}"))
    assert codes(outcome.findings) == ["SG547"]


def test_exclusion_that_has_ended_is_an_error_at_its_day() -> None:
    outcome = resolved(claim("a"), project=_exclusion("{volumes: {names: [a]}}", "2026-02-28"))
    (found,) = outcome.findings
    assert (found.code, found.subject) == ("SG542", "Project/test spec.exclusions[0].until")


def test_what_the_inventory_does_not_say_of_an_excluded_volume_does_not_matter() -> None:
    policy = POLICY.replace(EXCLUDE, "workloads: {kinds: [StatefulSet]}")
    outcome = resolved(claim("a"), STORAGE, policy, project=_exclusion("{volumes: {names: [a]}}"))
    assert codes(outcome.findings) == ["SG547"]


def test_volume_that_was_backed_up_is_lost_by_an_exclusion_which_is_named() -> None:
    outcome = resolved(
        claim("library"),
        project=_exclusion("{volumes: {names: [library]}}"),
        histories=(history(),),
    )
    found = next(one for one in outcome.findings if one.code == "SG705")
    assert found.why == ('the project excludes it: rebuilt (owner "data-eng", until 2026-03-01)')
    assert str(found.related[0]).startswith("stashgen.yaml:6:")
