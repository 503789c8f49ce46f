"""The comparison itself: a pure function of two states."""

from collections.abc import Iterator
from datetime import date

from stashgen.diagnostics import quote
from stashgen.model.inventory import VolumeKey
from stashgen.plan.access import access_changes
from stashgen.plan.causes import Causes
from stashgen.plan.left_out import newly_excluded, newly_unknown
from stashgen.plan.names import shown
from stashgen.plan.objects import object_changes
from stashgen.plan.peaks import peaks
from stashgen.plan.plan import Cause, Effect, Kind, Plan, VolumePlan
from stashgen.plan.retired import dropped_histories, shortened_histories
from stashgen.plan.state import State
from stashgen.plan.volume import VolumeComparison


def compare(
    before: State,
    after: State,
    today: date,
    notes: tuple[str, ...] = (),
    namespaces: frozenset[str] = frozenset(),
) -> Plan:
    """Everything that differs between two states, in a stable order.

    Args:
        before: The state now.
        after: The state that is proposed.
        today: In UTC; compared with the last days of retired histories.
        notes: About the comparison itself.
        namespaces: To which the plan is limited; empty for all.
    """
    if namespaces:
        notes = (*notes, *_without_volumes(before, after, namespaces))
        before, after = before.limited_to(namespaces), after.limited_to(namespaces)
    objects = object_changes(before.files, after.files)
    return Plan(
        before=before.name,
        after=after.name,
        protected=(before.running, after.running),
        volumes=tuple(sorted(_volumes(before, after, today), key=lambda one: (one.key, one.name))),
        dropped=tuple(dropped_histories(before, after)),
        shortened=tuple(shortened_histories(before, after, today)),
        wiped=objects.wiped,
        peaks=peaks(before, after),
        access=access_changes(before, after),
        objects=objects.classes,
        notes=notes,
    )


def _without_volumes(before: State, after: State, namespaces: frozenset[str]) -> Iterator[str]:
    """A typo in a namespace would look like a change that means nothing."""
    keys = {*before.volumes, *after.volumes, *before.retired_until, *after.retired_until}
    for name in sorted(namespaces - {key.namespace for key in keys}):
        yield f"neither state has a volume in namespace {quote(name)}"


def _volumes(before: State, after: State, today: date) -> Iterator[VolumePlan]:
    causes = Causes(before, after)
    comparison = VolumeComparison(before, after, causes, today)
    yield from newly_excluded(before, after)
    yield from newly_unknown(before, after)
    keys = before.protections.keys() | after.protections.keys() | after.unprotected
    for key in sorted(keys):
        was, becomes = before.protections.get(key), after.protections.get(key)
        if was is not None and becomes is not None:
            found = comparison.changed(was, becomes)
            if found is not None:
                yield found
        elif becomes is not None:
            yield comparison.gained(becomes)
        elif was is not None:
            yield _lost(key, before, after, today)
        elif key not in before.unprotected:
            yield _missed(key, before, after)


def _missed(key: VolumeKey, before: State, after: State) -> VolumePlan:
    name = shown(key, before, after)
    reason, causes = _unselected(key, after)
    if key in before.volumes:
        reason = f"it is no longer left out: {reason}"
    effects = frozenset({Effect.UNPROTECTED})
    return VolumePlan(key, name, Kind.MISSED, reason, causes, effects=effects)


def _unselected(key: VolumeKey, after: State) -> tuple[str, tuple[Cause, ...]]:
    """Why no policy selects a volume."""
    miss = after.near_miss(key)
    if miss is None:
        return "there is no policy", ()
    return f"no policy selects it: {miss.general}", (Cause(after.shown(miss.position), "select"),)


def _lost(key: VolumeKey, before: State, after: State, today: date) -> VolumePlan:
    # The first of them: before it everything can be restored that could be.
    until = min(after.retired_until.get(key, {}).values(), default=None)
    is_gone = key not in after.volumes and key not in after.unknown
    reason, causes = _lost_because(key, before, after)
    is_past = until is not None and until < today.isoformat()
    if is_past:
        reason = f"retired until {until}, a day already past: {reason}"
    elif until is not None:
        reason = f"retired, its restore points are kept until {until}: {reason}"
    is_ended_on_purpose = is_gone and until is not None and not is_past
    return VolumePlan(
        key,
        shown(key, before, after),
        Kind.LOST,
        reason,
        causes,
        effects=frozenset() if is_ended_on_purpose else frozenset({Effect.UNPROTECTED}),
    )


def _lost_because(key: VolumeKey, before: State, after: State) -> tuple[str, tuple[Cause, ...]]:
    excluded = after.excluded.get(key)
    if excluded is not None:
        cause = Cause(after.shown(excluded.position), "exclusion")
        return f"left out: {excluded.reason}", (cause,)
    if key in after.unprotected:
        return _unselected(key, after)
    if key in after.volumes:
        return "a policy leaves it out, or no policy selects it", ()
    if after.decisions is None:
        return "there is no project any more", ()
    cluster = before.at_cluster(key.cluster_id, "id")
    if cluster is not None and key.cluster_id not in after.clusters:
        position = before.shown(cluster.position)
        cause = Cause(position, f"id: {key.cluster_id}", is_removed=True)
        return "its cluster is no longer in the project", (cause,)
    position = before.shown(before.protections[key].volume.position)
    cause = Cause(position, "its claim", is_removed=True)
    reason = "its claim is no longer in the inventory"
    return f"{reason}, though something uses it" if key in after.unknown else reason, (cause,)
