"""The affinity of pods that mount a volume which only one node can mount at a time."""

from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, list_of, mapping_of
from stashgen.model.resolved import Beside

_HOST = "kubernetes.io/hostname"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_HIGHEST_WEIGHT = 100


def with_workload(
    affinity: JsonObject | None, beside: Beside | None, *, is_restore: bool
) -> JsonObject | None:
    """The affinity with a term for the node of the workload's pods, in the pod's own namespace.

    For a backup the node is required if the workload has pods: on any other the volume cannot be
    attached. For a restore it is preferred: its workload is scaled down, and a pod that waits for
    one that does not come would wait for ever.

    Args:
        affinity: The policy's own.
        beside: The workload; nothing is added without one.
        is_restore: The pod writes to the volume.
    """
    if beside is None:
        return affinity
    term: JsonObject = {
        "labelSelector": {"matchLabels": cast("JsonObject", dict(sorted(beside.labels.items())))},
        "topologyKey": _HOST,
    }
    own = mapping_of(affinity or {}, "podAffinity")
    field, entry = _REQUIRED, term
    if is_restore or not beside.is_there:
        field, entry = _PREFERRED, {"weight": _HIGHEST_WEIGHT, "podAffinityTerm": term}
    terms: list[JsonValue] = [*list_of(own, field), entry]
    return {**(affinity or {}), "podAffinity": {**own, field: terms}}
