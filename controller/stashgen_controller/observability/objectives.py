"""Whether the objectives of each volume are met: what its policy demands, as annotations say it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.kubestash.objectives import Objectives, from_annotations
from stashgen_controller.kube.durations import duration
from stashgen_controller.observability.freshness import CopyState


class Objective(StrEnum):
    """What may be demanded, as policies spell it."""

    RPO = "rpo"
    KEEP_FOR = "keepFor"
    MIN_COPIES = "minCopies"


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """One objective of a BackupConfiguration.

    Attributes:
        why: Why it is not met; empty if it is.
    """

    namespace: str
    configuration: str
    objective: Objective
    why: str

    @property
    def is_met(self) -> bool:
        """Whether the existing restore points satisfy it."""
        return not self.why


def objective_states(
    configurations: Iterable[BackupConfiguration], copies: Iterable[CopyState], now: datetime
) -> Iterator[ObjectiveState]:
    """Every objective of every configuration; one that cannot be read makes all of its unmet."""
    by_configuration: dict[tuple[str, str], list[CopyState]] = {}
    for copy in copies:
        by_configuration.setdefault((copy.namespace, copy.configuration), []).append(copy)
    for configuration in configurations:
        key = configuration.key
        try:
            demanded = from_annotations(configuration.metadata.annotations or {})
        except ValueError as error:
            yield from (ObjectiveState(*key, item, str(error)) for item in Objective)
            continue
        if demanded == Objectives():
            continue
        mine = by_configuration.get(key, [])
        begun = configuration.metadata.creation_timestamp or now
        # What is damaged may not be restored: it is none of the restore points that are demanded.
        sound = [copy for copy in mine if not copy.is_damaged]
        lost = sorted({copy.repository for copy in mine if copy.is_damaged})
        left_out = "".join(f"; Repository {name} is damaged and does not count" for name in lost)
        for item, why in _judged(demanded, sound, begun, now):
            yield ObjectiveState(*key, item, f"{why}{left_out}" if why else "")


def _judged(
    demanded: Objectives, copies: Sequence[CopyState], begun: datetime, now: datetime
) -> Iterator[tuple[Objective, str]]:
    """Each objective, and why it is not met.

    A new configuration has the time that it allows until its first restore points exist.
    """
    if demanded.rpo is not None:
        least = min((now - copy.since for copy in copies), default=timedelta.max)
        why = ""
        if least > demanded.rpo:
            newest = max((copy.newest for copy in copies if copy.newest is not None), default=None)
            found = f"is {_age(newest, now)} old" if newest is not None else "does not exist"
            why = f"the newest good backup {found}; {_time(demanded.rpo)} is allowed"
        yield Objective.RPO, why
    if demanded.keep_for is not None:
        yield Objective.KEEP_FOR, _too_short(demanded.keep_for, copies, begun, now)
    if demanded.min_copies is not None:
        storages = {
            copy.storage
            for copy in copies
            if copy.promised is not None
            and now - copy.since <= demanded.recent_enough(copy.promised)
        }
        why = f"{len(storages)} of {demanded.min_copies} storages have a recent enough good backup"
        yield Objective.MIN_COPIES, "" if len(storages) >= demanded.min_copies else why


def _too_short(
    keep_for: timedelta, copies: Sequence[CopyState], begun: datetime, now: datetime
) -> str:
    """Why no restore point is old enough; empty if one is, or none can be yet."""
    first = min(
        (copy.promised.recovery_point for copy in copies if copy.promised is not None),
        default=timedelta(),
    )
    oldest = min((copy.oldest for copy in copies if copy.oldest is not None), default=None)
    is_young = now - begun < keep_for + first
    if is_young or (oldest is not None and now - oldest >= keep_for):
        return ""
    found = f"is {_age(oldest, now)} old" if oldest is not None else "does not exist"
    return f"the oldest good backup {found}; {_time(keep_for)} is demanded"


def _age(since: datetime, now: datetime) -> str:
    return _time(now - since)


def _time(value: timedelta) -> str:
    return duration(value.total_seconds())
