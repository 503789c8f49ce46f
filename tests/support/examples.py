"""What a user of each example writes, and what comes of it: the figures of docs/examples.md."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stashgen import pipeline
from stashgen.load import load
from tests.support.place import ROOT

FOLDER = ROOT / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.iterdir())
_TODAY = date(2026, 3, 1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one example.

    Attributes:
        documents: In the project's file and its policies.
        lines: Of those, without comments and empty ones.
        files: What a build writes.
    """

    documents: int
    lines: int
    protected: int
    paused: int
    excluded: int
    unprotected: int
    unknown: int
    files: int

    @property
    def found(self) -> int:
        """All volumes of the inventories, whatever becomes of them."""
        return self.protected + self.paused + self.excluded + self.unprotected + self.unknown


def figures_of(example: str) -> Figures:
    """The figures of an example, from a compile of it."""
    project = FOLDER / example
    loaded = load(project)
    assert loaded.value is not None, loaded.findings
    compiled = pipeline.compile(loaded.value, (), _TODAY).value
    coverage = compiled.coverage
    assert coverage is not None
    lines = [line for path in _written(project) for line in path.read_text("utf-8").splitlines()]
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return Figures(
        documents=sum(line.startswith("kind: ") for line in kept),
        lines=len(kept),
        protected=coverage.protected,
        paused=len(coverage.paused),
        excluded=coverage.excluded,
        unprotected=len(coverage.unprotected),
        unknown=coverage.unknown,
        files=len(compiled.files),
    )


def _written(project: Path) -> list[Path]:
    return [project / "stashgen.yaml", *sorted((project / "policies").rglob("*.yaml"))]
