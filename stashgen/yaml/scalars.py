"""What an unquoted YAML scalar means to all readers, or to kubectl.

``012`` is 10 in YAML 1.1 and 12 in YAML 1.2; ``no`` is false or a string. A policy may contain only
scalars that all readers agree on (``read_strictly``). An inventory is third-party YAML and is read
as the cluster's tools read it (``read_as_kubectl``, sigs.k8s.io/yaml 1.4; the table in its test
was produced by that library).
"""

import math
import re
from dataclasses import dataclass

Scalar = str | int | float | bool | None

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OLD_BOOLEANS = {
    **{form: True for word in ("y", "yes", "on") for form in (word, word.title(), word.upper())},
    **{form: False for word in ("n", "no", "off") for form in (word, word.title(), word.upper())},
}
# A scalar that starts with another character is a string (or a word above) to every reader.
_NUMBER_STARTS = frozenset("+-.0123456789")

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?", re.ASCII)
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TRAPS = (
    (
        "a number in another base or with underscores",
        re.compile(
            r"[-+]?0_*[bB][01_]+|[-+]?0_*[oO][0-7_]+|[-+]?0_*[xX][0-9a-fA-F_]+"
            r"|[-+]?0[0-9_]+|[-+]?[0-9][0-9_]*|[-+]_[0-9_]*",
            re.ASCII,
        ),
    ),
    (
        "a base-60 (sexagesimal) number",
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII),
    ),
    (
        "a floating-point number",
        re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?", re.ASCII),
    ),
    ("a date", re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?", re.ASCII)),
)

_GO_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)
_GO_BASES = (16, 2, 8, 10)
_GO_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)

_INT64 = range(-(2**63), 2**63)
# More digits than any reader keeps exactly; Python's own limit for int() is 4300.
_MOST_DIGITS = 400


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a scalar must not stay unquoted."""

    why: str


def read_strictly(text: str) -> Scalar | Refused:
    """The value that readers of YAML 1.1 and of YAML 1.2 agree on, or why there is none."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in _OLD_BOOLEANS:
        return Refused("kubectl and YAML 1.1 read it as a boolean, YAML 1.2 as a string")
    if text[0] not in _NUMBER_STARTS:
        if text == "=":
            return Refused("it has a special meaning in YAML 1.1")
        return text
    if _INTEGER.fullmatch(text):
        if len(text) <= _MOST_DIGITS and (whole := int(text)) in _INT64:
            return whole
        return Refused("Kubernetes supports only 64-bit integers")
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else Refused("the number is too large for JSON")
    if _INFINITE.fullmatch(text):
        return Refused("JSON, and therefore Kubernetes, has neither infinity nor NaN")
    # kubectl drops underscores before it parses, wherever they stand, but for a leading dot.
    plain = text if text[0] == "." else text.replace("_", "")
    for meaning, pattern in _TRAPS:
        if pattern.fullmatch(text) or pattern.fullmatch(plain):
            return Refused(f"some readers interpret it as {meaning}, others as something else")
    return text


def read_as_kubectl(text: str) -> Scalar | Refused:
    """The value after sigs.k8s.io/yaml has converted it to JSON; rejects only what that rejects."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in _OLD_BOOLEANS:
        return _OLD_BOOLEANS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INFINITE.fullmatch(text):
        return Refused("JSON, and therefore Kubernetes, has neither infinity nor NaN")
    # A leading dot is a float without underscores; elsewhere they are dropped before parsing.
    plain = text if text[0] == "." else text.replace("_", "")
    if (match := _GO_INTEGER.fullmatch(plain)) and len(plain) <= _MOST_DIGITS:
        sign, *digits = match.groups()
        value = next(int(d, base) for d, base in zip(digits, _GO_BASES, strict=True) if d)
        value = -value if sign == "-" else value
        if value in _INT64:
            return value
    if _GO_FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        # Go prints 1e3 as 1000 on the way through JSON, and reads that as an integer again.
        return int(number) if number.is_integer() and int(number) in _INT64 else number
    return text
