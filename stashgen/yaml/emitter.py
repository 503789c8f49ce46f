r"""Write plain data as YAML that every reader of Kubernetes manifests reads back the same.

PyYAML and ruamel each quote for one version of YAML, so ``1e3``, ``n`` or ``yes`` change their
type in some reader: a label value ``4012e03`` from a commit hash is enough. Here a string is
written plain only if every reader takes it for a string, and as a JSON string otherwise.

The layout is that of ``kubectl get -o yaml``: block style, an indentation of two spaces, a list
inside a map starts at the column of its key, keys in the order of the dict, ``{}`` and ``[]`` if
empty. A string with line breaks becomes a literal block (``|``, ``|-``, ``|+``) if that is exact.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from json.encoder import encode_basestring

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(?::(?=[A-Za-z0-9/._-])[A-Za-z0-9_./-]+)*", re.ASCII)
_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
_NOT_STRINGS = frozenset(form for word in _WORDS for form in (word, word.title(), word.upper()))
# Not printable in YAML, or a line break to some readers; JSON does not escape them.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
# What prevents text with line breaks from being a literal block: spaces that would be lost or taken
# for indentation, and every control character except tab and line feed.
_NOT_LITERAL = re.compile(
    "\\A[ \t\n]|[ \t](?:\n|\\Z)"
    "|[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]"
)
# libyaml and go-yaml look for the colon of an implicit key within 1024 characters.
_LONGEST_IMPLICIT_KEY = 1000
_LONGEST_CACHED = 256

# Between two documents.
SEPARATOR = "---\n"


def emit(obj: object) -> str:
    """One document, without ``---``, ending in a line break.

    Raises:
        TypeError: for anything but dicts with string keys, lists, tuples, strings, numbers,
            booleans and None: a date or a model is a bug in the caller.
        ValueError: for an infinite number or NaN, which JSON cannot hold.
    """
    lines: list[str] = []
    if isinstance(obj, dict) and obj:
        _map(obj, "", "", lines)
    elif isinstance(obj, list | tuple) and obj:
        _list(obj, "", "", lines)
    else:
        lines.append(_leaf(obj, "  ") + "\n")
    return "".join(lines)


def emit_all(objs: Iterable[object]) -> str:
    """Several documents, separated (not preceded) by ``---`` lines; errors as ``emit``."""
    return SEPARATOR.join(map(emit, objs))


@lru_cache(maxsize=65536)
def _short_scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text not in _NOT_STRINGS:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    # Not json.dumps(ensure_ascii=True): two surrogate escapes for one character are two characters
    # to a YAML reader.
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", encode_basestring(text))


def scalar(text: str) -> str:
    """A string on one line: plain where no reader can misread it, else in double quotes."""
    return _short_scalar(text) if len(text) <= _LONGEST_CACHED else _quoted(text)


def _map(obj: dict[object, object], first: str, pad: str, lines: list[str]) -> None:
    """Write entries; ``first`` precedes the first key, ``pad`` the others."""
    lead = first
    for key, value in obj.items():
        if not isinstance(key, str):
            raise TypeError(f"a key must be a string, not {type(key).__name__}")
        text = scalar(key)
        if len(text) > _LONGEST_IMPLICIT_KEY:
            lead, text = f"{lead}? {text}\n{pad}", ""
        if isinstance(value, str):
            # Most values are short strings: this branch alone is half the emitter's speed.
            written = _string(value, pad + "  ") if "\n" in value else scalar(value)
            lines.append(f"{lead}{text}: {written}\n")
        elif value and isinstance(value, dict):
            lines.append(f"{lead}{text}:\n")
            _nested(value, pad + "  ", lines)
        elif value and isinstance(value, list | tuple):
            lines.append(f"{lead}{text}:\n")
            _nested(value, pad, lines)
        else:
            lines.append(f"{lead}{text}: {_leaf(value, pad)}\n")
        lead = pad


def _list(
    obj: list[object] | tuple[object, ...],
    first: str,
    pad: str,
    lines: list[str],
) -> None:
    lead = first + "- "
    inner = pad + "  "
    for item in obj:
        if item and isinstance(item, dict):
            _map(item, lead, inner, lines)
        elif item and isinstance(item, list | tuple):
            _list(item, lead, inner, lines)
        else:
            lines.append(f"{lead}{_leaf(item, inner)}\n")
        lead = pad + "- "


def _nested(
    value: dict[object, object] | list[object] | tuple[object, ...],
    pad: str,
    lines: list[str],
) -> None:
    if isinstance(value, dict):
        _map(value, pad, pad, lines)
    else:
        _list(value, pad, pad, lines)


def _string(text: str, pad: str) -> str:
    """A string with line breaks: a literal block at ``pad`` if that loses nothing."""
    if _NOT_LITERAL.search(text):
        return _quoted(text)
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    header = ("|-", "|")[ends] if ends <= 1 else "|+"
    indented = [pad + line if line else "" for line in body.split("\n")]
    return "\n".join([header, *indented]) + "\n" * max(0, ends - 1)


def _leaf(value: object, pad: str) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value, pad) if "\n" in value else scalar(value)
        case int():
            return int.__repr__(value)
        case float():
            return _number(value)
        case dict():
            return "{}"
        case list() | tuple():
            return "[]"
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON data")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} has no JSON form")
    text = float.__repr__(value)
    # YAML 1.1 readers take 1e+16 for a string; with a dot every reader sees a number.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
