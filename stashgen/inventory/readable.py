"""As much of an object as its model can read: one wrong field must not hide what else is wrong."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from stashgen.api.meta import Kind
from stashgen.yaml.nodes import Json

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Readable:
    """What could be read.

    Attributes:
        obj: The object without what could not; None if nothing could.
        problems: pydantic's errors.
        left_out: Where something was left out: nothing is known of these fields.
    """

    obj: Kind | None
    problems: Sequence[Mapping[str, Any]]
    left_out: Sequence[Path]

    def knows(self, path: Path) -> bool:
        """Whether all at and below a path was read."""
        return not any(
            path[: len(gone)] == gone or gone[: len(path)] == path for gone in self.left_out
        )


def readable(model: type[Kind], data: Mapping[str, Json]) -> Readable:
    """Read an object, and where it does not fit its model leave that out."""
    rest: dict[str, Json] = deepcopy(dict(data))
    problems: list[Mapping[str, Any]] | None = None
    left_out: list[Path] = []
    while True:
        try:
            obj = model.model_validate(rest)
        except ValidationError as error:
            found = error.errors(include_url=False)
            # Later ones say only that what was left out is missing.
            problems = [*found] if problems is None else problems
            gone = [path for problem in found if (path := _take_out(rest, problem)) is not None]
            if not gone:
                return Readable(None, problems, left_out)
            left_out += gone
        else:
            return Readable(obj, problems or (), left_out)


def _take_out(data: dict[str, Json], problem: Mapping[str, Any]) -> Path | None:
    """Remove a wrong value, or what lacks one; of a list all of it, since indexes would move."""
    path: Path = problem["loc"][:-1] if problem["type"] == "missing" else problem["loc"]
    while path and not isinstance(path[-1], str):
        path = path[:-1]
    node: Any = data
    for step in path[:-1]:
        try:
            node = node[step]
        except (KeyError, IndexError):
            # It went with what is around it.
            return None
    if not path or path[-1] not in node:
        return None
    del node[path[-1]]
    return path
