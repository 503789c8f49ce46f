"""What a change means for one volume that is protected afterwards."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import PurePosixPath

from stashgen.model.resolved import Protection, ResolvedSession
from stashgen.plan.causes import RHYTHM, Causes
from stashgen.plan.guards import checks_less, demand_less
from stashgen.plan.histories import Pair, Written, pairs
from stashgen.plan.names import shown
from stashgen.plan.plan import (
    Cause,
    Change,
    Effect,
    Ended,
    Kind,
    Removal,
    Replaced,
    VolumePlan,
)
from stashgen.plan.sessions import (
    MatchedSession,
    copying_causes,
    matched_sessions,
    moved_sessions,
    renamed_sessions,
)
from stashgen.plan.signature import signature
from stashgen.plan.state import State
from stashgen.plan.volume_histories import HistoryComparison
from stashgen.plan.words import objectives_text, retention_text, upkeep_text, when_text
from stashgen.resolve.achieved import (
    NO_BACKUP_RUNS,
    Achieved,
    achieved,
    keep_for_text,
    rpo_text,
    why_nothing_runs,
)


class VolumeComparison:
    """Compares the protections of volumes; what is the same for many is computed once."""

    def __init__(self, before: State, after: State, causes: Causes, today: date) -> None:
        self._before = before
        self._after = after
        self._causes = causes
        self._histories = HistoryComparison(after, causes, today)

    def gained(self, protection: Protection) -> VolumePlan:
        """A volume that was not protected."""
        key = protection.volume.key
        is_new = key not in self._before.volumes
        name = shown(key, self._before, self._after)
        why = "new volume" if is_new else "was not protected"
        resting = why_nothing_runs(protection)
        if resting is not None:
            was_open = key in self._before.unprotected
            return VolumePlan(
                key,
                name,
                Kind.MISSED,
                f"{NO_BACKUP_RUNS}: {resting.reason} ({why}, policy {protection.policy})",
                tuple(self._causes.of_rest(protection)),
                effects=frozenset() if was_open else frozenset({Effect.UNPROTECTED}),
            )
        reached = achieved(protection)
        changes = (
            Change("policy", "", protection.policy),
            Change("RPO", "", rpo_text(reached.rpo)),
            Change("keepFor", "", keep_for_text(reached.keep_for)),
            Change("copies", "", ", ".join(reached.storages)),
        )
        return VolumePlan(
            key,
            name,
            Kind.GAINED,
            why,
            (self._causes.of_policy(protection),),
            changes,
        )

    def changed(self, before: Protection, after: Protection) -> VolumePlan | None:
        """A volume that is protected on both sides; None if nothing differs."""
        if signature(before) == signature(after):
            return None
        matched = [*pairs(before, after)]
        renamed = renamed_sessions(before, after, matched)
        sessions = [*matched_sessions(before.sessions, after.sessions, renamed)]
        replacements = tuple(sorted(self._histories.replaced(after, matched)))
        ends = tuple(sorted(self._histories.ended(after, matched)))
        removals = () if after.paused else tuple(sorted(self._histories.removals(matched)))
        changes = tuple(self._changes(before, after, sessions, matched))
        found = VolumePlan(
            after.volume.key,
            shown(after.volume.key, self._before, self._after),
            Kind.CHANGED,
            changes=changes,
            replaced=replacements,
            ended=ends,
            removals=removals,
            moved=tuple(moved_sessions(sessions)),
            effects=_effects(changes, replacements, ends, removals),
        )
        is_anything = changes or replacements or ends or removals or found.moved
        return found if is_anything else None

    def _changes(
        self,
        before: Protection,
        after: Protection,
        sessions: list[MatchedSession],
        matched: list[Pair],
    ) -> Iterator[Change]:
        if before.policy != after.policy:
            causes = (self._causes.of_policy(after),)
            yield Change("policy", before.policy, after.policy, causes=causes)
        was, becomes = achieved(before), achieved(after)
        yield from self._rpo(before, after, was, becomes, sessions)
        yield from self._keep_for(was, becomes, before, after, sessions, matched)
        yield from self._copies(before, after, was, becomes, sessions, matched)
        yield from self._rhythms(before, after, sessions)
        yield from self._retentions(matched)
        yield from self._settings(before, after)

    def _rpo(
        self,
        before: Protection,
        after: Protection,
        was: Achieved,
        becomes: Achieved,
        sessions: list[MatchedSession],
    ) -> Iterator[Change]:
        if was.rpo == becomes.rpo:
            return
        is_worse = becomes.rpo is None or (was.rpo is not None and becomes.rpo > was.rpo)
        if becomes.rpo is None:
            causes = [*self._causes.of_rest(after)]
        else:
            causes = [*self._of_rhythm(before, after, sessions, RHYTHM)]
        yield Change(
            "RPO", rpo_text(was.rpo), rpo_text(becomes.rpo), is_worse, tuple(dict.fromkeys(causes))
        )

    def _of_rhythm(
        self,
        before: Protection,
        after: Protection,
        sessions: list[MatchedSession],
        fields: tuple[str, ...],
    ) -> Iterator[Cause]:
        yield from self._causes.of_protection(before, after, "paused")
        yield from self._causes.of_time_zone(before, after)
        for one in sessions:
            yield from self._causes.of_session(one.before, one.after, fields)

    def _keep_for(
        self,
        was: Achieved,
        becomes: Achieved,
        before: Protection,
        after: Protection,
        sessions: list[MatchedSession],
        matched: list[Pair],
    ) -> Iterator[Change]:
        texts = keep_for_text(was.keep_for), keep_for_text(becomes.keep_for)
        if was.keep_for is None or becomes.keep_for is None or texts[0] == texts[1]:
            return
        is_worse = becomes.keep_for < was.keep_for
        # What became of the copy that reached farthest, or what made it the one that does.
        longest = was.longest if is_worse else becomes.longest
        causes: list[Cause] = []
        for pair in matched:
            one = pair[0] if is_worse else pair[1]
            if one is not None and longest is not None and one.copy is longest.copy:
                causes += self._of_copy(*pair)
        if not causes:
            causes += self._of_rhythm(before, after, sessions, RHYTHM)
        yield Change("keepFor", *texts, is_worse, tuple(dict.fromkeys(causes)))

    def _of_copy(self, was: Written | None, becomes: Written | None) -> Iterator[Cause]:
        if was is not None and becomes is not None:
            yield from self._causes.of_retention(was.copy, becomes.copy)
        else:
            old, new = ([one.copy] if one is not None else [] for one in (was, becomes))
            yield from self._causes.of_copies(old, new)

    def _copies(
        self,
        before: Protection,
        after: Protection,
        was: Achieved,
        becomes: Achieved,
        sessions: list[MatchedSession],
        matched: list[Pair],
    ) -> Iterator[Change]:
        """Storages with copies; of those on both sides, how old the newest one may become."""
        if becomes.rpo is None or was.rpo is None:
            return
        if was.storages.keys() != becomes.storages.keys():
            old = [copy for session in before.sessions for copy in session.copies]
            new = [copy for session in after.sessions for copy in session.copies]
            texts = [f"{len(one)} ({', '.join(one)})" for one in (was.storages, becomes.storages)]
            # A storage that only has another name is still there.
            renamed = {
                one.copy.storage.name
                for one, other in matched
                if one is not None and other is not None and one.place == other.place
            }
            is_worse = not was.storages.keys() - renamed <= becomes.storages.keys()
            causes = tuple(self._causes.of_copies(old, new))
            yield Change("copies", texts[0], texts[1], is_worse, causes)
        for name in [name for name in was.storages if name in becomes.storages]:
            ages = was.storages[name], becomes.storages[name]
            if ages[0] != ages[1] and ages != (was.rpo, becomes.rpo):
                general = self._of_rhythm(before, after, [], RHYTHM)
                causes = (*general, *copying_causes(sessions, name, self._causes))
                texts = [rpo_text(age) for age in ages]
                yield Change(f"RPO in {name}", texts[0], texts[1], ages[1] > ages[0], causes)

    def _rhythms(
        self, before: Protection, after: Protection, sessions: list[MatchedSession]
    ) -> Iterator[Change]:
        zones = tuple(self._causes.of_time_zone(before, after))
        for one in sessions:
            was = when_text(one.before) if one.before is not None else ""
            becomes = when_text(one.after) if one.after is not None else ""
            if was != becomes:
                causes = (*self._causes.of_session(one.before, one.after, RHYTHM), *zones)
                yield Change(f"session {one.name}", was, becomes, causes=causes)
            if one.before is not None and one.after is not None:
                yield from self._details(one.name, one.before, one.after)
                yield from self._contents(before, after, one.before, one.after)

    def _details(
        self, name: str, was: ResolvedSession, becomes: ResolvedSession
    ) -> Iterator[Change]:
        old, new = was.written.timeout, becomes.written.timeout
        if old != new:
            causes = tuple(self._causes.of_session(was, becomes, ("timeout",)))
            yield Change(f"timeout of {name}", old, new, causes=causes)

    def _contents(
        self, before: Protection, after: Protection, was: ResolvedSession, becomes: ResolvedSession
    ) -> Iterator[Change]:
        """Which files are backed up; fewer of them is worse."""
        name = becomes.written.name
        of_policy = {"paths": (), "exclude": ("exclude",)}
        for field, old, new, is_worse in (
            ("paths", was.paths, becomes.paths, not _cover(becomes.paths, was.paths)),
            ("exclude", was.exclude, becomes.exclude, not {*becomes.exclude} <= {*was.exclude}),
        ):
            if old != new:
                causes = (
                    *self._causes.of_session(was, becomes, (field,)),
                    *self._causes.of_protection(before, after, *of_policy[field]),
                )
                texts = ", ".join(old), ", ".join(new)
                yield Change(f"{field} of {name}", *texts, is_worse, causes)

    def _retentions(self, matched: list[Pair]) -> Iterator[Change]:
        for was, becomes in matched:
            if was is None or becomes is None:
                continue
            texts = retention_text(was.copy.retention), retention_text(becomes.copy.retention)
            if texts[0] != texts[1]:
                causes = self._causes.of_retention(was.copy, becomes.copy)
                field = f"retention of {becomes.session.written.name}"
                yield Change(
                    f"{field} in {becomes.copy.storage.name}", *texts, causes=tuple(causes)
                )

    def _settings(self, before: Protection, after: Protection) -> Iterator[Change]:
        demanded = before.objectives, after.objectives
        kept_up = before.upkeep, after.upkeep
        unreadable = before.on_unreadable.value, after.on_unreadable.value
        for field, texts, is_worse in (
            ("objectives", [*map(objectives_text, demanded)], demand_less(*demanded)),
            ("onUnreadable", [*unreadable], False),
            ("upkeep", [*map(upkeep_text, kept_up)], checks_less(*kept_up)),
        ):
            if texts[0] != texts[1]:
                causes = self._causes.of_protection(before, after, field)
                yield Change(field, texts[0], texts[1], is_worse, tuple(causes))


def _cover(paths: Iterable[str], others: Iterable[str]) -> bool:
    """Whether paths below the top of a volume contain all the others."""
    above = [PurePosixPath(path) for path in paths]
    return all(any(PurePosixPath(other).is_relative_to(path) for path in above) for other in others)


def _effects(
    changes: tuple[Change, ...],
    replaced: tuple[Replaced, ...],
    ends: tuple[Ended, ...],
    removals: tuple[Removal, ...],
) -> frozenset[Effect]:
    found = set()
    if any(one.field == "RPO" and one.after == NO_BACKUP_RUNS for one in changes):
        found.add(Effect.UNPROTECTED)
    if any(one.field.startswith("RPO") and one.is_worse for one in changes):
        found.add(Effect.RPO_WORSE)
    if replaced:
        found.add(Effect.REPLACE)
    if any(one.at_once for one in removals) or any(one.is_dropped for one in ends):
        found.add(Effect.DESTROY)
    return frozenset(found)
