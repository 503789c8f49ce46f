"""What may be said about the histories in the output before the build."""

from enum import StrEnum

from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.model.history import History
from stashgen.model.inventory import VolumeKey


class Code(StrEnum):
    """What this part may report; each is explained in docs/findings.md."""

    LOST = "SG705"
    REPLACED = "SG706"
    TOO_EARLY = "SG707"
    STILL_PROTECTED = "SG708"
    NOT_KNOWN = "SG709"
    PAST = "SG710"


def replaced(history: History, place: Position) -> Finding:
    """A volume is still backed up, and not to this Repository any more."""
    key = history.volume
    return Finding(
        Code.REPLACED,
        Severity.ERROR,
        history.position,
        "",
        f"repository {quote(history.repository)} of volume {shown(key)} would not be written "
        "any more",
        "another storage or directory begins a new history; the old one would lose its Repository "
        "and the pods that restore from it",
        "keep the storage and directory; or add to spec.retired of the project: "
        + entry_text(key, history.repository),
        (place,),
    )


def too_early(history: History, until: str, place: Position) -> Finding:
    """A retired history lost its entry before the date that its file has."""
    key = history.volume
    return Finding(
        Code.TOO_EARLY,
        Severity.ERROR,
        history.position,
        "",
        f"the history of volume {shown(key)} is retired until {until}, and its entry is gone",
        "it would lose its Repository and the pods that restore from it before its date",
        "restore the entry in spec.retired of the project: "
        + entry_text(key, history.repository, until),
        (place,),
    )


def entry_text(key: VolumeKey, repository: str | None = None, until: str = "YYYY-MM-DD") -> str:
    """The entry of ``spec.retired`` that somebody may want to add."""
    which = f", repository: {repository}" if repository is not None else ""
    return (
        f"{{volume: {key.namespace}/{key.name}, cluster: {key.cluster_id}{which}, "
        f'until: "{until}", reason: "..."}}'
    )


def shown(key: VolumeKey) -> str:
    """A volume as findings name it."""
    return quote(f"{key.namespace}/{key.name}")
