"""Whether a claim is opted out of backups: the same for the compiler and the controller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from stashgen.api.labels import (
    OPT_OUT_ANNOTATION,
    OPT_OUT_OWNER_ANNOTATION,
    OPT_OUT_REASON_ANNOTATION,
    OPT_OUT_UNTIL_ANNOTATION,
)

_KEYS = (
    OPT_OUT_ANNOTATION,
    OPT_OUT_REASON_ANNOTATION,
    OPT_OUT_OWNER_ANNOTATION,
    OPT_OUT_UNTIL_ANNOTATION,
)
# YAML's booleans in any case, as templates and people write them, are no reasons.
_YES = frozenset({"true", "yes", "on", "y", "1"})
_NO = frozenset({"", "false", "no", "off", "n", "0", "null"})


@dataclass(frozen=True, slots=True)
class OptOut:
    """What the annotations say; empty where they say nothing.

    Attributes:
        until: The last day as it is written; it may be none.
    """

    reason: str
    owner: str
    until: str

    def holds(self, today: date) -> bool:
        """Whether the volume needs no backup: there is a reason, and its day has not passed.

        Args:
            today: In UTC.
        """
        if not self.reason or not self.until:
            return bool(self.reason)
        try:
            return date.fromisoformat(self.until) >= today
        except ValueError:
            return False


def opt_out(claim: Mapping[str, str], namespace: Mapping[str, str]) -> OptOut | None:
    """The opt-out of a claim by its annotations, else by those of its namespace; None without one.

    The value is ``true``, or the reason itself; ``false`` on a claim undoes its namespace's.
    """
    found = claim if OPT_OUT_ANNOTATION in claim else namespace
    said, reason, owner, until = (found.get(key, "").strip() for key in _KEYS)
    if said.casefold() in _NO:
        return None
    return OptOut(reason or ("" if said.casefold() in _YES else said), owner, until)
