"""CEL: the only place that knows the library (an extra, loaded when a rule exists).

Every fact is a variable of its own (``volume.rpo``), so that the type check finds an unknown name
before there is any data. The library stops an endless expression itself: its iteration budget.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import get_args, get_origin

from cel_expr_python import cel
from pydantic.alias_generators import to_camel

from stashgen.model.facts import CopyFacts, VolumeFacts, variable

_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_VARIABLE = re.compile(r"\bvolume\.\w+")
_STATUS = re.compile(r"^[A-Z_]+: | \[?[A-Z_]+\]?$")
Value = object


class ExpressionError(Exception):
    """An expression that does not compile, or cannot be evaluated.

    Attributes:
        line, column: Within the expression, from 1; 0 where it is the whole expression.
    """

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


class TooExpensiveError(ExpressionError):
    """An expression that was stopped: it takes too many steps."""


class Condition:
    """A type-checked expression that is true or false.

    Attributes:
        facts: The fields that it mentions.
    """

    def __init__(self, text: str) -> None:
        """Check an expression.

        Raises:
            ExpressionError: its syntax or types are wrong, or its result is no boolean.
        """
        try:
            self._compiled = _ENVIRONMENT.compile(text)
        except RuntimeError as error:
            raise _refused(error) from error
        if self._compiled.return_type() != cel.Type.BOOL:
            name = self._compiled.return_type().name().lower()
            raise ExpressionError(f"the result is a value of type {name}, not true or false")
        words = {*_VARIABLE.findall(text)}
        self.facts = frozenset(
            one.name for one in fields(VolumeFacts) if variable(one.name) in words
        )

    def holds(self, facts: Mapping[str, Value]) -> bool:
        """Whether it is true of facts, as ``values`` makes them.

        Raises:
            TooExpensiveError: it takes too many steps.
            ExpressionError: it cannot be evaluated, such as for a missing key.
        """
        try:
            result = self._compiled.eval(data=facts)
        except RuntimeError as error:
            raise TooExpensiveError(_STATUS.sub("", str(error))) from error
        if result.type() != cel.Type.BOOL:
            raise ExpressionError(_STATUS.sub("", str(result.value())))
        return result.value() is True


def values(facts: VolumeFacts) -> dict[str, Value]:
    """Facts by the names that expressions have for them."""
    found: dict[str, Value] = {
        variable(one.name): getattr(facts, one.name) for one in fields(VolumeFacts)
    }
    found[variable("storages")] = [
        {to_camel(one.name): getattr(copy, one.name) for one in fields(CopyFacts)}
        for copy in facts.storages
    ]
    return found


def _type(annotation: object) -> cel.Type:
    match get_origin(annotation), get_args(annotation):
        case None, ():
            return _PLAIN[annotation]
        case origin, (key, value) if origin is Mapping:
            return cel.Type.Map(_PLAIN[key], _PLAIN[value])
        case _:
            # The library takes no structs but Protobuf's: what is in the maps is not checked.
            return cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN))


def _refused(error: RuntimeError) -> ExpressionError:
    found = _ERROR.search(str(error))
    if found is None:
        return ExpressionError(_STATUS.sub("", str(error)))
    text = found[3].split(" (in container", maxsplit=1)[0].removesuffix(" [INVALID_ARGUMENT]")
    return ExpressionError(text, int(found[1]), int(found[2]))


_PLAIN: Mapping[object, cel.Type] = {
    str: cel.Type.STRING,
    int: cel.Type.INT,
    bool: cel.Type.BOOL,
    timedelta: cel.Type.DURATION,
}
_ENVIRONMENT = cel.NewEnv(
    variables={variable(one.name): _type(one.type) for one in fields(VolumeFacts)}
)
