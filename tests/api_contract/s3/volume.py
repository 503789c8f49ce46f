"""What is in the volume that is backed up into the bucket."""

import hashlib
import os
from pathlib import Path

from tests.support.workbench import Workbench


def fill(bench: Workbench, day: int) -> dict[str, str]:
    """Write other files than on other days; their digests."""
    for name in ("a", "deep/b", "deep/er/c"):
        path = bench.volume / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(30_000 + day))
    return digests(bench.volume)


def digests(folder: Path) -> dict[str, str]:
    """By the path of each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
