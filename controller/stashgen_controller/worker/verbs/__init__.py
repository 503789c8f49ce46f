"""The worker's verbs: one module per verb, imported only for that verb.

The module of a verb has its name, with underscores for dashes; its row is in
``stashgen.kubestash.verbs``. ``trigger`` has no run spec and no storage, and is called directly.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from stashgen.kubestash.verbs import Verb
from stashgen_controller.protocol.run_result import RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.status_reporter import Reporter


@dataclass(frozen=True, slots=True)
class Work:
    """A verb with its reviewed arguments.

    Attributes:
        do: The work itself; it raises errors.
        ended: Patches the statuses that the pod may write, after the termination message.
    """

    do: Callable[[RunContext], None]
    ended: Callable[[RunSpec, RunResult], None] | None = None


class VerbModule(Protocol):
    """The interface of a verb's module."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verb's own arguments, in addition to those of the storage."""

    def subject(self, plan: RunSpec) -> Mapping[str, str]:
        """The subject of a run spec, by the names of the arguments that must match it."""

    def prepare(self, args: Namespace, reporter: Reporter) -> Work:
        """The work for these arguments."""


def load(verb: Verb) -> VerbModule:
    """Import the module of a verb."""
    return cast("VerbModule", import_module(f"{__name__}.{verb.replace('-', '_')}"))
