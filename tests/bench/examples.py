"""How long a build of each example takes, beside what a user writes and what comes of it."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.bench.build import run_process
from tests.support.examples import EXAMPLES, FOLDER, figures_of

_ROUNDS = 5


def run() -> Iterator[dict[str, object]]:
    """One line an example; of several builds the fastest, since a machine only adds to it."""
    for example in EXAMPLES:
        command = ["-m", "stashgen", "build", "--project", str(FOLDER / example), "-o"]
        rounds = []
        for _ in range(_ROUNDS):
            with tempfile.TemporaryDirectory() as name:
                output = str(Path(name) / "output")
                rounds.append(run_process(sys.executable, *command, output))
        yield {
            "benchmark": "examples",
            "example": example,
            **asdict(figures_of(example)),
            "seconds": round(min(item.seconds for item in rounds), 2),
            "cpu_seconds": round(min(item.cpu_seconds for item in rounds), 2),
        }
