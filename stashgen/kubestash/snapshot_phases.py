"""A Snapshot's phase, size and integrity as functions of its status (KubeStash's API helpers).

Apart from the other kinds' phases, whose models a backup's worker does not need.
"""

from stashgen.api.shared import ConditionStatus
from stashgen.api.snapshot import Driver, Phase, SnapshotStatus
from stashgen.kubestash.conditions import ConditionType, has_status, status_of
from stashgen.kubestash.quantities import format_size, parse_size


def snapshot_phase(status: SnapshotStatus) -> Phase:
    """The phase of a snapshot; its components decide once the metadata upload was tried."""
    conditions = status.conditions
    if (
        has_status(conditions, ConditionType.SNAPSHOT_METADATA_UPLOADED, ConditionStatus.FALSE)
        or has_status(conditions, ConditionType.RECENT_SNAPSHOT_LIST_UPDATED, ConditionStatus.FALSE)
        or has_status(conditions, ConditionType.BACKUP_INCOMPLETE, ConditionStatus.TRUE)
    ):
        return Phase.FAILED
    if not status.components:
        return Phase.PENDING
    if status_of(conditions, ConditionType.SNAPSHOT_METADATA_UPLOADED) is not None:
        return components_phase(status)
    return Phase.RUNNING


def components_phase(status: SnapshotStatus) -> Phase:
    """The phase that the components have together."""
    phases = [component.phase for component in (status.components or {}).values()]
    total = status.total_components or 0
    succeeded, failed = phases.count(Phase.SUCCEEDED), phases.count(Phase.FAILED)
    if succeeded == total:
        return Phase.SUCCEEDED
    return Phase.FAILED if failed else Phase.RUNNING


def snapshot_size(status: SnapshotStatus) -> str | None:
    """The sum of the components' sizes; None while a restic component has none."""
    components = (status.components or {}).values()
    sizes = [item.size for item in components if item.size]
    is_known = all(item.size for item in components if item.driver is Driver.RESTIC)
    return format_size(sum(map(parse_size, sizes))) if sizes and is_known else None


def snapshot_integrity(status: SnapshotStatus) -> bool | None:
    """Whether all components are intact; None while a restic component does not say.

    None also without any restic component: a volume snapshot cannot be checked.
    """
    components = (status.components or {}).values()
    restic = [item.integrity for item in components if item.driver is Driver.RESTIC]
    if not restic or None in restic:
        return None
    return all(item.integrity for item in components if item.integrity is not None)
