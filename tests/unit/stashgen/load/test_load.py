"""What load makes of a project's folder."""

from pathlib import Path

import pytest

from stashgen.diagnostics import ExitCode, Severity, StashgenError, ToolError, UsageError
from stashgen.load import load
from tests.support.documents import CLAIM, POLICY, PROJECT, STORAGE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    _write(tmp_path, "stashgen.yaml", PROJECT)
    _write(tmp_path, "policies/storage.yaml", STORAGE)
    _write(tmp_path, "policies/deep/hourly.yaml", POLICY)
    _write(tmp_path, "clusters/demo/claims.yaml", CLAIM)
    return tmp_path


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _told(root: Path) -> list[tuple[str, str]]:
    return [(finding.code, str(finding.position)) for finding in load(root).findings]


@pytest.mark.parametrize(
    ("name", "message"), [("missing", "is not a folder"), ("clusters", "there is no stashgen.yaml")]
)
def test_without_a_project_the_usage_is_wrong(root: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(root / name)


def test_what_the_system_refuses_is_an_error_of_the_environment(root: Path) -> None:
    with pytest.raises(ToolError, match="cannot read") as caught:
        load(root / ("x" * 300))
    error: StashgenError = caught.value
    assert error.exit_code is ExitCode.USAGE


def test_documents_come_by_path_and_positions_are_relative(root: Path) -> None:
    outcome = load(root)
    assert outcome.findings == ()
    source = outcome.value
    assert source is not None
    assert [str(one.path) for one in source.policies] == [
        "policies/deep/hourly.yaml",
        "policies/storage.yaml",
    ]
    assert {key: [str(one.path) for one in value] for key, value in source.manifests.items()} == {
        "dem1": ["clusters/demo/claims.yaml"]
    }
    assert source.unreadable == ()


def test_other_documents_of_the_project_file_are_policies_too(root: Path) -> None:
    _write(root, "stashgen.yaml", f"{STORAGE}---\n{PROJECT}---\n{POLICY}")
    source = load(root).value
    assert source is not None
    assert [one.data["kind"] for one in source.policies[:2]] == ["Storage", "BackupPolicy"]
    assert len(source.policies) == 4


def test_a_project_without_policy_folders_reads_its_own_file_only(root: Path) -> None:
    _write(
        root, "stashgen.yaml", PROJECT.replace("spec:", "spec:\n  policies: []") + f"---\n{POLICY}"
    )
    source = load(root).value
    assert source is not None
    assert [one.data["kind"] for one in source.policies] == ["BackupPolicy"]


def test_a_file_that_two_patterns_match_is_read_once(root: Path) -> None:
    patterns = '["policies", "policies/*.yaml", "policies/storage.yaml", "."]'
    _write(root, "stashgen.yaml", PROJECT.replace("spec:", f"spec:\n  policies: {patterns}"))
    source = load(root).value
    assert source is not None
    assert [str(one.path) for one in source.policies] == [
        "clusters/demo/claims.yaml",
        "policies/deep/hourly.yaml",
        "policies/storage.yaml",
    ]


@pytest.mark.parametrize(
    "text", ["", "---\n", "kind: [\n", "- kind: Project\n", "kind: Policy\n", "\x00", "kind: 1"]
)
def test_a_project_file_without_a_readable_project_has_findings_and_no_value(
    root: Path, text: str
) -> None:
    _write(root, "stashgen.yaml", text)
    outcome = load(root)
    assert outcome.value is None
    assert not outcome.ok


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("clusters:", "clusters: 1\n  x:"),
        ("- name: demo", "- name: demo\n  - 1\n  - name: x"),
        ("id: dem1", "id: [1]"),
        ("inventory:", "inventory: {manifests: x}\n    x:"),
        ("spec:", "spec:\n  policies: policies"),
        ("spec:", "spec:\n  policies: [1, {a: b}]"),
        ("spec:", "spec:\n  output: [1]"),
        ("spec:", "spec:\n  output: ../.."),
    ],
)
def test_other_shapes_of_the_project_are_left_to_validation(
    root: Path, before: str, after: str
) -> None:
    _write(root, "stashgen.yaml", PROJECT.replace(before, after, 1))
    assert load(root).value is not None


def test_paths_that_match_nothing_or_lead_outside_are_told_where_they_are_written(
    root: Path,
) -> None:
    project = PROJECT.replace("spec:", "spec:\n  policies: [policies, polices, ../x]")
    _write(root, "stashgen.yaml", project.replace('"clusters/', '"/etc/*", "cluster/'))
    assert _told(root) == [
        ("SG117", "stashgen.yaml:5:24"),
        ("SG118", "stashgen.yaml:5:33"),
        ("SG118", "stashgen.yaml:12:19"),
        ("SG117", "stashgen.yaml:12:29"),
    ]


def test_an_unreadable_policy_is_an_error_and_an_unreadable_inventory_a_warning(
    root: Path,
) -> None:
    broken = "a: [\n---\nkind: ConfigMap\n"
    _write(root, "policies/broken.yaml", broken)
    _write(root, "clusters/demo/broken.yaml", broken)
    outcome = load(root)
    assert [(one.severity, str(one.position)) for one in outcome.findings] == [
        (Severity.ERROR, "policies/broken.yaml:2:1"),
        (Severity.WARNING, "clusters/demo/broken.yaml:2:1"),
    ]
    assert outcome.value is not None
    assert [str(place) for place in outcome.value.unreadable] == ["clusters/demo/broken.yaml:2:1"]
    assert [one.data["kind"] for one in outcome.value.manifests["dem1"]] == [
        "ConfigMap",
        "PersistentVolumeClaim",
    ]


