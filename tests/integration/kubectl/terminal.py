"""A terminal in memory: the verbs in this process, against a server by its kubeconfig."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stashgen_controller.kube.clock import Clock
from stashgen_controller.kubectl.console import Console
from stashgen_controller.kubectl.main import run

Json = Any


@dataclass(frozen=True, slots=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """The product as data."""
        return json.loads(self.out)


class Terminal:
    """Runs ``kubectl stashgen`` for a user.

    Args:
        kubeconfig: Whose rights, and which server.
        clock: The time at the terminal.
        namespace: Of every command that names none itself; None leaves it to the kubeconfig.
    """

    def __init__(self, kubeconfig: Path, clock: Clock, namespace: str | None) -> None:
        self._environment = {"KUBECONFIG": str(kubeconfig)}
        self._clock = clock
        self._namespace = namespace

    def __call__(self, *arguments: str) -> Said:
        """Run a command."""
        out, err = io.StringIO(), io.StringIO()
        given = [*arguments]
        if self._namespace is not None and not {"-n", "-A"} & set(given):
            given += ["-n", self._namespace]
        code = run(given, Console(out, err), self._clock, self._environment)
        return Said(code, out.getvalue(), err.getvalue())
