"""Whether a Repository is damaged: the last word of its checks and of the backups since.

Their order is that of their Jobs' creation. At most one Job works on a Repository at a time, and
the API server alone dates them: neither a node's clock nor our own decides.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from stashgen.api.meta import ObjectMeta
from stashgen.api.repository import RepositoryStatus
from stashgen.kubestash.upkeep import upkeep_of
from stashgen_controller.listers.history import SnapshotRecord

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def checks_read_data(repository: ObjectMeta) -> bool:
    """Whether the checks of a Repository read stored data, too; so too where nobody can tell."""
    try:
        return upkeep_of(repository).read_percent > 0
    except ValueError:
        return True


def known_integrity(
    status: RepositoryStatus, snapshots: Iterable[SnapshotRecord], *, checks_data: bool
) -> bool | None:
    """The last word on a Repository's restic repositories; None where there was none.

    A backup speaks of its own session's restic repository: damage there is damage of the
    Repository; that it is whole says so of the Repository only where there is no other one, and
    where checks read no more than it does: it reads no data. A Snapshot that came back from the
    bucket proves nothing.

    Args:
        status: Of the Repository.
        snapshots: Its own, in any order.
        checks_data: Its checks read data, which those of backups do not.
    """
    upkeep = status.upkeep
    checked = (upkeep.last_check_created or upkeep.last_check_time) if upkeep else None
    since = checked or _LONG_AGO
    words = sorted(
        (begun, item.integrity)
        for item in snapshots
        if item.is_finished and item.integrity is not None and not item.is_recovered
        # Of two of the same second damage counts.
        if (begun := item.job_created or item.time) > since
        or (begun == since and not item.integrity)
    )
    if not words:
        return status.integrity
    if len(status.component_paths or ()) <= 1 and not checks_data:
        last, _ = words[-1]
        return all(word for begun, word in words if begun == last)
    return False if not all(word for _, word in words) else status.integrity
