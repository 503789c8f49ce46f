"""Reading files: positions of everything, findings for every defect, never an exception."""

import json
import time
from pathlib import PurePosixPath

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.diagnostics import Outcome, Position, render_finding
from stashgen.yaml.documents import LARGEST_FILE_BYTES, MOST_FINDINGS, Document, read_documents
from stashgen.yaml.emitter import emit, emit_all
from stashgen.yaml.reader import DEEPEST, MOST_ALIASED_NODES
from tests.unit.stashgen.yaml.tricky_strings import TRICKY_STRINGS

PATH = PurePosixPath("policies/a.yaml")
POLICY = """\
# a comment
kind: BackupPolicy
metadata: {name: gäld, labels: {a.b/c: x}}
spec:
  sessions:
  - name: backup
    schedule: "0 2 * * *"
    'key with: colon': 3
  - {name: b, list: [1, 2.5, true, null]}
  script: |
    one
    two
  empty:
"""


def read(text: str | bytes, *, dirty: bool = False) -> Outcome[tuple[Document, ...]]:
    return read_documents(text.encode() if isinstance(text, str) else text, PATH, dirty=dirty)


def data_of(text: str | bytes, *, dirty: bool = False) -> list[object]:
    outcome = read(text, dirty=dirty)
    assert outcome.findings == ()
    return [document.data for document in outcome.value]


def codes_of(text: str | bytes, *, dirty: bool = False) -> list[tuple[str, str]]:
    return [
        (f"{finding.code}", f"{finding.position.line}:{finding.position.column}")
        for finding in read(text, dirty=dirty).findings
    ]


def test_data_is_plain_and_complete() -> None:
    assert data_of(POLICY) == list(yaml.safe_load_all(POLICY))


@pytest.mark.parametrize(
    ("keys", "value_at", "key_at"),
    [
        ((), (2, 1), (2, 1)),
        (("kind",), (2, 7), (2, 1)),
        (("metadata", "name"), (3, 18), (3, 12)),
        (("metadata", "labels", "a.b/c"), (3, 40), (3, 33)),
        (("spec",), (5, 3), (4, 1)),
        (("spec", "sessions"), (6, 3), (5, 3)),
        (("spec", "sessions", 0), (6, 5), (6, 5)),
        (("spec", "sessions", 0, "schedule"), (7, 15), (7, 5)),
        (("spec", "sessions", 0, "key with: colon"), (8, 24), (8, 5)),
        (("spec", "sessions", 1, "list", 3), (9, 36), (9, 36)),
        (("spec", "script"), (10, 11), (10, 3)),
        (("spec", "empty"), (13, 9), (13, 3)),
        # The longest prefix that exists.
        (("spec", "sessions", 0, "nope", "name"), (6, 5), (6, 5)),
        (("spec", "sessions", 7), (6, 3), (5, 3)),
        (("spec", 0), (5, 3), (4, 1)),
        (("nope",), (2, 1), (2, 1)),
    ],
)
def test_every_key_and_value_knows_its_place_in_characters(
    keys: tuple[str | int, ...], value_at: tuple[int, int], key_at: tuple[int, int]
) -> None:
    (document,) = read(POLICY).value
    assert document.position(*keys) == Position(PATH, *value_at)
    assert document.key_position(*keys) == Position(PATH, *key_at)


def test_a_subject_names_the_object_and_the_field() -> None:
    (document,) = read(POLICY).value
    assert document.subject() == "BackupPolicy/gäld"
    assert (
        document.subject("spec", "sessions", 0, "schedule")
        == "BackupPolicy/gäld spec.sessions[0].schedule"
    )
    assert document.subject("metadata", "labels", "a.b/c").endswith('metadata.labels["a.b/c"]')


