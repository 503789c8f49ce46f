"""Variables of Functions and Addons."""

import pytest

from stashgen.kubestash.variables import substitute


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--namespace=${namespace:=default}", "--namespace=demo"),
        ("--paths=${paths:=}", "--paths="),
        ("--paths=${paths}", "--paths="),
        ("--paths=${paths:=/data}", "--paths=/data"),
        ("--empty=${empty:=used}", "--empty=used"),
        ("${namespace}/${namespace}", "demo/demo"),
        ("$namespace $(namespace) {namespace}", "$namespace $(namespace) {namespace}"),
        ("--nested=${nested}", "--nested=${namespace}"),
    ],
)
def test_variable_is_its_value_else_its_default_else_nothing(text: str, expected: str) -> None:
    values = {"namespace": "demo", "empty": "", "nested": "${namespace}"}
    assert substitute(text, values) == expected
