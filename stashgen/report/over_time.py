"""The volumes of a project with what their backups come to over time; the worst first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.model.resolved import Protection
from stashgen.report.coverage import VolumeCoverage
from stashgen.timeline.scenario import Scenario
from stashgen.timeline.spans import Span
from stashgen.timeline.volume import VolumeTimeline, Worst, timelines

Missed = Mapping[str, tuple[Span, ...]]
Demanded = Mapping[str, timedelta | int]


@dataclass(frozen=True, slots=True)
class Row:
    """A volume that a policy selects.

    Attributes:
        demanded: The objectives that the report is about, by their name in a policy.
        missed: When they do not hold; only those that do not.
        worst: What is compared first where nothing is missed; None if no backup runs.
    """

    volume: VolumeCoverage
    protection: Protection
    timeline: VolumeTimeline
    demanded: Demanded
    missed: Missed
    worst: Worst | None

    @property
    def missed_time(self) -> timedelta:
        """How long, each objective counted by itself."""
        return sum((total(spans) for spans in self.missed.values()), timedelta())


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Volumes that have something in common.

    Attributes:
        name: Of what they have in common.
        missed: How many of the volumes miss an objective.
        worst: Of them all; None if no backup runs.
    """

    name: str
    volumes: int
    missed: int
    worst: timedelta | None


def schedule_rows(volumes: Iterable[VolumeCoverage], scenario: Scenario) -> tuple[Row, ...]:
    """Judged by rpo and minCopies; the worst is the age that the newest backup reaches."""

    def judge(timeline: VolumeTimeline) -> tuple[Missed, Worst | None]:
        missed = {"rpo": timeline.without_rpo, "minCopies": timeline.without_copies}
        return missed, timeline.oldest_newest

    found = _rows(volumes, scenario, ("rpo", "minCopies"), judge)
    return tuple(sorted(found, key=lambda one: (-one.missed_time, *_order(one, -1))))


def retention_rows(volumes: Iterable[VolumeCoverage], scenario: Scenario) -> tuple[Row, ...]:
    """Judged by keepFor; the worst is the least age of the oldest restore point."""

    def judge(timeline: VolumeTimeline) -> tuple[Missed, Worst | None]:
        return {"keepFor": timeline.without_keep_for}, timeline.least_history

    found = _rows(volumes, scenario, ("keepFor",), judge)
    return tuple(sorted(found, key=lambda one: (-one.missed_time, *_order(one, 1))))


def _order(row: Row, sign: int) -> tuple[bool, timedelta]:
    """What never runs first."""
    return (False, timedelta()) if row.worst is None else (True, sign * row.worst.value)


def _rows(
    volumes: Iterable[VolumeCoverage],
    scenario: Scenario,
    names: tuple[str, ...],
    judge: Callable[[VolumeTimeline], tuple[Missed, Worst | None]],
) -> list[Row]:
    selected = [(one, one.protection) for one in volumes if one.protection is not None]
    found = timelines([protection for _, protection in selected], scenario)
    rows = []
    for (volume, protection), timeline in zip(selected, found, strict=True):
        missed, worst = judge(timeline)
        broken = {name: spans for name, spans in missed.items() if spans}
        demanded = _demanded(protection, names)
        rows.append(Row(volume, protection, timeline, demanded, broken, worst))
    return rows


def _demanded(protection: Protection, names: tuple[str, ...]) -> Demanded:
    objectives = protection.objectives
    values = {
        "rpo": objectives.rpo,
        "keepFor": objectives.keep_for,
        "minCopies": objectives.min_copies,
    }
    return {name: value for name in names if (value := values[name]) is not None}


def groups(
    rows: Iterable[Row],
    name: Callable[[VolumeCoverage], str],
    worse: Callable[[Iterable[timedelta]], timedelta],
) -> tuple[RowGroup, ...]:
    """The rows by a name that their volumes share, sorted by it.

    Args:
        rows: Of volumes.
        name: Of a volume's group.
        worse: The worst of several values.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(name(row.volume), []).append(row)
    return tuple(
        RowGroup(
            name=key,
            volumes=len(of_group),
            missed=sum(bool(row.missed) for row in of_group),
            worst=_worst(of_group, worse),
        )
        for key, of_group in sorted(found.items())
    )


def _worst(
    rows: Sequence[Row], worse: Callable[[Iterable[timedelta]], timedelta]
) -> timedelta | None:
    values = [row.worst.value for row in rows if row.worst is not None]
    return worse(values) if len(values) == len(rows) else None


def alike(rows: Iterable[Row]) -> tuple[tuple[Row, int], ...]:
    """The first of rows that say the same, and how many they are, in their order.

    When it happens does not count: volumes of one policy have minutes of their own.
    """
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        key = (
            row.protection.policy,
            row.protection.objectives,
            None if row.worst is None else row.worst.value,
            tuple((name, total(spans)) for name, spans in row.missed.items()),
        )
        found.setdefault(key, []).append(row)
    return tuple((of_key[0], len(of_key)) for of_key in found.values())


def total(spans: Iterable[Span]) -> timedelta:
    """How long they are together."""
    return sum((one.end - one.start for one in spans), timedelta())


def first_missed(row: Row) -> datetime | None:
    """When an objective does not hold for the first time."""
    return min((one.start for spans in row.missed.values() for one in spans), default=None)
