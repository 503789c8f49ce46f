"""Container images written without a builder: OCI archives with one layer.

The format: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Layer:
    """The files of an image, as the bytes of a tar archive."""

    def __init__(self) -> None:
        self._content = io.BytesIO()
        self._archive = tarfile.open(fileobj=self._content, mode="w")  # noqa: SIM115 (finish closes it)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file."""
        _add(self._archive, name, content, mode)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._archive.addfile(entry)

    def folder(self, name: str, mode: int) -> None:
        """Add an empty folder; those of files need not be added."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self._archive.addfile(entry)

    def finish(self) -> bytes:
        """The archive; nothing can be added after that."""
        self._archive.close()
        return self._content.getvalue()


def write(target: Path, name: str, layer: bytes, process: Mapping[str, object]) -> None:
    """Write an image with one layer, a tar archive.

    Args:
        target: The OCI archive.
        name: The image's reference, with its tag.
        layer: The files.
        process: What runs: the ``config`` part of the image's configuration.
    """
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": process,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        # buildah builds on an image only where each layer has its line.
        "history": [{"created_by": "tools/cluster"}],
    }
    partial = target.with_suffix(".partial")
    with tarfile.open(partial, "w") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _add_blob(archive, _CONFIG, _json(config)),
            "layers": [_add_blob(archive, _LAYER, layer)],
        }
        described = _add_blob(archive, _MANIFEST, _json(manifest))
        # containerd reads the first, buildah and skopeo the second.
        names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
        index = {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [described | {"annotations": names}],
        }
        _add(archive, "index.json", _json(index))
    partial.rename(target)


def _add_blob(archive: tarfile.TarFile, media_type: str, content: bytes) -> dict[str, object]:
    digest = _digest(content)
    _add(archive, f"blobs/sha256/{digest.removeprefix('sha256:')}", content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
