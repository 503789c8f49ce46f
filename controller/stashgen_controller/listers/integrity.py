"""Whether a Repository is damaged: the last word of its checks and of the backups since.

Their order is that of their Jobs' creation. At most one Job works on a Repository at a time, and
the API server alone dates them: neither a node's clock nor our own decides.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from stashgen.api.base import format_time
from stashgen.api.repository import RepositoryStatus
from stashgen_controller.listers.history import SnapshotRecord

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def known_integrity(status: RepositoryStatus, snapshots: Iterable[SnapshotRecord]) -> bool | None:
    """The last word on a Repository's restic repositories; None where there was none.

    A backup that met damage says that the Repository is damaged. That it is whole only a check of
    all of it can say, which may have to read data, too.

    Args:
        status: Of the Repository.
        snapshots: Its own, in any order.
    """
    # Of two of the same second damage counts.
    is_met = any(item.integrity is False for item in _since(status, snapshots))
    return False if is_met else status.integrity


def damage_time(status: RepositoryStatus) -> str | None:
    """Of the last check, as it is named by whoever repaired what it found; None without one.

    That of its Job: a check that was stopped after it had found damage has one, too, so that what a
    person says of the damage before is not said of that.
    """
    upkeep = status.upkeep
    time = (upkeep.last_check_created or upkeep.last_check_time) if upkeep is not None else None
    return format_time(time) if time is not None else None


def found_whole_by(
    status: RepositoryStatus, snapshots: Iterable[SnapshotRecord]
) -> SnapshotRecord | None:
    """The newest backup, if it found a damaged Repository whole: that is worth a check now.

    Only where there is one restic repository: of the others a backup says nothing.
    """
    words = ((item.job_created or item.time, item.name, item) for item in _since(status, snapshots))
    newest = max(words, key=lambda word: word[:2], default=None)
    if newest is None or not newest[2].integrity or len(status.component_paths or ()) > 1:
        return None
    return newest[2]


def _since(
    status: RepositoryStatus, snapshots: Iterable[SnapshotRecord]
) -> Iterator[SnapshotRecord]:
    """The backups since the last check that say something.

    A Snapshot that came back from the bucket proves nothing.
    """
    upkeep = status.upkeep
    checked = (upkeep.last_check_created or upkeep.last_check_time) if upkeep else None
    since = checked or _LONG_AGO
    for item in snapshots:
        if not item.is_finished or item.integrity is None or item.is_recovered:
            continue
        begun = item.job_created or item.time
        if begun > since or (begun == since and not item.integrity):
            yield item
