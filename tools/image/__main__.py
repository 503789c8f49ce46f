"""``python -m tools.image``: build the image; print its archive and its compressed size."""

import re
import sys
import zlib
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.go.build import BuildError
from tools.image.build import ROOT, build


def image_name() -> str:
    """What the pods are told to run, without importing what needs the virtual environment."""
    text = (ROOT / "stashgen" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if match is None:
        raise ClusterError("stashgen/__init__.py has no __version__")
    return f"stashgen-worker:{match[1]}"


def main() -> int:
    """Build; 2 with a message when that is not possible."""
    try:
        archive: Path = build(image_name())
    except (ClusterError, BuildError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(archive)
    print(f"{image_name()}: {_compressed(archive) / 1e6:.0f} MB compressed", file=sys.stderr)
    return 0


def _compressed(archive: Path) -> int:
    """The size that a registry would keep, nearly: layers are compressed one by one there."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    size = 0
    with archive.open("rb") as content:
        while block := content.read(1 << 20):
            size += len(compressor.compress(block))
    return size + len(compressor.flush())


if __name__ == "__main__":
    sys.exit(main())
