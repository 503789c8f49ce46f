"""Verbs of other distributions: what needs a cluster comes with the controller.

They are looked for only where the command line names none of stashgen's own: to look costs time.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

GROUP = "stashgen.verbs"


class InstalledVerb(Protocol):
    """What an entry point of the group ``stashgen.verbs`` gives."""

    @property
    def summary(self) -> str:
        """What ``stashgen --help`` says about it."""
        ...

    def __call__(self, arguments: Sequence[str]) -> int:
        """Run it with what follows its name; returns the exit code."""
        ...


def installed_verbs() -> Mapping[str, EntryPoint]:
    """The entry points by the verb's name, in their distribution's order."""
    return {item.name: item for item in entry_points(group=GROUP)}


def load(entry: EntryPoint) -> InstalledVerb:
    """Import a verb."""
    return cast("InstalledVerb", entry.load())
