"""Fields and types, and where they are."""

import pytest

from stashgen.policy.backup_policy import BackupPolicy
from stashgen.validate import validate
from tests.support.documents import POLICY, PROJECT, RETENTION, STORAGE, findings_of, source


def test_a_misspelt_field_is_told_once_at_its_key_with_the_field_that_was_meant() -> None:
    text = POLICY.replace("every:", "evry:").replace("select:", "Select:")
    findings = validate(source(STORAGE, text)).findings
    assert [(str(one.position), one.code, one.fix) for one in findings] == [
        ("policies/1.yaml:5:3", "SG201", 'did you mean "select"?'),
        ("policies/1.yaml:8:5", "SG208", "set every or schedule"),
        ("policies/1.yaml:9:5", "SG201", 'did you mean "every"?'),
    ]


def test_a_field_at_the_wrong_level_is_told_where_it_belongs() -> None:
    text = POLICY.replace("  sessions:", "  directory: x\n  sessions:")
    (finding,) = validate(source(STORAGE, text)).findings
    assert finding.fix == "move directory to spec.sessions[].copies[].directory"


def test_the_python_spelling_of_a_field_is_not_a_field() -> None:
    project = PROJECT.replace("secretName", "secret_name")
    assert findings_of(STORAGE, POLICY, project=project) == [
        ("SG201", "Project/demo spec.defaults.encryption.secret_name")
    ]


def test_text_is_not_taken_for_a_number_nor_a_number_for_text() -> None:
    text = POLICY.replace("last: 2", 'last: "2"').replace("every: 1h", "every: 1")
    assert findings_of(STORAGE, text) == [
        ("SG203", "BackupPolicy/hourly spec.sessions[0].every"),
        ("SG203", "BackupPolicy/hourly spec.sessions[0].copies[0].keep.last"),
    ]


def test_every_error_of_every_document_is_told_in_one_round() -> None:
    project = PROJECT.replace("id: dem1", "id: Dem1\n    extra: 1")
    storage = STORAGE.replace("namespace: demo", "namespace: Demo")
    policy = POLICY.replace("every: 1h", "every: 5h\n    extra: 1")
    assert [code for code, _ in findings_of(storage, policy, project=project)] == [
        "SG206",
        "SG403",
        "SG201",
        "SG206",
        "SG201",
    ]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("runAs: {from: workload}", []),
        ("runAs: {from: workload, user: 1}", [("SG208", "spec.job.runAs")]),
        ("runAs: {from: workload, group: 1}", [("SG208", "spec.job.runAs")]),
        ("runAs: {user: 1, else: {user: 2}}", [("SG208", "spec.job.runAs")]),
        ("runAs: {from: image}", [("SG205", "spec.job.runAs.from")]),
        ("runAs: {from: workload, else: {group: 1}}", [("SG202", "spec.job.runAs.else")]),
        ("runAs: {}", [("SG208", "spec.job.runAs")]),
    ],
)
def test_user_is_fixed_or_the_workload_s(written: str, told: list[tuple[str, str]]) -> None:
    text = POLICY.replace("spec:", f"spec:\n  job: {{{written}}}")
    assert findings_of(STORAGE, text) == [
        (code, f"BackupPolicy/hourly {field}") for code, field in told
    ]


def test_a_valid_project_has_typed_objects_with_their_documents() -> None:
    outcome = validate(source(STORAGE, POLICY, RETENTION))
    assert outcome.findings == ()
    policies = outcome.value
    assert policies is not None
    assert policies.project.value.spec.clusters[0].id == "dem1"
    assert list(policies.storages) == ["local"]
    assert list(policies.retentions) == ["weekly"]
    (policy,) = policies.policies
    assert isinstance(policy.value, BackupPolicy)
    assert str(policy.document.position("spec", "sessions", 0, "every")) == "policies/1.yaml:9:12"


def test_an_object_with_an_error_is_left_out_and_the_others_stay() -> None:
    second = POLICY.replace("hourly", "second").replace("every: 1h", "every: 5h")
    outcome = validate(source(STORAGE, POLICY, second))
    assert outcome.value is not None
    assert [one.value.metadata.name for one in outcome.value.policies] == ["hourly"]


def test_without_a_valid_project_there_is_no_value() -> None:
    outcome = validate(source(STORAGE, POLICY, project=PROJECT.replace("id: dem1", "di: dem1")))
    assert outcome.value is None
    assert not outcome.ok
