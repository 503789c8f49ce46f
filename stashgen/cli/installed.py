"""Verbs of other distributions: the cluster commands come with the controller.

They are looked up only if the command line names none of stashgen's own, because that takes time.
"""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

GROUP = "stashgen.verbs"


class InstalledVerb(Protocol):
    """The object that an entry point of the group ``stashgen.verbs`` provides."""

    @property
    def summary(self) -> str:
        """Its line in ``stashgen --help``."""
        ...

    def parser(self) -> ArgumentParser:
        """What it understands, for the shell's completion."""
        ...

    def __call__(self, arguments: Sequence[str]) -> int:
        """Run it with the arguments after its name; returns the exit code."""
        ...


def installed_verbs() -> Mapping[str, EntryPoint]:
    """The entry points by verb name, in the order of their distribution."""
    return {item.name: item for item in entry_points(group=GROUP)}


def load(entry: EntryPoint) -> InstalledVerb:
    """Import a verb."""
    return cast("InstalledVerb", entry.load())
