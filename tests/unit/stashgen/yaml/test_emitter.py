"""What the emitter writes is read back the same by readers of YAML 1.1 and of YAML 1.2."""

import datetime as dt
import io
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stashgen.yaml.emitter import emit, emit_all, scalar
from tests.unit.stashgen.yaml.tricky_strings import TRICKY_STRINGS


def read_with_pyyaml(text: str) -> object:
    data: object = yaml.safe_load(text)
    return data


def read_with_ruamel(text: str, *, typ: str) -> object:
    data: object = YAML(typ=typ, pure=True).load(io.StringIO(text))
    return data


def assert_read_back(obj: object) -> None:
    text = emit(obj)
    assert read_with_pyyaml(text) == obj, text
    assert read_with_ruamel(text, typ="safe") == obj, text
    assert read_with_ruamel(text, typ="rt") == obj, text


def test_the_table_has_at_least_the_153_strings_that_were_measured() -> None:
    assert len(set(TRICKY_STRINGS)) >= 153


@pytest.mark.parametrize("text", TRICKY_STRINGS, ids=ascii)
def test_a_tricky_string_is_the_same_string_as_value_item_and_key(text: str) -> None:
    assert_read_back(
        {
            "value": text,
            "items": [text, "between", text],
            text + "key": 1,
            "keys": {text: {text: [text]}},
            "nested": [[text], [{text: text}]],
            "last": text,
        }
    )


@pytest.mark.parametrize("text", TRICKY_STRINGS, ids=ascii)
def test_a_tricky_string_is_a_document_of_its_own(text: str) -> None:
    assert_read_back(text)
    assert list(yaml.safe_load_all(emit_all([text, [text], {"a": text}]))) == [
        text,
        [text],
        {"a": text},
    ]


def test_a_lone_surrogate_is_escaped_because_no_file_can_hold_it() -> None:
    assert scalar("a\ud800") == '"a\\ud800"'
    assert emit({"a": "b\n\udfff"}).encode() == b'a: "b\\n\\udfff"\n'


def test_layout_is_the_one_of_kubectl() -> None:
    obj = {
        "kind": "Pod",
        "metadata": {"labels": {}, "name": "a"},
        "spec": {
            "containers": [
                {"name": "a", "args": ["-c", "x"], "env": []},
                {"name": "b", "script": "one\n\ntwo\n"},
            ],
            "matrix": [[1, 2], [[], {}]],
        },
    }
    assert emit(obj) == (
        "kind: Pod\n"
        "metadata:\n"
        "  labels: {}\n"
        "  name: a\n"
        "spec:\n"
        "  containers:\n"
        "  - name: a\n"
        "    args:\n"
        '    - "-c"\n'
        "    - x\n"
        "    env: []\n"
        "  - name: b\n"
        "    script: |\n"
        "      one\n"
        "\n"
        "      two\n"
        "  matrix:\n"
        "  - - 1\n"
        "    - 2\n"
        "  - - []\n"
        "    - {}\n"
    )
    assert_read_back(obj)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a\nb", "a: |-\n  a\n  b\n"),
        ("a\nb\n", "a: |\n  a\n  b\n"),
        ("a\nb\n\n", "a: |+\n  a\n  b\n\n"),
        ("a\n\n  b", "a: |-\n  a\n\n    b\n"),
        (" a\nb", 'a: " a\\nb"\n'),
        ("\na", 'a: "\\na"\n'),
        ("a \nb", 'a: "a \\nb"\n'),
        ("a\n ", 'a: "a\\n "\n'),
        ("a\r\nb", 'a: "a\\r\\nb"\n'),
    ],
    ids=ascii,
)
def test_a_literal_block_is_used_only_where_it_is_exact(value: str, written: str) -> None:
    assert emit({"a": value}) == written
    assert_read_back({"a": value})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (2**70, "1180591620717411303424"),
        (0.0, "0.0"),
        (-0.5, "-0.5"),
        (1e16, "1.0e+16"),
        (1.5e-7, "1.5e-07"),
        (1e-7, "1.0e-07"),
        ({}, "{}"),
        ([], "[]"),
        ((), "[]"),
    ],
    ids=ascii,
)
def test_values_that_are_not_strings(value: object, written: str) -> None:
    assert emit({"a": value}) == f"a: {written}\n"
    assert emit([value]) == f"- {written}\n"
    assert emit(value) == f"{written}\n"
    if not isinstance(value, tuple):
        assert_read_back({"a": value})


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), dt.date(2026, 1, 1), {1: 2}, {True: 1}, b"x", {1}]
)
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        emit({"a": value})


def test_a_key_too_long_for_libyaml_is_written_explicitly() -> None:
    key = "k" * 1200
    assert_read_back({key: 1, "b": [{key: {"c": [1]}}, {key: "x\ny"}]})


def test_documents_are_separated_and_not_preceded() -> None:
    assert emit_all([{"a": 1}, {"b": "x\n\n"}, [1]]) == "a: 1\n---\nb: |+\n  x\n\n---\n- 1\n"
    assert emit_all([]) == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(TRICKY_STRINGS),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8) | st.sampled_from(TRICKY_STRINGS), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_any_json_data_is_read_back(obj: object) -> None:
    text = emit(obj)
    read = read_with_pyyaml(text)
    assert json.dumps(read) == json.dumps(obj)
