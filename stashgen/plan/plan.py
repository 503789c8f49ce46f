"""The comparison of two states, as plain values; ``formats`` writes it for people and programs."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from stashgen.diagnostics import Position
from stashgen.model.inventory import VolumeKey


class Effect(StrEnum):
    """What a pull request may be refused for (``--fail-on``); docs/plan.md says it in full."""

    DESTROY = "destroy"
    REPLACE = "replace"
    RPO_WORSE = "rpo-worse"
    UNPROTECTED = "unprotected"


class Kind(StrEnum):
    """What happens to the protection of a volume."""

    GAINED = "gained"
    LOST = "lost"
    MISSED = "missed"  # new in the inventory, and no policy selects it or none of its backups runs
    EXCLUDED = "excluded"  # left out on purpose now, and was not protected
    UNKNOWN = "unknown"  # something uses it now, and too little is known of it
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """The line that makes a difference.

    Attributes:
        text: What it says: ``every: 5h``.
        is_removed: The line is of the state before, and the new one does not have it.
    """

    position: Position
    text: str
    is_removed: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A value that differs; empty where there is none.

    Attributes:
        field: ``RPO``, ``keepFor``, ``copies``, ``policy``, ``session backup`` and so on.
        is_worse: The volume is protected less well.
    """

    field: str
    before: str
    after: str
    is_worse: bool = False
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Replaced:
    """A history that is no longer written to, while a new one begins without a restore point.

    Attributes:
        what: What differs, of ``session name``, ``storage``, ``directory`` and ``key``; or the
            name of the ``Repository`` alone, at the same place.
        before, after: Where the old and the new one are.
        left_behind: About how many restore points the old one has.
        upload_bytes: What the volume's claim requests: so much is uploaded again at most; None
            if that is not known.
    """

    what: tuple[str, ...]
    before: str
    after: str
    left_behind: int
    upload_bytes: int | None
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Ended:
    """A history that is no longer written to, and that none replaces; the volume stays protected.

    Attributes:
        session, storage: Whose copies they are.
        repository: Its Repository.
        restore_points: About how many it has.
        until: The day until which it is retired; empty if it is not.
        is_dropped: Its Repository goes, or may go because that day is already past. If it is
            neither dropped nor retired, another session still writes to that Repository.
    """

    session: str
    storage: str
    repository: str
    restore_points: int
    until: str
    is_dropped: bool
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Removal:
    """Restore points of one history that retention removes because of the change.

    An estimate for a volume that is backed up for long, by the worker's own retention over the
    ticks of the session.

    Attributes:
        session, storage: Whose retention.
        before, after: What is kept.
        had: Restore points on the day of the change.
        at_once: How many of them the first retention run after it removes.
        later: How many more go within 30 days, and earlier than they would have.
        newest_days, oldest_days: The ages of those that go at once.
        within_seconds: The first run comes so much later at most.
        left: Restore points in the long run.
    """

    session: str
    storage: str
    before: str
    after: str
    had: int
    at_once: int
    later: int
    newest_days: int
    oldest_days: int
    within_seconds: int
    left: int
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Moved:
    """A session that starts at other times.

    Attributes:
        before, after: A cron schedule with its time zone.
    """

    session: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """What happens to one volume.

    Attributes:
        name: ``namespace/claim``, below the cluster's name if there are several.
        reason: Why it has no backup, or how it is gained.
        effects: What ``--fail-on`` looks at.
    """

    key: VolumeKey
    name: str
    kind: Kind
    reason: str = ""
    causes: tuple[Cause, ...] = ()
    changes: tuple[Change, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    ended: tuple[Ended, ...] = ()
    removals: tuple[Removal, ...] = ()
    moved: tuple[Moved, ...] = ()
    effects: frozenset[Effect] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class DroppedHistory:
    """A retired history whose objects go; its data stays in the storage, where nobody finds it."""

    volume: VolumeKey
    name: str
    repository: str
    until: str


@dataclass(frozen=True, slots=True, order=True)
class ShortenedHistory:
    """A retired history that is kept for less long than before.

    Attributes:
        before, after: Its last days.
        is_past: That day is over: the next build may drop it.
    """

    volume: VolumeKey
    name: str
    repository: str
    before: str
    after: str
    is_past: bool
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Peak:
    """The most copies of one storage that begin in one minute of a week.

    Attributes:
        at, was_at: That minute, in UTC: ``Mon 02:00``; empty if there is none.
    """

    storage: str
    before: int
    after: int
    was_at: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """Who may read or delete copies, in one namespace, and how that differs.

    Attributes:
        place: ``cluster/namespace``.
        what: ``s3-eu: pods that delete backups have``.
    """

    place: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, order=True)
class FieldChange:
    """A field of an object; empty where there is none."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """Objects of a kind that change alike.

    Attributes:
        change: ``added``, ``removed`` or ``changed``.
        fields: How they change. Where the values differ from object to object, those of the
            sample, and ``is_same`` is false.
        sample: The first of them: its folder, kind and name.
        places: The first twenty, likewise.
    """

    kind: str
    change: str
    number: int
    fields: tuple[FieldChange, ...] = ()
    is_same: bool = True
    sample: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that differs between two states.

    Attributes:
        before, after: Their names.
        protected: How many volumes have backups that run, before and after.
        volumes: Those to which something happens, sorted by key.
        wiped: Objects with whose end the data in the storage would go, and that end.
        objects: Classes of objects, sorted.
        notes: What the reader has to know about the comparison itself.
    """

    before: str
    after: str
    protected: tuple[int, int]
    volumes: tuple[VolumePlan, ...] = ()
    dropped: tuple[DroppedHistory, ...] = ()
    shortened: tuple[ShortenedHistory, ...] = ()
    wiped: tuple[str, ...] = ()
    peaks: tuple[Peak, ...] = ()
    access: tuple[Access, ...] = ()
    objects: tuple[ObjectClass, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs, neither in meaning nor in the objects."""
        retired = self.dropped or self.shortened
        return not (
            self.volumes or retired or self.wiped or self.peaks or self.access or self.objects
        )

    @property
    def effects(self) -> frozenset[Effect]:
        """Everything that a pull request may be refused for."""
        found = frozenset[Effect]().union(*(one.effects for one in self.volumes))
        is_past = any(one.is_past for one in self.shortened)
        return found | {Effect.DESTROY} if self.dropped or self.wiped or is_past else found

    def of_kind(self, *kinds: Kind) -> Iterable[VolumePlan]:
        """The volumes to which this happens."""
        return (one for one in self.volumes if one.kind in kinds)
