"""Rules over several objects."""

import pytest

from stashgen import __version__
from stashgen.validate import validate
from stashgen.validate.tool_version import version_findings
from tests.support.documents import (
    POLICY,
    PROJECT,
    REQUEST,
    RETENTION,
    STORAGE,
    findings_of,
    read,
    source,
)


def test_a_reference_to_a_broken_object_is_not_told_as_missing() -> None:
    assert findings_of(STORAGE.replace("provider", "povider"), POLICY) == [
        ("SG201", "Storage/local spec.backend.povider")
    ]


def test_the_second_of_two_objects_with_one_name_shows_the_first() -> None:
    (finding,) = validate(source(STORAGE, POLICY, RETENTION, RETENTION)).findings
    assert finding.code == "SG302"
    assert str(finding.position) == "policies/3.yaml:3:18"
    assert [str(place) for place in finding.related] == ["policies/2.yaml:3:18"]


def test_objects_of_different_kinds_may_have_one_name() -> None:
    assert findings_of(STORAGE, POLICY, RETENTION.replace("weekly", "local")) == []


def test_a_restore_request_is_looked_through_and_is_no_part_of_the_policies() -> None:
    with_request = validate(source(STORAGE, POLICY, REQUEST))
    assert with_request.findings == ()
    assert with_request.value is not None
    assert [one.value.metadata.name for one in with_request.value.policies] == ["hourly"]


def test_a_nonce_is_used_once_in_a_namespace() -> None:
    again = REQUEST.replace("name: library-2026-03-01", "name: again")
    assert findings_of(STORAGE, POLICY, REQUEST, again) == [
        ("SG303", "RestoreRequest/again spec.nonce")
    ]
    elsewhere = REQUEST.replace("namespace: demo", "namespace: elsewhere")
    assert findings_of(STORAGE, POLICY, REQUEST, elsewhere) == []


def test_a_literal_cluster_id_in_the_sub_path_is_enough() -> None:
    local = "local:\n      subPath: backups/dem1"
    assert findings_of(STORAGE.replace("local:", local), POLICY) == []
    assert findings_of(STORAGE.replace("local:", local.replace("dem1", "x")), POLICY) == [
        ("SG212", "Storage/local spec.backend.local.subPath")
    ]


@pytest.mark.parametrize("place", ["project", "policy", "copy"])
def test_the_encryption_key_may_be_named_at_any_level(place: str) -> None:
    key = "encryption: {secretName: restic-key}"
    project = PROJECT if place == "project" else PROJECT.replace(f"    {key}\n", "    job: {}\n")
    policy = POLICY
    if place == "policy":
        policy = policy.replace("spec:", f"spec:\n  {key}")
    if place == "copy":
        policy = policy.replace("storage: local,", f"storage: local, {key},")
    assert findings_of(STORAGE, policy, project=project) == []
    if place != "project":
        assert [code for code, _ in findings_of(STORAGE, POLICY, project=project)] == ["SG306"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (">=0.1,<0.2", None),
        ("==0.1", None),
        (">= 0.1.0", None),
        ("!=0.1.0", "SG305"),
        (">0.1", "SG305"),
        ("<0.1", "SG305"),
        (">=0.2", "SG305"),
        ("", "SG205"),
        ("0.1", "SG205"),
        ("~=0.1", "SG205"),
        (">=0.1,", "SG205"),
        (">=0.1.0.0", "SG205"),
        (">=latest", "SG205"),
    ],
)
def test_the_required_version_is_compared_by_its_numbers(text: str, code: str | None) -> None:
    (project,) = read(PROJECT.replace("spec:", f"spec:\n  requires: '{text}'"), "stashgen.yaml")
    findings = list(version_findings(project, "0.1.0"))
    assert [finding.code for finding in findings] == ([] if code is None else [code])


def test_this_version_can_be_required() -> None:
    (project,) = read(PROJECT.replace("spec:", f"spec:\n  requires: =={__version__}"), "x.yaml")
    assert list(version_findings(project)) == []
