"""Build ``controller/Dockerfile`` with buildah, on a base made by mmdebstrap, from local parts.

The Dockerfile is the one that everybody builds. What it takes from registries elsewhere is given
to it here: Go with its module cache by bind mounts, wheels from a folder, Debian's packages by apt.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.cluster import images, packages
from tools.cluster.errors import ClusterError
from tools.go.build import cache_folder

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = ROOT / "controller" / "Dockerfile"
IGNORE = DOCKERFILE.with_name("Dockerfile.dockerignore")
REQUIREMENTS = (
    ROOT / "controller" / "requirements.txt",
    ROOT / "controller" / "build-requirements.txt",
)
# Debian 12 has Python 3.11 and glibc 2.36.
_TARGET = [
    "--python-version=3.11",
    "--implementation=cp",
    *(f"--platform=manylinux_2_{minor}_{os.uname().machine}" for minor in range(36, 16, -1)),
]


def build(name: str) -> Path:
    """The Docker archive of the image, built now unless nothing of it has changed.

    Args:
        name: Of the image, with a tag and without a registry.

    Raises:
        ClusterError: a part is missing, or the build failed.
    """
    base = images.base()
    folder = cache_folder() / "images"
    target = folder / f"{name.replace(':', '-')}-{_digest(base)}.tar"
    if target.is_file():
        return target
    packages.ensure({"buildah": "buildah"})
    wheels = _wheelhouse()
    mounts = _go_mounts()
    # Quieter than a pull: the base is named by its archive.
    arguments = {"BASE": f"oci-archive:{base}", "GO": f"oci-archive:{base}", "GOPROXY": "off"}
    arguments |= {"PIP_INDEX_URL": "", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheelhouse"}
    print(f"building {name} ...", file=sys.stderr, flush=True)
    _buildah(
        "build",
        "--isolation=chroot",
        "--layers",
        "--network=host",
        *(f"--volume={source}:{place}" for source, place in mounts.items()),
        f"--volume={wheels}:/wheelhouse:ro",
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        f"--ignorefile={IGNORE}",
        f"--file={DOCKERFILE}",
        f"--tag={name}",
        str(ROOT),
    )
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    # Of this kind of archive containerd makes the name that the kubelet makes of one without a
    # registry; an OCI archive's it would take as it is.
    _buildah("push", "--quiet", name, f"docker-archive:{partial}:{name}")
    for old in folder.glob(f"{name.replace(':', '-')}-*.tar"):
        old.unlink()
    partial.rename(target)
    return target


def context() -> Iterator[Path]:
    """The files that the build may see, sorted: what the ignore file lets through."""
    lines = IGNORE.read_text(encoding="utf-8").splitlines()
    for line in sorted(line[1:] for line in lines if line.startswith("!")):
        path = ROOT / line
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (item for item in found if item.is_file() and item.suffix != ".pyc")


def _digest(base: Path) -> str:
    digest = hashlib.sha256(base.name.encode())
    for path in (Path(__file__), DOCKERFILE, IGNORE, *context()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _wheelhouse() -> Path:
    """A folder with the pinned wheels, downloaded once; pip compares their hashes."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    folder = cache_folder() / "wheels" / digest[:16]
    if folder.is_dir():
        return folder
    print(f"downloading wheels (once, into {folder}) ...", file=sys.stderr, flush=True)
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    for path in REQUIREMENTS:
        _run(
            [
                *pip, "--require-hashes", "--no-deps", "--only-binary=:all:", *_TARGET,
                f"--dest={partial}", f"--requirement={path}",
            ]
        )  # fmt: skip
    partial.rename(folder)
    return folder


def _go_mounts() -> dict[Path, str]:
    """Go, the modules of restic and what was compiled before, by their places in the build."""
    go = shutil.which("go")
    if go is None:
        raise ClusterError("building the image requires Go, which is not on PATH")
    _run([go, "mod", "download"], ROOT / "tools" / "go" / "restic")
    names = ("GOROOT", "GOMODCACHE", "GOCACHE")
    places = ("/usr/local/go:ro", "/go/pkg/mod:ro", "/go/cache")
    found = _run([go, "env", *names]).split()
    Path(found[-1]).mkdir(parents=True, exist_ok=True)
    return dict(zip(map(Path, found), places, strict=True))


def _buildah(*arguments: str) -> None:
    """Run buildah with its storage among our caches: nobody else's images are touched."""
    storage = cache_folder() / "buildah"
    storage.mkdir(parents=True, exist_ok=True)
    options = [f"--root={storage / 'root'}", f"--runroot={storage / 'run'}"]
    _run(["buildah", *options, *arguments])


def _run(command: list[str], folder: Path = ROOT) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        what = " ".join(command[:4])
        raise ClusterError(f"{what} ... failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout
