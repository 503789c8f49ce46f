"""The first lines of a recorded inventory: what wrote it, and of which cluster it is.

    # Recorded by stashgen inventory; DO NOT EDIT.
    # cluster: peu1

They differ from those of the output folder, so that no build takes a record for its own output.
"""

import re

RECORD_HEADER = b"# Recorded by stashgen inventory; DO NOT EDIT."
_CLUSTER = re.compile(rb"# cluster: ([a-z0-9]+)\r?\n?")


def with_record_header(cluster_id: str, body: bytes) -> bytes:
    """The file of a record."""
    return b"%s\n# cluster: %s\n%s" % (RECORD_HEADER, cluster_id.encode(), body)


def is_record(content: bytes) -> bool:
    """Whether ``stashgen inventory`` wrote a file."""
    return content.partition(b"\n")[0].rstrip(b"\r") == RECORD_HEADER


def cluster_of(content: bytes) -> str | None:
    """The id of the cluster that a record is of; None if it is no record."""
    second = content.partition(b"\n")[2].partition(b"\n")[0]
    found = _CLUSTER.fullmatch(second) if is_record(content) else None
    return found[1].decode() if found is not None else None
