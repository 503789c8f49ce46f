"""JSON that is nested deeper than orjson reads (1,024) or writes (254), and pydantic reads (200).

The API server takes 10,000 levels in a field without a schema, such as a task's ``params``. One
such object in a list would end the watch of its kind for all the others.
"""

import re

import orjson
from pydantic import JsonValue

# No object that we work with comes near it.
DEEPEST = 100
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def loads(data: bytes | str) -> JsonValue:
    """Read JSON; what is nested too deep to be read is null.

    Raises:
        orjson.JSONDecodeError: it is not JSON.
    """
    try:
        found: JsonValue = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = orjson.loads(_flattened(data.encode() if isinstance(data, str) else data))
    return found


def dumps(value: JsonValue) -> bytes:
    """Write JSON; where it is nested too deep to be written, the deepest is null.

    Raises:
        TypeError: it is not JSON.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_without_depths(value, DEEPEST))


def _flattened(data: bytes) -> bytes:
    """The same text, with null for what is deeper; without recursion, whatever it is."""
    kept, depth, begin = [], 0, 0
    for token in _TOKEN.finditer(data):
        if token[0] in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept += [data[begin : token.start()], b"null"]
        elif token[0] in b"]}":
            depth -= 1
            if depth == DEEPEST:
                begin = token.end()
    return b"".join((*kept, data[begin:])) if depth == 0 else data


def _without_depths(value: JsonValue, left: int) -> JsonValue:
    if not isinstance(value, dict | list):
        return value
    if not left:
        return None
    if isinstance(value, list):
        return [_without_depths(item, left - 1) for item in value]
    return {key: _without_depths(item, left - 1) for key, item in value.items()}
