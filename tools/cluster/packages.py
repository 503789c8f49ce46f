"""The parts of the node that come from Debian: present, or installed now."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.cluster.errors import ClusterError

CNI_PLUGINS = Path("/usr/lib/cni")
NODE_PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    str(CNI_PLUGINS / "bridge"): "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "sysctl": "procps",
    "nsenter": "util-linux",
    "openssl": "openssl",
}


def ensure(programs: dict[str, str]) -> None:
    """Install the packages of the programs that are missing.

    Args:
        programs: The package that has it, by program name or path.

    Raises:
        ClusterError: something is missing and cannot be installed.
    """
    missing = sorted({package for name, package in programs.items() if not _is_there(name)})
    if not missing:
        return
    wanted = " ".join(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ClusterError(f"missing Debian packages: run `apt-get install {wanted}` as root")
    print(f"installing {wanted} ...", file=sys.stderr, flush=True)
    if _install(missing).returncode != 0:
        _apt("update", "-q")
        done = _install(missing)
        if done.returncode != 0:
            raise ClusterError(f"apt-get install {wanted} failed:\n{done.stdout}")


def fetch(package: str, folder: Path) -> None:
    """Unpack a Debian package into a folder, without installing it.

    Raises:
        ClusterError: the package cannot be had.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ClusterError(
            f"the Debian package {package} is required, but apt-get is not available"
        )
    folder.mkdir(parents=True)
    if _apt("download", package, folder=folder).returncode != 0:
        _apt("update", "-q")
        done = _apt("download", package, folder=folder)
        if done.returncode != 0:
            raise ClusterError(f"apt-get download {package} failed:\n{done.stdout}")
    for archive in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
        archive.unlink()


def _install(packages: list[str]) -> "subprocess.CompletedProcess[str]":
    return _apt("install", "-y", "--no-install-recommends", *packages)


def _apt(*arguments: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=root", *arguments],
        cwd=folder,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _is_there(program: str) -> bool:
    return shutil.which(program) is not None
