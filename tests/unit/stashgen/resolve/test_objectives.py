"""Objectives are proved for every volume, or refused at the line that breaks them."""

import pytest

from stashgen.diagnostics import Finding, Severity
from tests.support.project import PROJECT, ROOT, STORAGE, claim, resolved

_SECOND = STORAGE.replace("name: local", "name: other").replace("backup-store", "second-store")
_STORES = claim("backup-store") + claim("second-store")


def _found(
    objectives: str, session: str, *, volumes: tuple[str, ...] = ("library",), zone: str = "Etc/UTC"
) -> list[Finding]:
    policy = (
        "apiVersion: stashgen.dev/v1alpha1\nkind: BackupPolicy\nmetadata: {name: gold}\n"
        f"spec:\n  select: {{volumes: {{names: [{', '.join(volumes)}]}}}}\n"
        f"  timeZone: {zone}\n"
        f"  objectives: {{{objectives}}}\n  sessions:\n{session}{ROOT}"
    )
    inventory = _STORES + "".join(map(claim, volumes))
    outcome = resolved(inventory, STORAGE, _SECOND, policy, project=PROJECT)
    return [one for one in outcome.findings if one.code in {"SG409", "SG410", "SG411"}]


def _session(when: str, copies: str = "{storage: local, keep: {daily: 16}}", more: str = "") -> str:
    return f"  - name: backup\n    {when}\n{more}    copies: [{copies}]\n"


@pytest.mark.parametrize(
    ("objectives", "session"),
    [
        ("rpo: 5h", _session("every: 4h")),
        ("rpo: 26h", _session("every: 1d")),
        ("keepFor: 14d", _session("every: 4h")),
        ("rpo: 5h, keepFor: 14d, minCopies: 1", _session("every: 4h")),
        # A rarer session with another retention does not matter.
        ("rpo: 5h", _session("every: 4h") + _session("every: 7d").replace("backup", "weekly")),
        ("minCopies: 2", _session("every: 4h", "{storage: local, keep: {last: 2}}, "
                                               "{storage: other, keep: {last: 2}}")),
        ("", _session("every: 7d")),
    ],
)  # fmt: skip
def test_what_is_achieved_has_no_finding(objectives: str, session: str) -> None:
    assert _found(objectives, session) == []


@pytest.mark.parametrize(
    ("objectives", "session", "code", "subject", "fix"),
    [
        ("rpo: 4h", _session("every: 4h"), "SG409", "every", "use every: 3h"),
        ("rpo: 4h", _session('schedule: "H 2 * * *"'), "SG409", "schedule", "use every: 3h"),
        ("rpo: 90m", _session("every: 1h", more="    timeout: 1h\n"), "SG409", "timeout",
         "shorten timeout to 30m"),
        ("rpo: 26h", _session("every: 1d", more="    days: [mon-fri]\n"), "SG409", "days",
         "remove days"),
        ("rpo: 1h", _session("every: 15m", more="    suspend: true\n"), "SG409", "suspend",
         "remove suspend"),
        ("keepFor: 15d", _session("every: 4h"), "SG410", "keep.daily", "raise daily to 17"),
        ("keepFor: 15d", _session("every: 4h", "{storage: local, keep: {maxAge: 15d}}"), "SG410",
         "keep.maxAge", "raise maxAge to 16d"),
        ("minCopies: 2", _session("every: 4h"), "SG411", "copies", "lower minCopies to 1"),
    ],
)  # fmt: skip
def test_the_line_that_breaks_an_objective_is_named(
    objectives: str, session: str, code: str, subject: str, fix: str
) -> None:
    (finding,) = _found(objectives, session)
    assert finding.code == code
    assert finding.subject.endswith(subject)
    assert fix in finding.fix
    assert len(finding.related) == 1


def test_advice_is_enough() -> None:
    (finding,) = _found("keepFor: 40d", _session("every: 4h"))
    advised = finding.fix.split()[3].rstrip(",")
    copies = f"{{storage: local, keep: {{daily: {advised}}}}}"
    assert _found("keepFor: 40d", _session("every: 4h", copies)) == []


def test_one_line_is_one_finding_with_its_volumes_and_the_worst_numbers() -> None:
    volumes = tuple(f"volume-{number}" for number in range(30))
    (finding,) = _found("rpo: 25h", _session("every: 1d"), volumes=volumes, zone="Europe/Berlin")
    assert "29 others" in finding.why
    assert "may be 1d2h old" in finding.what


def test_copies_in_time_are_of_the_objective() -> None:
    weekly = _session("every: 7d", "{storage: other, keep: {last: 2}}").replace("backup", "weekly")
    (finding,) = _found("rpo: 5h, minCopies: 2", _session("every: 4h") + weekly)
    assert finding.code == "SG411"
    assert finding.subject.endswith("sessions[1].every")
    assert 'only "local"' in finding.what


def test_paused_policy_is_a_warning_only() -> None:
    (finding,) = _found("rpo: 5h", _session("every: 4h") + "  paused: true\n")
    assert (finding.code, finding.severity) == ("SG409", Severity.WARNING)


def test_another_session_of_the_repository_makes_retention_look_between_the_ticks() -> None:
    keep = "{storage: local, keep: {maxAge: 14d12h}}"
    daily = _session("every: 1d", keep)
    assert _found("keepFor: 14d", daily) == []
    (finding,) = _found("keepFor: 14d", daily + _session("every: 7d", keep).replace("backup", "b"))
    assert "only 13d old" in finding.what


def test_exception_that_demands_more_is_at_fault_itself() -> None:
    exception = (
        "  exceptions:\n  - {match: {volumes: {names: [library]}}, "
        "set: {objectives: {minCopies: 2}}, reason: more, until: '2999-01-01'}\n"
    )
    (found,) = _found("rpo: 5h", _session("every: 4h") + exception)
    assert found.subject.endswith("spec.exceptions[0].set.objectives.minCopies")
    assert str(found.related[0]).startswith("policies/2.yaml:11:")


@pytest.mark.parametrize(("age", "fix"), [("60d", "raise daily to 17,"), ("20h", "and remove")])
def test_maximum_age_is_to_be_removed_only_where_it_is_in_the_way(age: str, fix: str) -> None:
    copies = f"{{storage: local, keep: {{daily: 3, maxAge: {age}}}}}"
    (found,) = _found("keepFor: 15d", _session("every: 4h", copies))
    assert fix in found.fix
