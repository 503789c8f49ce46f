"""The sessions of a volume before a change, each with the one that it is afterwards."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession
from stashgen.plan.causes import RHYTHM, Causes
from stashgen.plan.histories import Pair
from stashgen.plan.plan import Cause, Moved


@dataclass(frozen=True, slots=True)
class MatchedSession:
    """A session of a volume on both sides, or only on one."""

    name: str
    before: ResolvedSession | None
    after: ResolvedSession | None


def matched_sessions(
    before: Iterable[ResolvedSession],
    after: Iterable[ResolvedSession],
    renamed: Mapping[str, str],
) -> Iterator[MatchedSession]:
    """Sessions by name; one that another name replaces counts as the same."""
    old = {renamed.get(one.written.name, one.written.name): one for one in before}
    new = {one.written.name: one for one in after}
    for name in dict.fromkeys((*old, *new)):
        yield MatchedSession(name, old.get(name), new.get(name))


def renamed_sessions(
    before: Protection, after: Protection, matched: Iterable[Pair]
) -> dict[str, str]:
    """New names of sessions by their old ones, where only the name differs on both sides."""
    old = {one.written.name for one in before.sessions}
    new = {one.written.name for one in after.sessions}
    found: dict[str, str] = {}
    for was, becomes in matched:
        if was is not None and becomes is not None:
            names = was.session.written.name, becomes.session.written.name
            if names[0] not in new and names[1] not in {*old, *found.values()}:
                found[names[0]] = names[1]
    return found


def copying_causes(
    sessions: Iterable[MatchedSession], storage: str, causes: Causes
) -> Iterator[Cause]:
    """Why a storage gets its copies at other times: a session runs then, or no longer copies."""
    for one in sessions:
        old, new = _copies_in(one.before, storage), _copies_in(one.after, storage)
        if one.before is not None and one.after is not None and bool(old) != bool(new):
            yield from causes.of_copies(old, new)
        elif old or new:
            yield from causes.of_session(one.before, one.after, RHYTHM)


def _copies_in(session: ResolvedSession | None, storage: str) -> tuple[ResolvedCopy, ...]:
    copies = session.copies if session is not None else ()
    return tuple(copy for copy in copies if copy.storage.name == storage)


def moved_sessions(sessions: list[MatchedSession]) -> Iterator[Moved]:
    """Those on both sides that start at other times."""
    for one in sessions:
        if one.before is None or one.after is None:
            continue
        was, becomes = (f"{side.schedule} {side.time_zone}" for side in (one.before, one.after))
        if was != becomes:
            yield Moved(one.name, was, becomes)
