"""``stashgen report coverage`` for people: what needs attention first."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from stashgen.diagnostics import Position
from stashgen.model.resolved import Protection
from stashgen.report.columns import columns
from stashgen.report.coverage import Group, State, VolumeCoverage
from stashgen.resolve.achieved import achieved, keep_for_text, rpo_text

_UNNAMED = "(no name)"


def coverage_text(
    volumes: Sequence[VolumeCoverage],
    groups: Sequence[Group],
    whole: Group,
    show: Callable[[Position], str] = str,
) -> Iterator[str]:
    """The lines.

    Args:
        volumes: Sorted by state.
        groups: What is counted by itself; may be empty.
        whole: All volumes.
        show: A place in a file as the reader finds it.
    """
    several = len({one.cluster for one in volumes if one.cluster}) > 1
    for state, found in groupby(volumes, key=lambda one: one.state):
        rows = [*found]
        yield f"{state}: {len(rows)}"
        if state is State.PROTECTED:
            table = [_HEADER, *(_protected(one, several=several) for one in rows)]
        else:
            table = [_not_protected(one, show, several=several) for one in rows]
        yield from (f"  {line}" for line in columns(table))
    if groups:
        yield from columns([_COUNTED, *(_counts(one) for one in groups), _counts(whole)])
    else:
        yield f"{percent_text(whole)} of the volumes that are not excluded are protected"


def volume_name(one: VolumeCoverage, *, with_cluster: bool) -> str:
    """``payments/ledger``, below its cluster's name if there are several."""
    parts = [one.namespace, one.name or _UNNAMED]
    if with_cluster:
        parts.insert(0, one.cluster)
    return "/".join(part for part in parts if part)


_HEADER = ("VOLUME", "POLICY", "RPO", "KEPT FOR", "STORAGES")
_COUNTED = ("", "PROTECTED", "PAUSED", "UNPROTECTED", "UNKNOWN", "EXCLUDED", "COVERED")


def _protected(one: VolumeCoverage, *, several: bool) -> tuple[str, ...]:
    protection = one.protection
    if protection is None:
        return (volume_name(one, with_cluster=several),)
    reached = achieved(protection)
    return (
        volume_name(one, with_cluster=several),
        protection.policy,
        rpo_text(reached.rpo),
        keep_for_text(reached.keep_for),
        ", ".join(_storages(protection)),
    )


def _storages(protection: Protection) -> list[str]:
    copies = (copy for session in protection.sessions for copy in session.copies)
    return [*dict.fromkeys(copy.storage.name for copy in copies)]


def _not_protected(
    one: VolumeCoverage, show: Callable[[Position], str], *, several: bool
) -> tuple[str, ...]:
    name = volume_name(one, with_cluster=several)
    if one.reason is None:
        return (name, show(one.position))
    text, position = one.reason
    why = f"{text} ({show(position)})"
    return (name, why) if one.protection is None else (name, one.protection.policy, why)


def _counts(one: Group) -> tuple[str, ...]:
    order = (State.PROTECTED, State.PAUSED, State.UNPROTECTED, State.UNKNOWN, State.EXCLUDED)
    return (one.name or "all", *(str(one.counts[state]) for state in order), percent_text(one))


def percent_text(one: Group) -> str:
    """Rounded down: 100 % is all of them."""
    value = one.percent
    return "-" if value is None else f"{int(value * 10) / 10:g} %"