def test_binary_junk_among_the_inputs_is_told_and_the_rest_is_read(root: Path) -> None:
    (root / "policies" / "junk.yaml").write_bytes(bytes(range(256)) * 100)
    (root / "clusters" / "demo" / "deep.yaml").write_bytes(b"{" * 100_000)
    (root / "clusters" / "demo" / "junk.yaml").write_bytes(b"\xff\xfe" + b"\0" * 1000)
    outcome = load(root)
    assert {str(one.position.path) for one in outcome.findings} == {
        "policies/junk.yaml",
        "clusters/demo/deep.yaml",
        "clusters/demo/junk.yaml",
    }
    assert outcome.value is not None
    assert len(outcome.value.policies) == 2


def test_a_file_name_that_is_no_text_is_shown_with_escapes(root: Path) -> None:
    name = b"policies/caf\xe9\x1b.yaml"
    (root / name.decode(errors="surrogateescape")).write_bytes(b"a: [\n")
    (finding,) = load(root).findings
    assert finding.code == "SG104"
    assert finding.position.path.name.startswith("caf")


def test_a_sparse_file_of_many_gigabytes_is_not_read_into_memory(root: Path) -> None:
    with (root / "policies" / "huge.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert [code for code, _ in _told(root)] == ["SG101"]


def _inventory(root: Path, text: str) -> None:
    before = 'inventory:\n    - manifests: ["clusters/**/*.yaml"]'
    assert before in PROJECT
    _write(root, "stashgen.yaml", PROJECT.replace(before, f"inventory: {text}"))


def _read_files(root: Path) -> list[str]:
    source = load(root).value
    assert source is not None
    return [str(one.path) for one in source.manifests["dem1"]]


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ("", ["charts/a.yaml", "claims.yaml", "deep/charts/b.yaml"]),
        ("[]", ["charts/a.yaml", "claims.yaml", "deep/charts/b.yaml"]),
        ("['**/charts/**']", ["claims.yaml"]),
        ("[clusters/demo/charts]", ["claims.yaml", "deep/charts/b.yaml"]),
        ("['clusters/demo/*/a.yaml', clusters/demo/deep]", ["claims.yaml"]),
        ("[nothing/here]", ["charts/a.yaml", "claims.yaml", "deep/charts/b.yaml"]),
    ],
)
def test_excluded_files_are_not_read(root: Path, exclude: str, expected: list[str]) -> None:
    for name in ("charts/a.yaml", "deep/charts/b.yaml"):
        _write(root, f"clusters/demo/{name}", CLAIM)
    field = f", exclude: {exclude}" if exclude else ""
    _inventory(root, f"[{{manifests: [clusters/demo]{field}}}]")
    assert load(root).findings == ()
    assert _read_files(root) == [f"clusters/demo/{name}" for name in expected]


def test_exclude_belongs_to_its_own_manifests(root: Path) -> None:
    source = "{manifests: [clusters/demo], exclude: [clusters/demo/claims.yaml]}"
    _inventory(root, f"[{source}, {{manifests: [clusters/demo/claims.yaml]}}]")
    assert _read_files(root) == ["clusters/demo/claims.yaml"]
    _inventory(root, f"[{source}]")
    assert load(root).findings == ()
    assert _read_files(root) == []


def test_only_excluded_links_may_be_broken(root: Path) -> None:
    (root / "clusters/demo/charts").mkdir()
    for name in ("charts/gone.yaml", "lost.yaml"):
        (root / "clusters/demo" / name).symlink_to("nowhere")
    _inventory(root, "[{manifests: [clusters/demo], exclude: ['**/charts/**']}]")
    assert _told(root) == [("SG119", "clusters/demo/lost.yaml:1:1")]
    _inventory(root, "[{manifests: [clusters/demo], exclude: ['**/charts/**', clusters/demo/l*]}]")
    assert _told(root) == []


def test_excluded_name_of_a_file_does_not_hide_its_other_name(root: Path) -> None:
    (root / "clusters/demo/alias.yaml").symlink_to("claims.yaml")
    _inventory(root, "[{manifests: [clusters/demo], exclude: [clusters/demo/alias.yaml]}]")
    assert _read_files(root) == ["clusters/demo/claims.yaml"]


def test_exclude_outside_the_project_is_refused(root: Path) -> None:
    _inventory(root, "[{manifests: [clusters/demo], exclude: [../other]}]")
    assert [code for code, _ in _told(root)] == ["SG118"]


def test_namespace_of_a_source_goes_with_its_files(root: Path) -> None:
    _write(root, "clusters/demo/deep/a.yaml", CLAIM)
    first = "{manifests: [clusters/demo/deep], namespace: one}"
    _inventory(root, f"[{first}, {{manifests: [clusters/demo], namespace: two}}]")
    source = load(root).value
    assert source is not None
    assert {str(path): name for path, name in source.namespaces["dem1"].items()} == {
        "clusters/demo/claims.yaml": "two",
        "clusters/demo/deep/a.yaml": "one",
    }


def test_list_in_an_inventory_is_no_manifest(root: Path) -> None:
    _write(root, "clusters/demo/automations.yaml", "- alias: lights\n")
    outcome = load(root)
    assert outcome.findings == ()
    assert outcome.value is not None
    assert outcome.value.unreadable == ()
