"""A Plan in words: what is the same for many volumes is said once, in the order of its weight."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from stashgen.kubestash.quantities import format_size
from stashgen.plan.histories import REPOSITORY
from stashgen.plan.object_text import object_texts
from stashgen.plan.plan import (
    Cause,
    Change,
    Ended,
    Kind,
    Plan,
    Removal,
    Replaced,
    VolumePlan,
)
from stashgen.policy.duration import format_written

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement.

    Attributes:
        text: ``RPO 1h -> 6h``.
        names: The volumes or objects that it is about, in their order; empty for a general one.
        details: Further lines.
        causes: The lines that are the reason.
    """

    text: str
    names: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Statements of one kind.

    Attributes:
        is_grave: A reviewer has to see them before anything else.
    """

    title: str
    entries: tuple[Entry, ...]
    is_grave: bool = False


def sections(plan: Plan) -> tuple[Section, ...]:
    """The sections that have anything to say."""
    volumes = plan.volumes
    found = (
        Section("No longer protected", (*_states(plan.of_kind(Kind.LOST)),), is_grave=True),
        Section("Not protected", (*_states(plan.of_kind(Kind.MISSED)),), is_grave=True),
        Section("Restore points that go", (*_removals(volumes), *_retired(plan)), is_grave=True),
        Section("Data that is wiped", (*_wiped(plan),), is_grave=True),
        Section("History that ends", (*_ended(volumes),), is_grave=True),
        Section("New history", (*_replaced(volumes),), is_grave=True),
        Section("Gets worse", (*_changes(volumes, is_worse=True),), is_grave=True),
        Section("Newly protected", (*_gained(plan.of_kind(Kind.GAINED)),)),
        Section("Left out on purpose", (*_states(plan.of_kind(Kind.EXCLUDED)),)),
        Section("Unknown", (*_states(plan.of_kind(Kind.UNKNOWN)),)),
        Section("Changes", (*_changes(volumes, is_worse=False), *_moved(volumes))),
        Section(
            "Who may read or delete copies", (*_access(plan), *_objects(plan, are_grants=True))
        ),
        Section("Copies that begin in one minute", (*_peaks(plan),)),
        Section("Objects", (*_objects(plan, are_grants=False),)),
    )
    return tuple(section for section in found if section.entries)


def summary(plan: Plan) -> str:
    """The plan in one line: ``2 volumes newly protected, 1 no longer protected``."""
    counts = (
        (sum(one.kind is Kind.GAINED for one in plan.volumes), "newly protected"),
        (sum(one.kind is Kind.LOST for one in plan.volumes), "no longer protected"),
        (sum(one.kind is Kind.MISSED for one in plan.volumes), "not protected"),
        (sum(one.kind is Kind.EXCLUDED for one in plan.volumes), "left out on purpose"),
        (sum(one.kind is Kind.UNKNOWN for one in plan.volumes), "unknown"),
        (sum(one.kind is Kind.CHANGED for one in plan.volumes), "changed"),
        (sum(any(c.is_worse for c in one.changes) for one in plan.volumes), "worse"),
        (sum(bool(one.replaced) for one in plan.volumes), "with a new history"),
        (sum(bool(one.ended) for one in plan.volumes), "with a history that ends"),
        (sum(bool(one.removals) for one in plan.volumes), "losing restore points"),
        (len({one.volume for one in plan.dropped}), "losing a retired history"),
        (len({one.volume for one in plan.shortened}), "whose retired history is kept less long"),
    )
    said = ", ".join(f"{number} {text}" for number, text in counts if number)
    before, after = plan.protected
    total = f"protected {before} -> {after}" if before != after else f"protected {after}"
    if said:
        return f"volumes: {said}; {total}"
    return f"no volume is backed up differently; {total}"


def cause_text(cause: Cause) -> str:
    """``policies/base.yaml:12 every: 5h``."""
    text = f"{cause.position.path}:{cause.position.line} {cause.text}"
    return f"{text} (removed)" if cause.is_removed else text


def change_text(change: Change) -> str:
    """``RPO 1h -> 6h``."""
    before, after = change.before or "nothing", change.after or "nothing"
    is_number = change.field.startswith(("RPO", "keepFor"))
    return f"{change.field}{'' if is_number else ':'} {before} -> {after}"


def _grouped(
    volumes: Iterable[VolumePlan], keys: Callable[[VolumePlan], Iterable[K]]
) -> Iterator[tuple[K, tuple[VolumePlan, ...]]]:
    """What several volumes have in common, in the order of the first of them."""
    groups: dict[K, dict[str, VolumePlan]] = {}
    for volume in volumes:
        for key in keys(volume):
            groups.setdefault(key, {})[volume.name] = volume
    for key, found in groups.items():
        yield key, tuple(found.values())


def _names(volumes: Iterable[VolumePlan]) -> tuple[str, ...]:
    return tuple(one.name for one in volumes)


def _states(volumes: Iterable[VolumePlan]) -> Iterator[Entry]:
    grouped = _grouped(volumes, lambda one: [(one.reason, _places(one.causes))])
    for (reason, _), found in grouped:
        yield Entry(reason, _names(found), causes=found[0].causes)


def _places(causes: tuple[Cause, ...]) -> tuple[str, ...]:
    """Causes without their lines in inventories, of which each volume has its own."""
    return tuple(cause.text if cause.text == "its claim" else cause_text(cause) for cause in causes)


def _gained(volumes: Iterable[VolumePlan]) -> Iterator[Entry]:
    grouped = _grouped(volumes, lambda one: [(one.reason, one.changes, one.causes)])
    for (reason, changes, causes), found in grouped:
        values = ", ".join(f"{one.field} {one.after or 'none'}" for one in changes)
        yield Entry(f"{values} ({reason})", _names(found), causes=causes)


def _changes(volumes: Iterable[VolumePlan], *, is_worse: bool) -> Iterator[Entry]:
    changed = (one for one in volumes if one.kind is Kind.CHANGED)
    grouped = _grouped(
        changed, lambda one: [change for change in one.changes if change.is_worse == is_worse]
    )
    for change, found in grouped:
        yield Entry(change_text(change), _names(found), causes=change.causes)


def _moved(volumes: Iterable[VolumePlan]) -> Iterator[Entry]:
    """Sessions at other times for no reason that another entry says."""
    grouped = _grouped(
        (one for one in volumes if one.moved and not one.changes),
        lambda one: [moved.session for moved in one.moved],
    )
    for session, found in grouped:
        first = next(one for one in found[0].moved if one.session == session)
        text = f"session {session} starts at other times"
        detail = f"{found[0].name}: {first.before} -> {first.after}"
        yield Entry(text, _names(found), (detail,))


def _replaced(volumes: Iterable[VolumePlan]) -> Iterator[Entry]:
    grouped = _grouped(volumes, lambda one: [(item.what, item.causes) for item in one.replaced])
    for (what, causes), found in grouped:
        items = [
            (volume.name, one)
            for volume in found
            for one in volume.replaced
            if (one.what, one.causes) == (what, causes)
        ]
        name, first = items[0]
        text = f"{first.before} -> {first.after}"
        # Addresses and directories are each volume's own.
        is_same = all((one.before, one.after) == (first.before, first.after) for _, one in items)
        details = () if is_same else (f"{name}: {text}",)
        yield Entry(
            f"another {', '.join(what)}" + (f": {text}" if is_same else ""),
            _names(found),
            (*details, *_about_history(first, [one for _, one in items])),
            causes,
        )


def _about_history(first: Replaced, items: list[Replaced]) -> Iterator[str]:
    if first.what == ("key",):
        yield (
            "unless the new Secret holds the same RESTIC_PASSWORD, no backup succeeds and no "
            "restore point can be read with it"
        )
        return
    left = sum(one.left_behind for one in items)
    if first.what == (REPOSITORY,):
        yield (
            f"nothing is uploaded again, as it is the same place, but about {left} restore points "
            "stay with the old name: a restore from the new Repository does not find them, and "
            "its retention counts and removes them"
        )
        return
    yield f"about {left} restore points are left behind, and the new history begins with none"
    sizes = [one.upload_bytes for one in items if one.upload_bytes is not None]
    unknown = len(items) - len(sizes)
    if sizes:
        more = f", {unknown} of unknown size" if unknown else ""
        yield f"everything is uploaded again: claims of {format_size(sum(sizes))}{more}"
    else:
        yield "everything is uploaded again; the sizes of the claims are unknown"


def _ended(volumes: Iterable[VolumePlan]) -> Iterator[Entry]:
    # Repositories are each volume's own.
    grouped = _grouped(volumes, lambda one: [replace(item, repository="") for item in one.ended])
    for item, found in grouped:
        total = item.restore_points * len(found)
        more = f", {total} in all" if len(found) > 1 else ""
        text = f"session {item.session} in {item.storage}: {item.restore_points} restore points"
        yield Entry(f"{text}{more}, {_end_text(item)}", _names(found), causes=item.causes)


def _end_text(one: Ended) -> str:
    if one.until and one.is_dropped:
        return f"kept until {one.until}, a day already past: the next build may drop them"
    if one.until:
        return f"kept until {one.until}"
    if one.is_dropped:
        return "lose their Repository: they stay in the storage, but nothing restores from them"
    return "stay in a Repository that other sessions write to; no retention removes them"


def _removals(volumes: Iterable[VolumePlan]) -> Iterator[Entry]:
    for removal, found in _grouped(volumes, lambda one: one.removals):
        yield Entry(
            _removal_text(removal, len(found)),
            _names(found),
            (*_removal_details(removal),),
            removal.causes,
        )


def _removal_text(one: Removal, volumes: int) -> str:
    total = f", {one.at_once * volumes} in all" if volumes > 1 else ""
    where = f"session {one.session} in {one.storage}"
    if one.at_once:
        return f"{where}: {one.at_once} of {one.had} restore points go at once{total}"
    return f"{where}: {one.later} of {one.had} restore points go earlier than before"


def _removal_details(one: Removal) -> Iterator[str]:
    kept = f"keeps {one.after}" if one.before == one.after else f"{one.before} -> {one.after}"
    yield f"retention: {kept}; {one.left} restore points in the long run"
    if not one.at_once:
        yield "they go within 30 days, as new ones use up the counts"
    else:
        ages = f"{one.newest_days} to {one.oldest_days}"
        if one.newest_days == one.oldest_days:
            ages = f"{one.oldest_days}"
        within = format_written(one.within_seconds)
        yield f"they are {ages} days old, and go after the next backup, within {within}"
        if one.later:
            yield f"{one.later} more go earlier than before, within 30 days"


def _retired(plan: Plan) -> Iterator[Entry]:
    for one in plan.dropped:
        yield Entry(
            f"the retired history {one.repository} (until {one.until}) is no longer kept",
            (one.name,),
            ("its data stays in the storage, but nothing restores from it any more",),
        )
    for item in plan.shortened:
        yield Entry(
            f"the retired history {item.repository} is kept until {item.after}, "
            f"no longer until {item.before}",
            (item.name,),
            ("that day is already past: the next build may drop it",) if item.is_past else (),
            item.causes,
        )


def _wiped(plan: Plan) -> Iterator[Entry]:
    if plan.wiped:
        text = "deletionPolicy WipeOut: with the object, its data in the storage is deleted"
        yield Entry(text, plan.wiped)


def _access(plan: Plan) -> Iterator[Entry]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in plan.access:
        groups.setdefault((one.what, one.before, one.after), []).append(one.place)
    for (what, before, after), places in groups.items():
        text = f"{what} {before or 'nothing'} -> {after or 'nothing'}"
        yield Entry(text, tuple(places))


def _peaks(plan: Plan) -> Iterator[Entry]:
    for one in plan.peaks:
        was = f"{one.before} ({one.was_at} UTC)" if one.was_at else "0"
        becomes = f"{one.after} ({one.at} UTC)" if one.at else "0"
        yield Entry(f"{one.storage}: at most {was} -> {becomes}")


def _objects(plan: Plan, *, are_grants: bool) -> Iterator[Entry]:
    for text, details in object_texts(plan.objects, are_grants=are_grants):
        yield Entry(text, details=details)