def test_documents_of_a_stream_keep_their_index_and_lines() -> None:
    documents = read("# only a comment\n---\na: 1\n---\n---\nb:\n  c: 2\n...\n---\n{d: 3}\n").value
    assert [(document.data, document.index) for document in documents] == [
        ({"a": 1}, 0),
        ({"b": {"c": 2}}, 2),
        ({"d": 3}, 3),
    ]
    assert documents[1].position("b", "c") == Position(PATH, 7, 6)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "---\n---\n", "\ufeff", "~\n"])
def test_an_empty_file_holds_no_documents(text: str) -> None:
    assert data_of(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: 1\nb: \xc3\xa4\xff", [("SG102", "2:5")]),
        ("a: 1\n".encode("utf-16"), [("SG102", "1:1")]),
        (b"a: \xed\xa0\x80", [("SG102", "1:4")]),
        ("a: ä\x01", [("SG103", "1:5")]),
        ("a: 1\nb: \0", [("SG103", "2:4")]),
        ("a: \x7f", [("SG103", "1:4")]),
        ("a: x\u2028y", [("SG103", "1:5")]),
        ("a: 1\n\ufeffb: 2", [("SG103", "2:1")]),
        ("a: [1, 2\n", [("SG104", "2:1")]),
        ("a: b: c", [("SG104", "1:5")]),
        ("a: 'x\n", [("SG104", "2:1")]),
        ("a: @x", [("SG104", "1:4")]),
        ("%YAML 1.3\n---\na: 1", [("SG104", "1:1")]),
        ("a: {{ .Values.x }}-b", [("SG112", "1:5")]),
        ("a:\n\t- b", [("SG105", "2:1")]),
        ("a:\n  b: 1\n\tc: 2", [("SG105", "3:1")]),
        ("a: 1\nb: 2\na: 3", [("SG106", "3:1")]),
        ("1: a\n'1': b", [("SG106", "2:1")]),
        ("true: a\n'true': b", [("SG106", "2:1")]),
        ("x: {a: 1, a: 2, a: 3}", [("SG106", "1:11"), ("SG106", "1:17")]),
        ("a: 012\nb:\n- yes\n- 1:30\n", [("SG107", "1:4"), ("SG107", "3:3"), ("SG107", "4:3")]),
        ("a: !!python/object/apply:os.system [x]", [("SG108", "1:4")]),
        ("a: !x {b: 1}", [("SG108", "1:4")]),
        ("a: !!binary aGk=", [("SG108", "1:4")]),
        ("a: !!int x\nb: !!bool 1\nc: !!null x", [("SG108", f"{n}:4") for n in (1, 2, 3)]),
        ("!!int 1: a", [("SG108", "1:1")]),
        ("a: *x", [("SG109", "1:4")]),
        ("a: &x [*x]", [("SG109", "1:8")]),
        ("a: &x 1\n---\nb: *x", [("SG109", "3:4")]),
        ("? [a]\n: 1", [("SG112", "1:3")]),
        ("a: {b: 1}\n? {c: d}\n: 1", [("SG112", "2:3")]),
        ("a: &x k\n*x : 1", [("SG112", "2:1")]),
        ("~: 1\non: 2\n012: 3\n1.5: 4", [("SG112", f"{n}:1") for n in (1, 2, 3, 4)]),
        ("a: {<<: 3}", [("SG113", "1:9")]),
        ("a: {<<: [1, {b: 2}]}", [("SG113", "1:9")]),
        ("a: {<<: {b: 1}, <<: {c: 1}}", [("SG106", "1:17")]),
        ("- a\n- b", [("SG114", "1:1")]),
        ("# c\nhello", [("SG114", "2:1")]),
    ],
    ids=ascii,
)
def test_a_defect_is_a_finding_at_its_place(
    text: str | bytes, expected: list[tuple[str, str]]
) -> None:
    outcome = read(text)
    assert codes_of(text) == expected
    assert not outcome.ok
    assert all("\n" not in (f.what + f.why + f.fix) and f.fix for f in outcome.findings)


