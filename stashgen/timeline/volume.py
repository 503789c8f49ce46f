"""All copies of a volume over a horizon: do its objectives hold at every moment?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.cron import split_offset
from stashgen.kubestash.objectives import Objectives, Promise
from stashgen.model.resolved import Protection
from stashgen.resolve.achieved import copy_runs, latest_retention
from stashgen.timeline.history import History, Timeline, simulate
from stashgen.timeline.scenario import Scenario
from stashgen.timeline.spans import Finished, Span, at_least, newest, too_old, united

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that a session of a volume makes.

    Attributes:
        session: The session's name, as the policy has it.
        storage: The name of the storage that it is in.
        history: How it goes on; its times are ``later`` by some minutes.
    """

    session: str
    storage: str
    history: History
    later: timedelta
    promised: Promise


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst value of the horizon, and when it is reached."""

    value: timedelta
    at: datetime


@dataclass(frozen=True, slots=True)
class VolumeTimeline:
    """What a volume's backups come to.

    Attributes:
        copies: In the order of the policy, each with its timeline.
        oldest_newest: The age that the newest backup reaches, in whatever storage it is; None if
            there never is one.
        without_rpo: When it is older than the objective allows; empty without one.
        without_copies: When too few storages have a recent one; empty without such an objective.
        least_history: The age of the oldest restore point, where history is shortest; None if
            there is none at all.
        without_keep_for: When it is less than the objective demands; empty without one.
        failed: How many runs did not succeed.
    """

    copies: tuple[tuple[Copy, Timeline], ...]
    oldest_newest: Worst | None
    without_rpo: tuple[Span, ...]
    without_copies: tuple[Span, ...]
    least_history: Worst | None
    without_keep_for: tuple[Span, ...]
    failed: int


def copies_of(protection: Protection, scenario: Scenario) -> tuple[Copy, ...]:
    """The copies of the sessions that run; none of a paused policy.

    The offsets of the schedules count from that of the earliest, so that volumes that differ by a
    few minutes only are the same.
    """
    runs = [] if protection.paused else [*copy_runs(protection)]
    split = [(run, *split_offset(run.session.schedule)) for run in runs]
    first = min((minutes for _, _, minutes in split), default=0)
    return tuple(
        Copy(
            run.session.written.name,
            run.copy.storage.name,
            History(
                schedule=schedule,
                time_zone=run.session.time_zone,
                interval=run.promised.interval,
                allowance=run.promised.allowance,
                slack=latest_retention(protection, run),
                retention=run.copy.retention,
                storage=scenario.distinguished(run.copy.storage.name),
            ),
            (minutes - first) * _MINUTE,
            run.promised,
        )
        for run, schedule, minutes in split
    )


def volume_timeline(
    copies: Sequence[Copy], objectives: Objectives, scenario: Scenario
) -> VolumeTimeline:
    """What copies come to, and where objectives do not hold."""
    simulated = tuple(
        (copy, simulate(copy.history, scenario.of_storage(copy.storage))) for copy in copies
    )
    horizon = Span(scenario.start, scenario.end)
    by_copy = [tuple(_finished(copy, timeline)) for copy, timeline in simulated]
    ages = newest((one for found in by_copy for one in found), horizon)
    known = [Worst(one.age, one.span.end) for one in ages if one.age is not None]
    reaches = [*_reaches(simulated, horizon)] if simulated else []
    rpo, keep_for = objectives.rpo, objectives.keep_for
    return VolumeTimeline(
        copies=simulated,
        oldest_newest=max(known, key=lambda one: one.value, default=None),
        without_rpo=() if rpo is None else united(too_old(ages, rpo)),
        without_copies=_without_copies(simulated, by_copy, objectives, horizon),
        least_history=min(
            (Worst(span.start - oldest, span.start) for span, oldest in reaches),
            key=lambda one: one.value,
            default=None,
        ),
        without_keep_for=_without_keep_for(reaches, keep_for, horizon),
        failed=sum(timeline.failed for _, timeline in simulated),
    )


def _finished(copy: Copy, timeline: Timeline) -> Iterator[Finished]:
    for tick in timeline.chain:
        yield Finished(tick + copy.later, tick + copy.later + copy.history.allowance)


def _without_copies(
    simulated: Sequence[tuple[Copy, Timeline]],
    by_copy: Sequence[Sequence[Finished]],
    objectives: Objectives,
    horizon: Span,
) -> tuple[Span, ...]:
    """When fewer storages than ``minCopies`` have a backup that is recent enough."""
    wanted = objectives.min_copies
    if wanted is None:
        return ()
    recent: dict[str, list[tuple[Span, ...]]] = {}
    for (copy, _), finished in zip(simulated, by_copy, strict=True):
        limit = objectives.recent_enough(copy.promised)
        late = united(too_old(newest(finished, horizon), limit))
        recent.setdefault(copy.storage, []).append(late)
    # A storage is late while all of its copies are.
    late_storages = [at_least(late, len(late)) for late in recent.values()]
    if len(late_storages) < wanted:
        return (horizon,)
    return at_least(late_storages, len(late_storages) - wanted + 1)


def _reaches(
    simulated: Sequence[tuple[Copy, Timeline]], horizon: Span
) -> Iterator[tuple[Span, datetime]]:
    """The oldest restore point of all copies, from one moment to the next."""
    events = sorted(
        (moment + copy.later if number else horizon.start, index, oldest + copy.later)
        for index, (copy, timeline) in enumerate(simulated)
        for number, (moment, oldest) in enumerate(timeline.oldest)
    )
    current: dict[int, datetime] = {}
    for number, (moment, index, oldest) in enumerate(events):
        current[index] = oldest
        following = events[number + 1][0] if number + 1 < len(events) else horizon.end
        if moment < following:
            yield Span(moment, following), min(current.values())


def _without_keep_for(
    reaches: Sequence[tuple[Span, datetime]], wanted: timedelta | None, horizon: Span
) -> tuple[Span, ...]:
    """When even the oldest restore point is not as old as it has to be."""
    if wanted is None:
        return ()
    if not reaches:
        return (horizon,)
    ends = ((span.start, min(span.end, oldest + wanted)) for span, oldest in reaches)
    return united(Span(start, end) for start, end in ends if start < end)


def timelines(protections: Iterable[Protection], scenario: Scenario) -> Iterator[VolumeTimeline]:
    """Of each protection, in their order; equal volumes share one."""
    made: dict[tuple[tuple[Copy, ...], Objectives], VolumeTimeline] = {}
    for protection in protections:
        key = copies_of(protection, scenario), protection.objectives
        if key not in made:
            made[key] = volume_timeline(*key, scenario)
        yield made[key]
