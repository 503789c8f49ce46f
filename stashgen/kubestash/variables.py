"""Variables in Functions and Addons: ``${name}`` and ``${name:=default}`` (envsubst syntax)."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::=(?P<default>[^}]*))?\}")


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with each variable replaced: its value, else the default, else nothing.

    An empty value counts as unset, as in a shell's ``:=``.
    """

    def value(match: re.Match[str]) -> str:
        return values.get(match["name"]) or match["default"] or ""

    return _VARIABLE.sub(value, text)
