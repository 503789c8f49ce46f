"""Which field each line of emitted YAML is, without reading the document.

For the layout of ``stashgen.yaml.emitter``: block style, a list begins at the column of its key,
text with line breaks is a literal block.
"""

import re
from collections.abc import Sequence

_KEY = re.compile(r'("(?:[^"\\]|\\.)*"|[^\s"\-][^:]*|-[^\s:][^:]*):(?: (.*))?')
_LITERAL = re.compile(r"[|>][+-]?")
_HALF = 0.5


def line_paths(lines: Sequence[str]) -> list[str]:
    """The path of each line, such as ``spec.containers[].image``; of a literal block, its key's."""
    paths: list[str] = []
    above: list[tuple[float, str]] = []
    literal_below = -1
    for line in lines:
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        if literal_below >= 0 and (not text or indent > literal_below):
            paths.append(_joined(above))
            continue
        literal_below = -1
        while text.startswith("- ") or text == "-":
            # Between the column of the list's key and that of the item's fields.
            _leave(above, indent + _HALF)
            above.append((indent + _HALF, "[]"))
            text = text[2:].lstrip(" ")
            indent += 2
        found = _KEY.fullmatch(text)
        if found is not None:
            _leave(above, indent)
            above.append((indent, found[1].strip('"')))
            text = found[2] or ""
        if _LITERAL.fullmatch(text):
            literal_below = indent if found is not None else indent - 2
        paths.append(_joined(above))
    return paths


def line_value(line: str) -> str:
    """What a line says of its field; empty for a key with fields below it."""
    text = line.lstrip(" ")
    while text.startswith("- "):
        text = text[2:].lstrip(" ")
    found = _KEY.fullmatch(text)
    return text if found is None else found[2] or ""


def _leave(above: list[tuple[float, str]], indent: float) -> None:
    while above and above[-1][0] >= indent:
        above.pop()


def _joined(above: list[tuple[float, str]]) -> str:
    text = ""
    for _, key in above:
        text += key if key == "[]" or not text else f".{key}"
    return text
