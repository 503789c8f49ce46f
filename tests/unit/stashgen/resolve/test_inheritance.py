"""What a policy has from the policies that it extends, and where each part was written."""

import pytest

from stashgen.model.source import Authored
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.resolve.inheritance import with_inherited
from tests.support.project import policy_set

_BASE = """
kind: BackupPolicy
apiVersion: stashgen.dev/v1alpha1
metadata: {name: base}
spec:
  exclude: ["*.tmp"]
  job: {image: "worker:1", runAs: {user: 7, group: 8}}
  encryption: {secretName: base-key}
  sessions:
  - {name: backup, schedule: "0 2 * * *", timeout: 30m, copies: [{storage: s3, keep: {last: 3}}]}
"""


def _policy(name: str, spec: str) -> str:
    head = f"kind: BackupPolicy\napiVersion: stashgen.dev/v1alpha1\nmetadata: {{name: {name}}}\n"
    return f"{head}spec: {spec}\n"


def _inherited(*texts: str) -> Authored[BackupPolicy]:
    """The last of the policies."""
    return with_inherited(policy_set(*texts)).policies[-1]


def test_policy_that_extends_nothing_is_as_it_is_written() -> None:
    policies = policy_set(_BASE)
    assert with_inherited(policies) == policies


def test_what_a_policy_sets_wins_and_the_rest_is_inherited() -> None:
    spec = _inherited(_BASE, _policy("gold", "{extends: base, exclude: ['*.bak']}")).value.spec
    assert spec.exclude == ("*.bak",)
    assert spec.encryption is not None
    assert spec.encryption.secret_name == "base-key"
    assert [session.name for session in spec.sessions] == ["backup"]


def test_null_is_as_if_it_were_not_written() -> None:
    spec = _inherited(_BASE, _policy("gold", "{extends: base, encryption: null}")).value.spec
    assert spec.encryption is not None


def test_job_is_merged_by_field_and_a_field_of_it_as_a_whole() -> None:
    job = _inherited(_BASE, _policy("gold", "{extends: base, job: {runAs: {user: 0}}}"))
    assert job.value.spec.job is not None
    assert job.value.spec.job.to_wire() == {"image": "worker:1", "runAs": {"user": 0}}


def test_sessions_are_merged_by_name_and_new_ones_come_last() -> None:
    more = "sessions: [{name: weekly, every: 7d}, {name: backup, historyLimit: 9}]"
    spec = _inherited(_BASE, _policy("gold", f"{{extends: base, {more}}}")).value.spec
    assert [one.name for one in spec.sessions] == ["backup", "weekly"]
    backup = spec.sessions[0]
    assert (backup.history_limit, backup.timeout, backup.schedule) == (9, "30m", "0 2 * * *")
    assert [copy.storage for copy in backup.copies] == ["s3"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("every: 1h", "schedule: '@daily'", (None, "@daily")),
        ("schedule: '@daily'", "every: 1h", ("1h", None)),
        ("every: 1h", "historyLimit: 2", ("1h", None)),
    ],
)
def test_session_runs_as_the_most_specific_document_says(
    first: str, second: str, expected: tuple[str | None, str | None]
) -> None:
    middle = _policy("middle", f"{{extends: base, sessions: [{{name: backup, {first}}}]}}")
    top = _policy("top", f"{{extends: middle, sessions: [{{name: backup, {second}}}]}}")
    (session,) = _inherited(_BASE, middle, top).value.spec.sessions
    assert (session.every, session.schedule) == expected


def test_select_and_what_is_accepted_of_single_volumes_are_not_inherited() -> None:
    accepted = "[{volume: a/b, cluster: demo, gap: x, reason: why}]"
    base = _policy("base", f"{{select: {{}}, acknowledge: {accepted}}}")
    spec = _inherited(base, _policy("gold", "{extends: base}")).value.spec
    assert spec.select is None
    assert spec.acknowledge == ()


def test_every_part_knows_the_line_that_set_it() -> None:
    more = "job: {image: 'worker:2'}, sessions: [{name: backup, historyLimit: 9}]"
    policy = _inherited(_BASE, _policy("gold", f"{{extends: base, {more}}}"))

    def place(*keys: str | int) -> str:
        origin = policy.at("spec", *keys)
        return f"{origin.position} {origin.subject}"

    gold, base = "BackupPolicy/gold spec", "BackupPolicy/base spec"
    assert place("job", "image") == f"policies/1.yaml:4:36 {gold}.job.image"
    assert place("job", "runAs", "group") == f"policies/0.yaml:7:52 {base}.job.runAs.group"
    assert place("exclude") == f"policies/0.yaml:6:12 {base}.exclude"
    session = f"{base}.sessions[0]"
    assert place("sessions", 0, "copies", 0, "storage").endswith(f"{session}.copies[0].storage")
    assert place("sessions", 0, "historyLimit").endswith(f"{gold}.sessions[0].historyLimit")
    # What nobody sets would be written in the policy itself.
    assert place("sessions", 0, "suspend").endswith(f"{gold}.sessions[0].suspend")
    assert place("select").endswith(f"{gold}.select")


def test_null_schedule_keeps_the_inherited_window() -> None:
    base = _BASE.replace('schedule: "0 2 * * *"', 'every: 1d, between: "22:00-05:00"')
    more = "sessions: [{name: backup, every: 7d, schedule: null}]"
    (session,) = _inherited(base, _policy("gold", f"{{extends: base, {more}}}")).value.spec.sessions
    assert (session.every, session.between) == ("7d", "22:00-05:00")