def test_a_finding_names_the_object_the_path_and_the_first_of_two_keys() -> None:
    text = "kind: Pod\nmetadata: {name: p}\nspec:\n  x:\n  - a: 1\n    a: 2\n"
    (finding,) = read(text).findings
    assert render_finding(finding) == (
        'policies/a.yaml:6:5: error SG106: duplicate key "a"\n'
        "  at:  Pod/p spec.x[0].a\n"
        "  why: readers silently keep one of the two, and not all keep the same one\n"
        "  fix: remove one of them\n"
        "  see: policies/a.yaml:5:5"
    )


def test_a_tab_and_a_template_get_their_own_remedy() -> None:
    (tab,) = read("a:\n\t- b").findings
    assert tab.fix == "replace the tab with spaces"
    (template,) = read("{{ if x }}\na: 1\n{{ end }}\n").findings[:1]
    assert "{{" in template.fix
    (quoted,) = read("a: it's {{ .x }}: 1").findings
    assert quoted.fix == 'put the template in quotes: "{{ ... }}"'


@pytest.mark.parametrize("kind", ["kind: Secret\n", ""])
def test_a_value_that_may_be_a_secret_is_not_shown(kind: str) -> None:
    (finding,) = read(f"{kind}stringData:\n  pin: 012345678\n").findings
    assert "012345678" not in render_finding(finding)
    (finding,) = read("kind: Pod\nx: 012345678\n").findings
    assert "012345678" in render_finding(finding)


def test_a_broken_document_is_left_out_and_the_others_are_read() -> None:
    text = "a: 1\n---\nb: [\n---\nc: 3\n---\nd: yes\n---\ne: *x\n---\nf:\n  g: 6\n"
    outcome = read(text)
    assert [document.data for document in outcome.value] == [{"a": 1}, {"c": 3}, {"f": {"g": 6}}]
    assert outcome.value[-1].position("f", "g") == Position(PATH, 12, 6)
    assert [f"{f.code} {f.position.line}" for f in outcome.findings] == [
        "SG104 4",
        "SG107 7",
        "SG109 9",
    ]


def test_merge_keys_are_merged_and_keep_the_place_where_the_value_is_written() -> None:
    text = "base: &b {p: 1, q: 2}\none:\n  <<: *b\n  q: 3\ntwo:\n  r: 4\n  <<: [{q: 5}, *b]\n"
    (document,) = read(text).value
    assert document.data == yaml.safe_load(text)
    assert document.position("one", "p") == Position(PATH, 1, 14)
    assert document.position("one", "q") == Position(PATH, 4, 6)


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert data_of("a: {'<<': {b: 1}}") == [{"a": {"<<": {"b": 1}}}]


def test_explicit_tags_of_the_json_types_are_accepted() -> None:
    text = "a: !!str 012\nb: !!int '3'\nc: !!float 1\nd: !!bool 'true'\ne: !!null ''\n!!str 1: f\n"
    assert data_of(text) == [{"a": "012", "b": 3, "c": 1.0, "d": True, "e": None, "1": "f"}]


def test_an_inventory_is_read_as_kubectl_reads_it() -> None:
    text = 'on: yes\n012: 0o17\n1.50: 1e3\nn: 2001-01-01\nx: "\u2028"\n'
    assert data_of(text, dirty=True) == [
        {"true": True, "10": 15, "1.50": 1000, "false": "2001-01-01", "x": "\u2028"}
    ]
    assert data_of("a: !env_var X\nb: !x [1]\n!y c: {d: !z 1}", dirty=True) == [
        {"a": "X", "b": [1], "c": {"d": "1"}}
    ]
    assert codes_of("a: !!binary aGk=", dirty=True) == [("SG108", "1:4")]
    assert codes_of("on: 1\ny: 2", dirty=True) == [("SG106", "2:1")]
    assert codes_of("~: 1\na: .inf", dirty=True) == [("SG112", "1:1"), ("SG107", "2:4")]


