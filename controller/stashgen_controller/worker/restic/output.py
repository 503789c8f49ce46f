"""What restic prints, read as it comes: JSON lines on both streams, and lines that are not JSON.

Message types: restic manual, "Scripting". Memory is bounded, however many files restic complains
about.
"""

import json
from dataclasses import dataclass, field
from typing import cast

from stashgen_controller.worker.restic.complaints import Complaints, Where, where

MOST_ERRORS = 10_000
_LONGEST_TEXT = 500
_SHOWN = 3


@dataclass(slots=True)
class ErrorLog:
    """The errors of single files, in order: the first 10,000 of them, and how many there were."""

    texts: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, text: str) -> None:
        """Take one more error."""
        self.count += 1
        if len(self.texts) < MOST_ERRORS:
            self.texts.append(text[:_LONGEST_TEXT])


@dataclass(slots=True)
class Output:
    """What one restic command said so far.

    Attributes:
        messages: Its JSON messages but for progress and errors; a list is ``{"items": [...]}``.
        plain: Its lines on standard output that are no JSON by themselves (``cat`` prints one
            document over many lines).
        fatal: The text of its ``exit_error``.
        errors: What it complained about before, but for what is no fault.
        repository: Its repository's address.
        complaints: Those about single files, by where they belong.
        general: The other ones, for example each failed attempt to reach the storage.
    """

    messages: list[dict[str, object]] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    fatal: str | None = None
    errors: ErrorLog = field(default_factory=ErrorLog)
    repository: str = ""
    complaints: dict[Where, Complaints] = field(
        default_factory=lambda: {place: Complaints() for place in Where}
    )
    general: ErrorLog = field(default_factory=ErrorLog)

    def feed(self, line: bytes, *, is_error: bool) -> dict[str, object] | None:
        """Take a line of one of the streams.

        Returned is a message about progress or about one file, which is not kept.
        """
        text = line.decode(errors="replace").strip()
        if not text:
            return None
        loaded = _json(text)
        if isinstance(loaded, dict):
            return self._take(loaded)
        if isinstance(loaded, list):
            self.messages.append({"message_type": "list", "items": loaded})
        elif is_error:
            self._complain(text)
        else:
            self.plain.append(text)
        return None

    def _take(self, message: dict[str, object]) -> dict[str, object] | None:
        match message.get("message_type"):
            case "status" | "verbose_status":
                return message
            case "exit_error":
                self.fatal = _clean(message.get("message"))
            case "error":
                self._take_error(message)
            case _:
                self.messages.append(message)
        return None

    def _take_error(self, message: dict[str, object]) -> None:
        item = str(message.get("item") or "")
        if not item:
            self._complain(_clean(_text_of(message)))
            return
        during = str(message.get("during") or "")
        place = where(during, item, _text_of(message), self.repository)
        text = _item_error(item, message)
        self.complaints[place].add(item, text)
        if place not in (Where.NOWHERE, Where.MISSING):
            self.errors.add(text)

    def _complain(self, text: str) -> None:
        self.errors.add(text)
        if self.general.count < _SHOWN:
            self.general.add(text)

    def last(self, message_type: str) -> dict[str, object] | None:
        """The last message of a type."""
        found = [item for item in self.messages if item.get("message_type") == message_type]
        return found[-1] if found else None

    def items(self) -> list[dict[str, object]]:
        """The objects of a list that was printed whole (``snapshots``)."""
        lists = [cast("list[object]", item.get("items") or []) for item in self.messages]
        return [item for found in lists for item in found if isinstance(item, dict)]

    def document(self) -> dict[str, object]:
        """The document that was printed over many lines; empty if it is none."""
        loaded = _json("\n".join(self.plain))
        return loaded if isinstance(loaded, dict) else {}

    def text(self, exit_code: int) -> str:
        """Restic's own words: why it gave up and its first complaints; never empty."""
        shown = [self.fatal] if self.fatal else []
        shown += self.errors.texts[:_SHOWN]
        more = self.errors.count - _SHOWN
        if more > 0:
            shown.append(f"and {more} more")
        return "; ".join(dict.fromkeys(shown)) or f"exit code {exit_code}"


def _text_of(message: dict[str, object]) -> str:
    inner = message.get("error")
    return str((inner.get("message") if isinstance(inner, dict) else message.get("message")) or "")


def _item_error(item: str, message: dict[str, object]) -> str:
    """One error as ``path: what``; only backup and restore say the path apart."""
    cleaned = _clean(_text_of(message))
    return f"{item}: {cleaned}" if item not in cleaned else cleaned


def _json(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except ValueError:
        return None


def _clean(text: object) -> str:
    return " ".join(str(text or "").removeprefix("Fatal: ").removeprefix("Warning: ").split())
