"""Volumes without a backup that a change does not take one from: newly left out, or unknown."""

from collections import Counter
from collections.abc import Iterable, Iterator

from stashgen.model.inventory import UnknownVolume, VolumeKey
from stashgen.plan.names import shown
from stashgen.plan.plan import Cause, Kind, VolumePlan
from stashgen.plan.state import State

_UNKNOWN = "not backed up: too little is known of it"
_NO_NAME = "(no name)"


def newly_excluded(before: State, after: State) -> Iterator[VolumePlan]:
    """Volumes that are left out on purpose now, and were neither that nor protected."""
    for key, left in after.excluded.items():
        if key in before.excluded or key in before.protections:
            continue
        was = "was not protected" if key in before.volumes else "new volume"
        cause = Cause(after.shown(left.position), "exclusion")
        name = shown(key, before, after)
        yield VolumePlan(key, name, Kind.EXCLUDED, f"{left.reason} ({was})", (cause,))


def newly_unknown(before: State, after: State) -> Iterator[VolumePlan]:
    """What may be volumes, where the state before has none; one that was protected is lost."""
    known = Counter(map(_identity, _each_once(before)))
    for one in _each_once(after):
        identity, key = _identity(one), VolumeKey(one.cluster_id, one.namespace, one.name)
        if known[identity]:
            known[identity] -= 1
        elif key not in before.protections:
            cause = Cause(after.shown(one.position), "its first mention")
            name = shown(key, before, after) if one.name else one.namespace or _NO_NAME
            yield VolumePlan(key, name, Kind.UNKNOWN, _UNKNOWN, (cause,))


def _each_once(state: State) -> Iterable[UnknownVolume]:
    """However many places speak of it: the first of them."""
    return {one.identity: one for one in reversed(state.unknown_volumes)}.values()


def _identity(one: UnknownVolume) -> tuple[str, str, str]:
    """Equal on both sides, even if lines above it moved."""
    return (one.cluster_id, one.namespace, one.name or str(one.position.path))