def test_json_of_an_inventory_is_read_and_its_defects_are_found_with_positions() -> None:
    assert data_of('\n{"a": [1, {"b": 1.5}]}', dirty=True) == [{"a": [1, {"b": 1.5}]}]
    assert codes_of('{"a": 1,\n "a": 2}', dirty=True) == [("SG106", "2:2")]
    assert codes_of('{"a": NaN,\n "b": @}', dirty=True) == [("SG104", "2:7")]
    assert codes_of('{"a": ' * 70 + "1" + "}" * 70, dirty=True)[0][0] == "SG111"
    assert codes_of("[1]", dirty=True) == [("SG114", "1:1")]
    (document,) = read('{"kind": "A"}', dirty=True).value
    assert document.position("kind") == Position(PATH, 1, 1)


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
HOSTILE = {
    "brackets": ("[" * 100_000, "SG111"),
    "braces": ("{a: " * 100_000, "SG111"),
    "dashes": ("- " * 100_000, "SG111"),
    "indentation": ("\n".join(" " * n + "a:" for n in range(200)), "SG111"),
    "billion laughs": (LAUGHS, "SG110"),
    "deep aliases": (
        "a0: &a0 " + "[" * 50 + "]" * 50 + "\na1: " + "[" * 20 + "*a0" + "]" * 20,
        "SG110",
    ),
    "merge bomb": ("a: &a {" + ",".join(f"k{n}: 1" for n in range(2000)) + "}\nb:\n"
                   + "".join("- {<<: *a}\n" for _ in range(50)), "SG110"),
    "broken documents": ("---\na: [\n" * 5000, "SG115"),
    "many findings": ("a: [" + "yes, " * 50_000 + "]", "SG115"),
    "long number": ("a: " + "9" * 100_000, "SG107"),
    "long quote": ("a: '" + "x" * 1_000_000, "SG104"),
    "question marks": ("? " * 50_000, "SG112"),
    "anchors": ("".join(f"- &a{n} x\n" for n in range(50_000)), "SG114"),
    "tags": ("- !x x\n" * 50_000, "SG115"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_ends_quickly_in_a_finding(text: str, code: str) -> None:
    start = time.process_time()
    outcome = read(text)
    assert time.process_time() - start < 5
    assert not outcome.ok
    assert code in {finding.code for finding in outcome.findings}
    assert len(outcome.findings) <= MOST_FINDINGS + 1


def test_depth_and_aliases_within_the_bounds_are_read() -> None:
    deep = "a: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)
    assert data_of(deep) == [yaml.safe_load(deep)]
    # An anchored list of 9 items is 10 nodes.
    times = MOST_ALIASED_NODES // 10
    aliases = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\nb: [" + ", ".join(["*a"] * times) + "]"
    assert len(data_of(aliases)) == 1
    assert codes_of(aliases.replace("b: [", "b: [*a, "))[0][0] == "SG110"


def test_a_file_over_64_megabytes_is_not_parsed() -> None:
    (finding,) = read(b"#" * (LARGEST_FILE_BYTES + 1)).findings
    assert (finding.code, finding.position) == ("SG101", Position(PATH))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(TRICKY_STRINGS),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8) | st.sampled_from(TRICKY_STRINGS), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
objects = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8), json_values
)


@settings(max_examples=200, deadline=None)
@given(st.lists(objects, max_size=3))
def test_what_the_emitter_writes_is_read_back(objs: list[dict[str, object]]) -> None:
    for dirty in (False, True):
        assert data_of(emit_all(objs), dirty=dirty) == objs
    assert json.dumps(data_of(emit_all(objs))) == json.dumps(objs)


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@ \n\t#.0179~<=") | st.characters(), max_size=60)
)
def test_no_text_makes_the_reader_raise(text: str) -> None:
    for dirty in (False, True):
        outcome = read(text.encode("utf-8", "surrogatepass"), dirty=dirty)
        for document in outcome.value:
            emit(document.data)
        for finding in outcome.findings:
            assert len(render_finding(finding).splitlines()) >= 3


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_make_the_reader_raise(content: bytes) -> None:
    read(content)
    read(content, dirty=True)
