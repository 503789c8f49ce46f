"""Plain scalars: what every reader agrees on, and what kubectl reads."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stashgen.yaml.emitter import scalar
from stashgen.yaml.scalars import Refused, read_as_kubectl, read_strictly
from tests.unit.stashgen.yaml.tricky_strings import TRICKY_STRINGS

# Values that sigs.k8s.io/yaml 1.4.0 gave for `v: <text>`, by running it.
KUBECTL: dict[str, object] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true"), True),
    **dict.fromkeys(("True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **{text: text for text in ("=", "none", "None", "_1", "inf", "nan")},
    **{text: text for text in ("Infinity", "1:30", "-1:30")},
    **{text: text for text in ("12:30:45", "1:30.5", "2001-01-01", "2024-1-1")},
    **{text: text for text in ("17:00", "1Gi", "50m")},
    **{text: text for text in ("0x1g", "1e", "1e400", "-1e400")},
    **{text: text for text in ("0xffffffffffffffffff", "0b", "0o8")},
    **{text: text for text in ("1.2.3", "0x", "+", "-", "0o", "2001-01-01x")},
    **{text: text for text in ("1h0m0s", "yEs", "nO")},
    "0": 0, "1": 1, "-1": -1, "+1": 1, "-0": 0, "012": 10, "09": 9, "007": 7, "0o17": 15,
    "0O7": 7, "0x1F": 31, "0X1f": 31, "0b1": 1, "0B1": 1, "1_000": 1000, "1_": 1, "0x_1": 1,
    "-0x1F": -31, "+_1": 1, "-_1": -1, "0_1": 1, "1__0": 10, "+0o17": 15, "-012": -10,
    "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63),
    "9223372036854775808": 2.0**63, "99999999999999999999999": 1e23,
    "18446744073709551616": 2.0**64, "-9223372036854775809": -(2.0**63),
    "1e3": 1000, "1E3": 1000, "12e03": 12000, "4012e03": 4012000, "0e0": 0, "1e+3": 1000,
    "7777777e12": 7777777 * 10**12, "1.10": 1.1, ".5": 0.5, "5.": 5, "+.5": 0.5, "-.5": -0.5,
    "1.5e3": 1500, "1_0.5": 10.5, "09.5": 9.5, "012.5": 12.5, "08e1": 80, "1.": 1, "-1.": -1,
    "1e-7": 1e-7, "1e21": 1e21, "1.0": 1, "1_000.5": 1000.5, ".5e2": 50, "5.e3": 5000,
}  # fmt: skip

TRAPS = (
    *("yes", "No", "ON", "off", "y", "N", "012", "09", "0o17", "0x1F", "0X1f"),
    *("0b1", "1_000", "+_1"),
    *("1e3", "12e03", "4012e03", "1E3", ".5", "5.", "-.5", "1.5e3", "09.5"),
    *("1_0.5", "1:30", "17:00", "+_0E0", "0E_0", "+_0x1", "-_.5"),
    *("12:30:45", "1:30.5", "2001-01-01", "2024-1-1", "2001-12-14t21:59:43Z", "=", ".inf", "-.INF"),
    *(".nan", "9223372036854775808", "-9223372036854775809", "9" * 5000, "1.0e+999"),
)  # fmt: skip

AGREED: dict[str, object] = {
    "": None, "~": None, "null": None, "NULL": None, "true": True, "False": False, "0": 0,
    "12": 12, "-7": -7, "+1": 1, "1.5": 1.5, "-0.25": -0.25, "1.0e+3": 1000.0,
    **{text: text for text in ("1.2.3", "1Gi", "50m", "6h", "22:00-05:00")},
    **{text: text for text in ("yesterday", "nope", "-")},
    **{text: text for text in ("1.36-alpine", "v1", "10.0.0.1", "a=b")},
    **{text: text for text in ("2026-01", "0g", "-c", "--x")},
}  # fmt: skip


def same(value: object, expected: object) -> bool:
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize(("text", "expected"), KUBECTL.items(), ids=ascii)
def test_inventories_are_read_as_kubectl_reads_them(text: str, expected: object) -> None:
    assert same(read_as_kubectl(text), expected)


@pytest.mark.parametrize("text", [".inf", "-.inf", "+.INF", ".nan", ".NaN"])
def test_infinity_is_refused_because_kubectl_fails_on_it(text: str) -> None:
    assert isinstance(read_as_kubectl(text), Refused)


@pytest.mark.parametrize("text", TRAPS, ids=lambda text: text[:20])
def test_what_readers_disagree_about_is_refused(text: str) -> None:
    assert isinstance(read_strictly(text), Refused)


@pytest.mark.parametrize(("text", "expected"), AGREED.items(), ids=ascii)
def test_what_readers_agree_about_is_read(text: str, expected: object) -> None:
    assert same(read_strictly(text), expected)


@given(st.text(st.sampled_from("0123456789.eE+-_:xobynYN tf"), min_size=1, max_size=8))
def test_what_is_read_strictly_is_what_pyyaml_and_kubectl_read(text: str) -> None:
    text = text.strip()
    if not text or text[0] in "-?:" or text.endswith(":") or ": " in text:
        return
    value = read_strictly(text)
    if not isinstance(value, Refused):
        # Behind a key: "..." at the start of a line would end the document.
        assert same(yaml.safe_load(f"key: {text}")["key"], value)
        assert same(read_as_kubectl(text), value)


@pytest.mark.parametrize("text", TRICKY_STRINGS, ids=ascii)
def test_what_the_emitter_writes_plain_is_text_to_both_readings(text: str) -> None:
    if scalar(text) == text:
        assert read_strictly(text) == text
        assert read_as_kubectl(text) == text


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "1e999999999"])
def test_a_huge_number_costs_nothing_and_never_raises(text: str) -> None:
    assert isinstance(read_strictly(text), Refused)
    value = read_as_kubectl(text)
    assert value == text or (isinstance(value, float) and math.isfinite(value))
