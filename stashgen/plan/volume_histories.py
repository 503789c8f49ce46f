"""What becomes of the histories of a volume that is protected on both sides."""

from collections.abc import Iterator
from datetime import date

from stashgen.model.resolved import Protection
from stashgen.plan.causes import RHYTHM, Causes
from stashgen.plan.histories import Pair, Written
from stashgen.plan.histories import ended as ended_history
from stashgen.plan.histories import replaced as replaced_history
from stashgen.plan.plan import Ended, Removal, Replaced
from stashgen.plan.removals import Removed, number_left, removed
from stashgen.plan.state import State
from stashgen.plan.words import retention_text, when_text


class HistoryComparison:
    """Compares histories; what is the same for many volumes is computed once."""

    def __init__(self, after: State, causes: Causes, today: date) -> None:
        self._after = after
        self._causes = causes
        self._today = today
        self._removed: dict[tuple[object, ...], Removed | None] = {}
        self._left: dict[tuple[str, str], int] = {}

    def replaced(self, after: Protection, matched: list[Pair]) -> Iterator[Replaced]:
        """Those that begin anew: their restore points are left behind."""
        for was, becomes in matched:
            if was is not None and becomes is not None and was.identity != becomes.identity:
                size = after.volume.size_bytes
                yield replaced_history(was, becomes, self._left_by(was), size, self._causes)

    def ended(self, after: Protection, matched: list[Pair]) -> Iterator[Ended]:
        """Those into which no session backs up any more."""
        retired_until = self._after.retired_until.get(after.volume.key, {})
        for was, becomes in matched:
            if was is not None and becomes is None:
                number = self._left_by(was)
                yield ended_history(was, after, number, retired_until, self._today, self._causes)

    def _left_by(self, written: Written) -> int:
        """Likewise computed once for the same rhythm and retention."""
        key = _rhythm(written)
        if key not in self._left:
            self._left[key] = number_left(written.session, written.copy.retention)
        return self._left[key]

    def removals(self, matched: list[Pair]) -> Iterator[Removal]:
        """Of the histories that go on; what is left behind has no retention any more."""
        for was, becomes in matched:
            if was is None or becomes is None or was.place != becomes.place:
                continue
            found = self._removed_from(was, becomes)
            if found is None:
                continue
            causes = [*self._causes.of_retention(was.copy, becomes.copy)]
            causes += self._causes.of_session(was.session, becomes.session, RHYTHM)
            yield Removal(
                session=becomes.session.written.name,
                storage=becomes.copy.storage.name,
                before=retention_text(was.copy.retention),
                after=retention_text(becomes.copy.retention),
                had=found.had,
                at_once=found.at_once,
                later=found.later,
                newest_days=found.newest_days,
                oldest_days=found.oldest_days,
                within_seconds=found.within_seconds,
                left=found.left,
                causes=tuple(causes),
            )

    def _removed_from(self, was: Written, becomes: Written) -> Removed | None:
        """Computed for the first volume of the same rhythm and retention, and the same for all."""
        key = (_rhythm(was), _rhythm(becomes))
        if key[0] == key[1] or becomes.session.suspend:
            return None
        if key not in self._removed:
            self._removed[key] = removed((was.session, was.copy), (becomes.session, becomes.copy))
        return self._removed[key]


def _rhythm(written: Written) -> tuple[str, str]:
    return when_text(written.session), retention_text(written.copy.retention)
