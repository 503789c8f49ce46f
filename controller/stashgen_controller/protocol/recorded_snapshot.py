"""A Snapshot's record in the bucket, in short: how it travels from the worker to the controller.

A bucket is untrusted input, so every field has a pattern or a limit here. The worker packs as many
as fit a termination message; the controller writes one into an annotation of the Snapshot that it
creates, because an API server takes no status with a new object.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, ValidationError

from stashgen.api.base import Bool, Model, Time
from stashgen.api.shared import AffectedFiles
from stashgen.api.snapshot import Phase

# Of the 4,096 bytes of a termination message; the rest of the result needs up to 790.
MOST_PACKED_BYTES = 3300
# What a page may expand to: a few kilobytes can expand to gigabytes.
_MOST_BYTES = 1 << 18
LONGEST_ERROR = 200

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN = rf"^{_LABEL}(\.{_LABEL})*$"
_SIZE = r"^[0-9]{1,12}(\.[0-9]{1,3})? (B|KiB|MiB|GiB|TiB)$"
Name = Annotated[str, Field(pattern=_DNS_SUBDOMAIN, max_length=253)]
Size = Annotated[str, Field(pattern=_SIZE)]


class RecordedPath(Model):
    """One restic snapshot of a record; ``size`` is what was read, ``uploaded`` what was added."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    host_path: Annotated[str, Field(max_length=256)] | None = None
    size: Size | None = None
    uploaded: Size | None = None


class RecordedSnapshot(Model):
    """One Snapshot that the bucket has a record of.

    Attributes:
        session: Of the BackupConfiguration.
        backup_session: Name of the BackupSession that made it.
        snapshot_id: KubeStash's ULID.
        phase: Succeeded or Failed.
        time: When it was taken, according to restic if restic has it.
        updated: When its record was written.
        size: Of its whole restic repository at that time.
        error: Why it failed.
        unreadable: What it lacks because it could not be read.
    """

    name: Name
    session: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    backup_session: Name
    snapshot_id: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")] | None = None
    phase: Phase
    time: Time
    updated: Time
    size: Size | None = None
    duration: Annotated[str, Field(pattern=r"^[0-9a-z.\u00b5]{1,24}$")] | None = None
    integrity: Bool | None = None
    error: Annotated[str, Field(max_length=LONGEST_ERROR)] | None = None
    unreadable: AffectedFiles | None = None
    paths: Annotated[tuple[RecordedPath, ...], Field(max_length=20)] = ()

    def to_json(self) -> str:
        """Compact JSON."""
        return json.dumps(self.to_wire(), separators=(",", ":"))


def pack(snapshots: Sequence[RecordedSnapshot]) -> str:
    """Records as a text without quotes or backslashes: zlib (RFC 1950), then base 85."""
    text = "[" + ",".join(item.to_json() for item in snapshots) + "]"
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def unpack(text: str) -> tuple[RecordedSnapshot, ...]:
    """The records that were packed.

    Raises:
        ValueError: it is no such text, or an entry has another shape.
    """
    try:
        return tuple(RecordedSnapshot.from_wire(item) for item in json.loads(_inflated(text)))
    except (ValueError, TypeError, RecursionError, zlib.error) as error:
        msg = f"the page cannot be read: {error}"
        raise ValueError(msg) from error


def _inflated(text: str) -> bytes:
    inflating = zlib.decompressobj()
    data = inflating.decompress(base64.b85decode(text), _MOST_BYTES)
    if not inflating.eof:
        msg = f"it is cut off, or larger than {_MOST_BYTES} bytes"
        raise ValueError(msg)
    return data


def read_annotation(text: str) -> RecordedSnapshot | None:
    """The record in a Snapshot's annotation; None where it cannot be read."""
    try:
        return RecordedSnapshot.model_validate_json(text, extra="ignore")
    except ValidationError:
        return None
