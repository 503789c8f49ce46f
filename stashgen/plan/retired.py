"""Retired histories that a change keeps for less long, or no longer."""

from collections.abc import Iterator
from datetime import date

from stashgen.model.history import History
from stashgen.plan.names import shown
from stashgen.plan.plan import Cause, DroppedHistory, ShortenedHistory
from stashgen.plan.state import State


def dropped_histories(before: State, after: State) -> Iterator[DroppedHistory]:
    """Those that are no longer kept, and that nothing writes to either."""
    kept = {(one.history.volume, one.history.repository) for one in after.retired}
    written = {
        (key, copy.repository)
        for key, protection in after.protections.items()
        for session in protection.sessions
        for copy in session.copies
    }
    for one in before.retired:
        history = one.history
        if (history.volume, history.repository) not in kept | written:
            name = shown(history.volume, before, after)
            yield DroppedHistory(history.volume, name, history.repository, one.until.isoformat())


def shortened_histories(before: State, after: State, today: date) -> Iterator[ShortenedHistory]:
    """Those whose last day comes earlier.

    Args:
        before: The state now.
        after: The state that is proposed.
        today: In UTC.
    """
    old = {(one.history.volume, one.history.repository): one.until for one in before.retired}
    for one in after.retired:
        history = one.history
        until = old.get((history.volume, history.repository))
        if until is not None and one.until < until:
            yield ShortenedHistory(
                history.volume,
                shown(history.volume, before, after),
                history.repository,
                before=until.isoformat(),
                after=one.until.isoformat(),
                is_past=one.until < today,
                causes=(*_causes(history, after, one.until.isoformat()),),
            )


def _causes(history: History, state: State, until: str) -> Iterator[Cause]:
    origin = state.at_retired(history)
    if origin is not None:
        yield Cause(state.shown(origin.at("until").position), f"until: {until}")
