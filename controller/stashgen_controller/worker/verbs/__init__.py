"""What a worker can be asked to do: one module a verb, loaded only for it.

The module of a verb has its name, with underscores for dashes; ``stashgen.kubestash.verbs`` has its
row. ``trigger`` has no plan and no storage, and is called by its own function.
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
        do: The work itself; what goes wrong is raised.
        ended: Patches what the pod may report itself, after the termination message was written.
    """

    do: Callable[[RunContext], None]
    ended: Callable[[RunSpec, RunResult], None] | None = None


class VerbModule(Protocol):
    """What the module of each verb has."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verb's own arguments, besides those about the storage."""

    def subject(self, plan: RunSpec) -> Mapping[str, str]:
        """What a plan is about, by the argument that has to say the same."""

    def prepare(self, args: Namespace, reporter: Reporter) -> Work:
        """The work that the arguments ask for."""


def load(verb: Verb) -> VerbModule:
    """The module of a verb, with all that it needs."""
    return cast("VerbModule", import_module(f"{__name__}.{verb.replace('-', '_')}"))
