"""The backup histories in the previous output, read from the second lines of its files."""

import re
from collections.abc import Iterable, Iterator

from stashgen.diagnostics import Finding, Outcome, Position
from stashgen.model.history import History, Previous
from stashgen.output.damage import damaged
from stashgen.output.header import record_of

_REPOSITORY = re.compile(rb"^kind: Repository\r?$", re.MULTILINE)


def histories(before: Iterable[Previous]) -> Outcome[tuple[History, ...]]:
    """Each history once, sorted by volume and repository.

    A later folder takes precedence over an earlier one, and the file of a protected volume over
    that of a retired history: an interrupted build leaves both.
    """
    found: dict[tuple[object, ...], History] = {}
    findings: list[Finding] = []
    for previous in before:
        for history in _of_folder(previous, findings):
            key = (history.volume, history.repository)
            known = found.get(key)
            if known is None or history.until is None or known.until is not None:
                found[key] = history
    ordered = sorted(found.values(), key=lambda one: (one.volume, one.repository))
    return Outcome(tuple(ordered), tuple(findings))


def _of_folder(previous: Previous, findings: list[Finding]) -> Iterator[History]:
    for path in sorted(previous.files):
        content = previous.files[path]
        try:
            record = record_of(content)
        except ValueError as error:
            findings.append(damaged(Position(previous.root / path), str(error)))
            continue
        if record is None:
            if _REPOSITORY.search(content):
                what = "its second line does not list the histories that it holds"
                findings.append(damaged(Position(previous.root / path), what))
        else:
            for repository in record.repositories:
                yield History(record.volume, repository, previous.root, path, record.until)
