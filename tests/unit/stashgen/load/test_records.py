"""Recorded inventories are read as they were written, or not at all."""

from pathlib import Path

import pytest

from stashgen.load import load
from tests.support.documents import CLAIM, POLICY, PROJECT, STORAGE

HEADER = "# Recorded by stashgen inventory; DO NOT EDIT.\n# cluster: dem1\n"
RECORD = "inventory/demo.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    _write(tmp_path, "stashgen.yaml", _project(f"recorded: {RECORD}"))
    _write(tmp_path, "policies/all.yaml", STORAGE + "---\n" + POLICY)
    _write(tmp_path, RECORD, HEADER + CLAIM)
    return tmp_path


def _project(*sources: str) -> str:
    begin = PROJECT.index("    - manifests:")
    return PROJECT[:begin] + "".join(f"    - {source}\n" for source in sources)


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _codes(root: Path) -> list[str]:
    return [str(finding.code) for finding in load(root).findings]


def test_a_record_is_read(root: Path) -> None:
    outcome = load(root)
    assert outcome.findings == ()
    assert outcome.value is not None
    assert [str(one.path) for one in outcome.value.manifests["dem1"]] == [RECORD]
    assert {str(path) for path in outcome.value.records} == {RECORD}


@pytest.mark.parametrize(
    "text",
    [
        "",
        CLAIM,
        HEADER.replace("dem1", "oth1") + CLAIM,
        HEADER.replace("dem1", "dem1x") + CLAIM,
        "\n" + HEADER + CLAIM,
        "<<<<<<< ours\n" + HEADER + CLAIM,
        HEADER.splitlines()[0],
    ],
)
def test_what_is_no_record_of_this_cluster_is_refused(root: Path, text: str) -> None:
    _write(root, RECORD, text)
    assert _codes(root) == ["SG120"]


def test_a_conflict_in_a_record_is_an_error(root: Path) -> None:
    _write(root, RECORD, HEADER + CLAIM + "<<<<<<< ours\n" + CLAIM)
    outcome = load(root)
    assert outcome.findings
    assert not outcome.ok


def test_line_ends_of_another_system_are_read(root: Path) -> None:
    _write(root, RECORD, (HEADER + CLAIM).replace("\n", "\r\n"))
    assert _codes(root) == []


@pytest.mark.parametrize("place", ["inventory/none.yaml", "inventory", "../x.yaml", "policies/x"])
def test_a_record_that_is_not_there_is_an_error(root: Path, place: str) -> None:
    _write(root, "stashgen.yaml", _project(f"recorded: {place}"))
    assert _codes(root) in (["SG120"], [])
    assert load(root).value is not None
    assert (_codes(root) == []) is (place == "../x.yaml"), "validation reports it"


def test_a_record_that_leads_out_of_the_project_is_refused(root: Path, tmp_path: Path) -> None:
    (root / RECORD).unlink()
    (root / RECORD).symlink_to(tmp_path.parent)
    assert _codes(root) == ["SG119"]


def test_patterns_never_match_a_record(root: Path) -> None:
    """Of one cluster: another one's patterns may be wide."""
    _write(root, "clusters/claims.yaml", CLAIM)
    _write(root, "stashgen.yaml", _project(f"recorded: {RECORD}", 'manifests: ["**/*.yaml"]'))
    outcome = load(root)
    assert outcome.value is not None
    found = [str(one.path) for one in outcome.value.manifests["dem1"]]
    assert found.count(RECORD) == 1


def test_a_record_takes_a_default_namespace(root: Path) -> None:
    _write(root, "stashgen.yaml", _project(f"recorded: {RECORD}\n      namespace: apps"))
    source = load(root).value
    assert source is not None
    assert {str(path): one for path, one in source.namespaces["dem1"].items()} == {RECORD: "apps"}


@pytest.mark.parametrize(
    ("name", "text", "codes"),
    [
        ("chart/templates/secret.yaml", "name: {{ .Release.Name }}\n", []),
        ("chart/templates/deep/secret.yaml", "{{- if .Values.on }}\na: b\n{{ end }}\n", []),
        ("chart/templates/set.yaml", "kind: StatefulSet\nname: {{ .Release.Name }}\n", ["SG121"]),
        ("chart/templates/a.yaml", "claimName: {{ .A }}\n---\nb: {{ .B }}\n", ["SG121"]),
        ("chart/other/secret.yaml", "name: {{ .Release.Name }}\n", ["SG112"]),
        ("none/templates/secret.yaml", "name: {{ .Release.Name }}\n", ["SG112"]),
    ],
)
def test_templates_of_a_chart_are_no_manifests_unless_they_have_volumes(
    root: Path, name: str, text: str, codes: list[str]
) -> None:
    _write(root, "stashgen.yaml", _project("manifests: [clusters]"))
    _write(root, "clusters/claims.yaml", CLAIM)
    _write(root, "clusters/chart/Chart.yaml", "name: chart\n")
    _write(root, f"clusters/{name}", text)
    assert _codes(root) == codes
