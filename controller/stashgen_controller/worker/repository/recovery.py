"""A record of the bucket as what may become a Snapshot again, or the reason why it may not.

A record is a file that anyone with the bucket's credentials can write. It counts only if it says
of itself what its place says (repository, namespace, name), and a good one only if restic still
lists all of its data: what is called good can be restored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from stashgen.api.shared import AffectedFiles
from stashgen.api.snapshot import Component, Summary
from stashgen.kubestash import names
from stashgen.kubestash.quantities import format_size
from stashgen_controller.protocol.recorded_snapshot import (
    LONGEST_ERROR,
    RecordedPath,
    RecordedSnapshot,
)
from stashgen_controller.protocol.run_result import shorten
from stashgen_controller.worker.repository.records import Record
from stashgen_controller.worker.repository.restic_snapshots import Listed

# Clocks of nodes differ a little.
_CLOCK_SKEW = timedelta(minutes=5)
_TICK = re.compile(r".*-(?P<unix>[0-9]{1,12})")
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_SIZE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})? (B|KiB|MiB|GiB|TiB)")
_MOST_NAMES, _LONGEST_NAME, _MOST_FILES = 3, 60, 10**9
_DURATION = re.compile(r"[0-9a-z.\u00b5]{1,24}")


class NotRecoverableError(Exception):
    """The record cannot become a Snapshot; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the records belong.

    Attributes:
        repository, namespace: The Repository's name and namespace.
        component: The only component that is backed up here.
    """

    repository: str
    namespace: str
    component: str


def is_named_for(name: str, repository: str) -> bool:
    """Whether a Snapshot of a repository can have this name; KubeStash cuts long ones."""
    prefix = f"{repository}-"
    if len(name) == names.MAX_NAME:
        return name.startswith(prefix[: names.MAX_NAME // 2])
    return name.startswith(prefix)


def order_key(name: str) -> tuple[int, str]:
    """Sorts Snapshots by the time that their names end with, as far as they do."""
    match = _TICK.fullmatch(name)
    return (int(match["unix"]) if match is not None else 0, name)


def recovered(
    record: Record, place: Place, listed: Mapping[str, Listed], now: datetime
) -> RecordedSnapshot:
    """What may become a Snapshot of the cluster again.

    Args:
        record: As read.
        place: Where it was read.
        listed: What restic lists in the record's restic repository.
        now: The worker's time.

    Raises:
        NotRecoverableError: it is another repository's, or what it promises is not there.
    """
    snapshot = record.snapshot
    spec, metadata = snapshot.spec, snapshot.metadata
    if spec.repository != place.repository:
        raise NotRecoverableError("it is of another Repository")
    if metadata.namespace not in {None, place.namespace}:
        raise NotRecoverableError("it is of another namespace")
    if not snapshot.is_finished:
        raise NotRecoverableError("it is not finished")
    if record.is_good and not record.is_whole(listed):
        raise NotRecoverableError("restic does not list its data")
    status = snapshot.status
    time = record.time(listed)
    if not record.is_good and time > now + _CLOCK_SKEW:
        # The time of a good one is restic's: if that is in the future, our clock is behind, and
        # the newest backup must not be missing because of that.
        raise NotRecoverableError("its time is in the future")
    recorded = (status.last_update_time if status else None) or time
    updated = max(time, min(recorded, now))
    component = ((status.components if status else None) or {}).get(place.component) or Component()
    try:
        return RecordedSnapshot(
            name=record.name,
            session=record.session,
            backup_session=spec.backup_session or "",
            snapshot_id=_matching(_ULID, spec.snapshot_id),
            phase=snapshot.phase,
            time=time,
            updated=updated,
            size=_matching(_SIZE, component.size),
            duration=_matching(_DURATION, component.duration),
            integrity=component.integrity,
            error=_error(component.error),
            unreadable=_unreadable(component.unreadable) if record.is_whole(listed) else None,
            paths=tuple(_paths(component, listed)),
        )
    except ValidationError as error:
        fields = sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]})
        msg = f"{', '.join(fields)} cannot be used"
        raise NotRecoverableError(msg) from error


def _paths(component: Component, listed: Mapping[str, Listed]) -> list[RecordedPath]:
    """The restic snapshots; their sizes by restic where it has them."""
    found = []
    for item in component.restic_stats or ():
        summary = item.summary or Summary()
        if summary.id is None:
            continue
        there = listed.get(summary.id)
        known = there.size_bytes if there is not None else None
        size = format_size(known) if known is not None else summary.size
        found.append(
            RecordedPath(
                id=summary.id,
                host_path=summary.host_path,
                size=_matching(_SIZE, size),
                uploaded=_matching(_SIZE, summary.uploaded),
            )
        )
    return found


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    """A text that only informs, left out where it is odd."""
    return text if text is not None and pattern.fullmatch(text) else None


def _unreadable(files: AffectedFiles | None) -> AffectedFiles | None:
    """How many they are, and the first names as far as a page has room for them."""
    if files is None or files.count < 1:
        return None
    first = [_printable(name, _LONGEST_NAME) for name in files.first[:_MOST_NAMES]]
    return AffectedFiles(count=min(files.count, _MOST_FILES), first=tuple(first))


def _error(text: str | None) -> str | None:
    if text is None:
        return None
    return _printable(text, LONGEST_ERROR)


def _printable(text: str, length: int) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return shorten(printable, length)
