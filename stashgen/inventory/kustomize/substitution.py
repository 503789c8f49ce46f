"""Flux' variables in the text of manifests: ``${APP}``, ``${CLAIM:=${APP}}``.

Source: ``fluxcd/pkg/kustomize`` (``SubstituteVariables``), which evaluates texts with
``github.com/drone/envsubst``. Its functions beyond defaults (``${NAME^^}``, ``${NAME:0:8}``) are
not evaluated: such an expression stays as it is, and what has it is unknown.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_DEFAULTS = (":-", ":=", "-", "=")
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Variables:
    """What is known of the variables of a Flux Kustomization.

    Attributes:
        values: Those that are known.
        secret: Names whose values are not known, such as a Secret's keys.
        has_more: Any other name may have a value that is not known.
        keeps_undefined: A variable without a value and without a default stays; Flux removes it.
    """

    values: Mapping[str, str]
    secret: Set[str] = field(default_factory=frozenset)
    has_more: bool = False
    keeps_undefined: bool = True


def substitute(text: str, variables: Variables) -> str:
    """A text with its variables filled in; those whose value is not known stay."""
    if "${" not in text:
        return text
    return _fill(text, variables, 0)


def _fill(text: str, variables: Variables, depth: int) -> str:
    done: list[str] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        if text[start - 1 : start] == "$" and start - 1 >= at:
            # $${NAME} is Flux' way to write ${NAME}.
            done.append(text[at : start - 1] + "${")
            at = start + 2
            continue
        end = _end(text, start + 2)
        if end is None:
            break
        done += (text[at:start], _value(text[start : end + 1], variables, depth))
        at = end + 1
    return "".join(done) + text[at:]


def _end(text: str, start: int) -> int | None:
    """Where the brace that was opened before ``start`` is closed."""
    depth = 1
    for place in range(start, len(text)):
        if text[place] == "}":
            depth -= 1
            if depth == 0:
                return place
        elif text[place] == "{" and text[place - 1] == "$":
            depth += 1
    return None


def _value(expression: str, variables: Variables, depth: int) -> str:
    """What is filled in for ``${...}``; the expression itself if that is not known."""
    inner = expression[2:-1]
    found = _NAME.match(inner)
    if found is None or depth > _DEEPEST:
        return expression
    name, rest = found[0], inner[found.end() :]
    operator = next((one for one in _DEFAULTS if rest.startswith(one)), "")
    if (rest and not operator) or name in variables.secret:
        return expression
    # An empty value counts as none for every operator.
    if value := variables.values.get(name):
        return value
    if name not in variables.values and variables.has_more:
        return expression
    if operator:
        return _fill(rest[len(operator) :], variables, depth + 1)
    return expression if variables.keeps_undefined and name not in variables.values else ""
