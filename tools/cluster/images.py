"""The images of the cluster, made here on first use and kept in the cache, without a registry."""

import fcntl
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

from tools.cluster import oci, packages
from tools.cluster.errors import ClusterError
from tools.go.build import cache_folder

PAUSE = "localhost/stashgen/pause:1"
BUSYBOX = "localhost/stashgen/busybox:1"
BASE = "localhost/stashgen/debian:bookworm-slim"
_SUITE = "bookworm"
_DEBIAN_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_END = bytes(1024)  # the two blocks of zeros that end a tar archive
_USERS = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"


def write_pause(program: Path, target: Path) -> None:
    """The image that holds a pod's namespaces open."""
    layer = oci.Layer()
    layer.file("pause", program.read_bytes(), mode=0o755)
    oci.write(target, PAUSE, layer.finish(), {"Entrypoint": ["/pause"], "User": "65535:65535"})


def busybox() -> Path:
    """The archive of an image with a shell and the usual programs.

    Its ``wget`` must not be given ``-T``: Debian's build of it crashes then.

    Raises:
        ClusterError: the package cannot be had.
    """
    return _made("busybox", _make_busybox)


def base() -> Path:
    """The archive of a stand-in for ``debian:bookworm-slim``, made by mmdebstrap.

    Raises:
        ClusterError: mmdebstrap is missing or failed.
    """
    return _made(f"debian-{_SUITE}-slim", _make_base)


def _make_busybox(target: Path) -> None:
    unpacked = target.with_suffix(".packages")
    shutil.rmtree(unpacked, ignore_errors=True)
    packages.fetch("busybox-static", unpacked)
    program = unpacked / "bin" / "busybox"
    layer = oci.Layer()
    layer.file("bin/busybox", program.read_bytes(), mode=0o755)
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True)
    for name in listed.stdout.split():
        if name != "busybox":
            layer.link(f"bin/{name}", "busybox")
    layer.file("etc/passwd", _USERS)
    layer.folder("tmp", 0o1777)
    oci.write(target, BUSYBOX, layer.finish(), {"Cmd": ["sh"], "Env": ["PATH=/bin"]})
    shutil.rmtree(unpacked)


def _make_base(target: Path) -> None:
    packages.ensure({"mmdebstrap": "mmdebstrap"})
    layer = target.with_suffix(".layer.tar")  # by its name mmdebstrap knows what to write
    slim = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale")]
    command = [
        "mmdebstrap", "--quiet", "--variant=minbase", "--include=usr-is-merged", *slim, _SUITE,
        str(layer),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not _is_whole(layer):
        raise ClusterError(f"mmdebstrap failed:\n{done.stderr}")
    oci.write(target, BASE, layer.read_bytes(), {"Cmd": ["bash"], "Env": [_DEBIAN_PATH]})
    layer.unlink()


def _is_whole(archive: Path) -> bool:
    """Whether nothing of a tar archive is missing; a truncated one has been seen once."""
    try:
        with tarfile.open(archive) as content:
            content.getmembers()
    except tarfile.ReadError:
        return False
    with archive.open("rb") as content_bytes:
        content_bytes.seek(-len(_END), io.SEEK_END)
        return content_bytes.read() == _END


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """An archive from the cache, made now unless these lines have made it before."""
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    target = folder / f"{name}-{digest[:12]}.tar"
    if not target.is_file():
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_file():
                make(target)
    return target
