"""Secrets with readable data, wherever they are."""

import pytest

from stashgen.diagnostics import render_finding
from stashgen.validate import validate
from stashgen.validate.secret_data import secret_findings
from tests.support.documents import POLICY, STORAGE, read, source

_SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: demo}\n"


@pytest.mark.parametrize(
    "data",
    [
        "data: {password: aHVudGVyMg==}",
        "stringData: {password: hunter2}",
        "stringData: {user: '', password: hunter2}",
        "stringData: {url: 'postgres://${USER}:hunter2@db'}",
        "stringData: {both: '${USER}:${PASSWORD}'}",
        "data: {password: [1]}",
        "data: {password: 'ENC[no sops block]'}",
        "data: {a: 'ENC[x]', password: hunter2}\nsops: {version: 3.9.0}",
    ],
)
def test_readable_data_is_refused_and_not_shown(data: str) -> None:
    (document,) = read(_SECRET + data, "a.yaml")
    (finding,) = secret_findings(document)
    assert finding.code == "SG304"
    assert "hunter2" not in render_finding(finding)
    assert "aHVudGVyMg" not in render_finding(finding)


@pytest.mark.parametrize(
    "data",
    [
        "type: Opaque",
        "data: {}",
        "data: {password: ''}",
        "data: null",
        "stringData: {password: '${PASSWORD}'}",
        "data: {password: 'ENC[AES256_GCM,data:x]'}\nsops: {version: 3.9.0}",
    ],
)
def test_a_secret_without_readable_data_is_no_finding(data: str) -> None:
    (document,) = read(_SECRET + data, "a.yaml")
    assert list(secret_findings(document)) == []


def test_a_secret_inside_lists_is_found() -> None:
    item = "{kind: Secret, data: {password: aHVudGVyMg==}}"
    text = f"kind: List\nitems:\n- {{kind: SecretList, items: [{item}]}}\n- kind: ConfigMap\n"
    (document,) = read(text, "a.yaml")
    assert [finding.subject for finding in secret_findings(document)] == [
        "List items[0].items[0].data"
    ]


def test_inventory_and_policies_are_both_searched() -> None:
    secret = _SECRET + "data: {password: aHVudGVyMg==}"
    findings = validate(source(STORAGE, POLICY, secret, inventory=secret)).findings
    assert [(finding.code, str(finding.position.path)) for finding in findings] == [
        ("SG304", "clusters/claims.yaml"),
        ("SG304", "policies/2.yaml"),
    ]
