"""Findings about the histories in the previous output."""

from enum import StrEnum

from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.model.history import History
from stashgen.model.inventory import VolumeKey


class Code(StrEnum):
    """The findings about histories; each is explained in docs/findings.md."""

    LOST = "SG705"
    REPLACED = "SG706"
    TOO_EARLY = "SG707"
    STILL_PROTECTED = "SG708"
    NOT_KNOWN = "SG709"
    PAST = "SG710"


def replaced(history: History, place: Position) -> Finding:
    """A volume is still backed up, but no longer to this Repository."""
    key = history.volume
    return Finding(
        Code.REPLACED,
        Severity.ERROR,
        history.position,
        "",
        f"repository {quote(history.repository)} of volume {shown(key)} would no longer be written "
        "to",
        "another storage or directory starts a new history; the old one would lose its Repository "
        "and the pods that restore from it",
        "keep the storage and directory, or add to spec.retired of the project: "
        + entry_text(key, history.repository),
        (place,),
    )


def too_early(history: History, until: str, place: Position) -> Finding:
    """The entry of a retired history was removed before the date in its file."""
    key = history.volume
    return Finding(
        Code.TOO_EARLY,
        Severity.ERROR,
        history.position,
        "",
        f"the history of volume {shown(key)} is retired until {until}, but its entry was removed",
        "it would lose its Repository and the pods that restore from it before that date",
        "restore the entry in spec.retired of the project: "
        + entry_text(key, history.repository, until),
        (place,),
    )


def entry_text(key: VolumeKey, repository: str | None = None, until: str = "YYYY-MM-DD") -> str:
    """An entry of ``spec.retired`` to suggest to the user."""
    which = f", repository: {repository}" if repository is not None else ""
    return (
        f"{{volume: {key.namespace}/{key.name}, cluster: {key.cluster_id}{which}, "
        f'until: "{until}", reason: "..."}}'
    )


def shown(key: VolumeKey) -> str:
    """A volume as findings name it."""
    return quote(f"{key.namespace}/{key.name}")
