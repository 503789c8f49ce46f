"""Secrets with readable data, wherever they are."""

import pytest

from stashgen.diagnostics import Severity, render_finding
from stashgen.validate import validate
from stashgen.validate.secret_data import inventory_secret_findings, secret_findings
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
        "stringData: {password: 'op://vault/item/field'}",
        "stringData: {password: 'ref+vault://secret/db#password'}",
        "stringData: {password: 'vault:secret/data/db#password'}",
        "stringData: {password: '<path:secret/data/db#password>'}",
        "stringData: {password: '<password>'}",
        "stringData: {password: '{{ .Values.password }}'}",
        "data: {password: PHBhdGg6c2VjcmV0L2RhdGEvZGIjcGFzc3dvcmQ+}",
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


@pytest.mark.parametrize(
    ("data", "is_found"),
    [
        ("stringData: {password: hunter2}", True),
        ("stringData: {url: 'postgres://${USER}:hunter2@db'}", True),
        ("stringData: {url: 'postgres://${USER}:${PASSWORD}@db'}", False),
        ("stringData: {repository: 's3:${ENDPOINT}/backups/${APP}'}", False),
        ("stringData: {config: '<a>hunter2</a>'}", True),
        ("data: {url: czM6JHtFTkRQT0lOVH0vYQ==}", False),
        ("data: {url: czM6JHtFTkRQT0lOVH0vYQ}", True),
    ],
)
def test_in_an_inventory_an_address_with_placeholders_is_none(data: str, *, is_found: bool) -> None:
    found = list(inventory_secret_findings(read(_SECRET + data, "a.yaml")))
    assert [(one.code, one.severity) for one in found] == (
        [("SG304", Severity.WARNING)] if is_found else []
    )


def test_all_secrets_of_an_inventory_are_one_warning() -> None:
    secret = _SECRET + "data: {password: aHVudGVyMg==}"
    (found,) = inventory_secret_findings(read("\n---\n".join([secret] * 15), "a.yaml"))
    assert found.what == "15 Secrets of the inventory have plain-text data"
    assert str(found.position) == "a.yaml:4:1"
    assert len(found.related) == 10
    assert "aHVudGVyMg" not in render_finding(found)


def test_inventory_and_policies_are_both_searched() -> None:
    secret = _SECRET + "data: {password: aHVudGVyMg==}"
    findings = validate(source(STORAGE, POLICY, secret, inventory=secret)).findings
    assert [(one.code, one.severity, str(one.position.path)) for one in findings] == [
        ("SG304", "warning", "clusters/claims.yaml"),
        ("SG304", "error", "policies/2.yaml"),
    ]
