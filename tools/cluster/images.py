"""Container images made here, without a registry: OCI archives with one layer.

The format: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

import hashlib
import io
import json
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tools.cluster import packages
from tools.cluster.errors import ClusterError
from tools.go_tools import cache_folder

PAUSE = "localhost/stashgen/pause:1"
BUSYBOX = "localhost/stashgen/busybox:1"
BASE = "localhost/stashgen/debian:bookworm-slim"
_SUITE = "bookworm"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def write_pause(program: Path, target: Path) -> None:
    """The image that holds a pod's namespaces open."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        _add(archive, "pause", program.read_bytes(), mode=0o755)
    _write(target, PAUSE, layer.getvalue(), {"Entrypoint": ["/pause"], "User": "65535:65535"})


def busybox() -> Path:
    """The archive of an image with a shell and the usual programs, made on first use."""
    target = _images_folder() / "busybox.tar"
    if target.is_file():
        return target
    unpacked = target.with_suffix(".packages")
    shutil.rmtree(unpacked, ignore_errors=True)
    packages.fetch("busybox-static", unpacked)
    program = unpacked / "bin" / "busybox"
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        _add(archive, "bin/busybox", program.read_bytes(), mode=0o755)
        for name in listed.stdout.split():
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
        users = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
        _add(archive, "etc/passwd", users)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
    _write(target, BUSYBOX, layer.getvalue(), {"Cmd": ["sh"], "Env": ["PATH=/bin"]})
    shutil.rmtree(unpacked)
    return target


def base() -> Path:
    """The archive of a stand-in for ``debian:bookworm-slim``, made by mmdebstrap on first use.

    Raises:
        ClusterError: mmdebstrap is missing or failed.
    """
    target = _images_folder() / f"debian-{_SUITE}-slim.tar"
    if target.is_file():
        return target
    packages.ensure({"mmdebstrap": "mmdebstrap"})
    layer = target.with_suffix(".layer")
    slim = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale")]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", *slim, _SUITE, str(layer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"mmdebstrap failed:\n{done.stderr}")
    _write(target, BASE, layer.read_bytes(), {"Cmd": ["bash"], "Env": [_DEBIAN_PATH]})
    layer.unlink()
    return target


_DEBIAN_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _images_folder() -> Path:
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(target: Path, name: str, layer: bytes, process: Mapping[str, object]) -> None:
    """Write an image with one layer; ``process`` is the ``config`` of its configuration."""
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": process,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
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
