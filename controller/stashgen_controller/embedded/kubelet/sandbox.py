"""A container as local processes: a mount and pid namespace with an image's folders, read-only.

Inside there is only what an image would have (system folders, Python, the worker, its tools), the
pod's volumes at their mount paths, and the pod's user with its capabilities. The container's
command is process 1. Needs util-linux; root, or a kernel that lets everybody make user namespaces
(then the only user there is, is the caller).
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import stashgen
import stashgen_controller

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
TERMINATION_LOG = "/dev/termination-log"


class SandboxUnavailableError(Exception):
    """This machine lets us make no namespaces; the text says what is needed."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the host at a path of the container."""

    source: Path
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Container:
    """What to run, and as whom.

    Attributes:
        hostname: The pod's name: what works inside tells pods apart by it, as restic's locks do.
        capabilities: Names without CAP_; everything else is dropped.
        new_privileges: Whether set-user-ID programs may raise privileges.
    """

    hostname: str
    command: Sequence[str]
    environment: Mapping[str, str]
    mounts: Sequence[Mount]
    uid: int
    gid: int
    groups: Sequence[int]
    capabilities: Sequence[str]
    read_only_root: bool
    new_privileges: bool


class Process:
    """A running container."""

    def __init__(self, outer: "subprocess.Popen[bytes]") -> None:
        self._outer = outer

    def poll(self) -> int | None:
        """The exit code once it ended; 128 + n for a signal, as a container runtime says it."""
        code = self._outer.poll()
        return None if code is None else 128 - code if code < 0 else code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the container's process 1."""
        inner = self._inner()
        if inner is not None:
            os.kill(inner, number)

    def kill(self) -> None:
        """End the container with everything in it, at once."""
        if self._outer.poll() is None:
            self._outer.kill()
            self._outer.wait()

    def _inner(self) -> int | None:
        pid = self._outer.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        except OSError:
            return None
        return int(children.split()[0]) if children.split() else None


def check_sandbox() -> None:
    """See that a sandbox can be made.

    Raises:
        SandboxUnavailableError: with what is missing.
    """
    try:
        # An unprivileged container may have namespaces and yet mount nothing.
        done = subprocess.run(
            [*_unshare(), "mount", "-t", "proc", "proc", "/proc"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        msg = "unshare(1) of util-linux is needed to run pods here"
        raise SandboxUnavailableError(msg) from error
    if done.returncode != 0:
        msg = (
            "pods cannot be run here: this user may make no namespaces, or mount nothing in them "
            f"({done.stderr.strip()}); run as root (a container: a privileged one), or allow user "
            "namespaces"
        )
        raise SandboxUnavailableError(msg)


def is_root() -> bool:
    """Whether other users than the caller can be had in a sandbox."""
    return os.geteuid() == 0


def start(container: Container, *, root: Path, tools: Sequence[Path], log: Path) -> Process:
    """Start a container.

    Args:
        container: What to run.
        root: An empty folder; the container's file system is mounted there, for it alone.
        tools: Folders of programs that the image has, at the front of PATH.
        log: Where its output goes.
    """
    script = _script(container, root, tools)
    with log.open("ab") as output:
        outer = subprocess.Popen(
            [*_unshare(), "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
        )
    return Process(outer)


def _unshare() -> list[str]:
    user = [] if is_root() else ["--user", "--map-root-user"]
    return [
        "unshare",
        *user,
        "--mount",
        "--pid",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child",
        "--propagation=private",
    ]


def _image_folders(tools: Sequence[Path]) -> list[Path]:
    folders = [
        Path(sys.base_prefix),
        Path(sys.prefix),
        Path(stashgen.__file__).parent,
        Path(stashgen_controller.__file__).parent,
        *tools,
    ]
    unique: list[Path] = []
    for folder in sorted({folder.resolve() for folder in folders}):
        inside = (*unique, *map(Path, _SYSTEM))
        if not any(folder.is_relative_to(outer) for outer in inside):
            unique.append(folder)
    return unique


def _script(container: Container, root: Path, tools: Sequence[Path]) -> str:
    quoted = shlex.quote(str(root))
    lines = [
        "set -e",
        f"root={quoted}",
        f"hostname {shlex.quote(container.hostname)}",
        'mount -t tmpfs -o mode=0755 tmpfs "$root"',
    ]
    for folder in _SYSTEM:
        path = Path(folder)
        if path.is_symlink():
            lines.append(f'ln -s {shlex.quote(str(path.readlink()))} "$root"{folder}')
        elif path.is_dir():
            lines += _bind(path, folder, read_only=True)
    for path in _image_folders(tools):
        lines += _bind(path, str(path), read_only=True)
    lines += [
        'mkdir -p "$root/proc" "$root/dev" "$root/run" "$root/var"',
        'ln -s /run "$root/var/run"',
        'mount -t proc proc "$root/proc"',
        'mount -t tmpfs -o mode=0755 tmpfs "$root/run"',
    ]
    for device in _DEVICES:
        lines += [f'touch "$root/dev/{device}"', f'mount --bind /dev/{device} "$root/dev/{device}"']
    # A mount below another one has to come after it.
    for mount in sorted(container.mounts, key=lambda item: item.target):
        target = mount.target.replace("/var/run/", "/run/", 1)
        lines += _bind(mount.source, target, read_only=mount.read_only)
    if container.read_only_root:
        # Of the mount alone: in a user namespace the tmpfs would be told to change its owner.
        lines.append('mount -o remount,bind,ro "$root"')
    lines.append(f'exec chroot "$root" {shlex.join(_command(container, tools))}')
    return "\n".join(lines)


def _bind(source: Path, target: str, *, read_only: bool) -> list[str]:
    inside = f'"$root"{shlex.quote(target)}'
    if source.is_dir():
        made = f"mkdir -p {inside}"
    else:
        parent = str(Path(target).parent)
        made = f'mkdir -p "$root"{shlex.quote(parent)}; touch {inside}'
    lines = [made, f"mount --bind {shlex.quote(str(source))} {inside}"]
    if read_only:
        lines.append(f"mount -o remount,bind,ro {inside}")
    return lines


def _command(container: Container, tools: Sequence[Path]) -> list[str]:
    path = ":".join([str(Path(sys.prefix, "bin")), *map(str, tools), "/usr/bin", "/bin"])
    environment = {"PATH": path, "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"}
    variables = [
        f"{key}={value}" for key, value in (environment | dict(container.environment)).items()
    ]
    kept = "".join(f",+{name.lower()}" for name in container.capabilities)
    # unshare's own --kill-child is forgotten by the kernel as the user changes.
    setpriv = ["setpriv", "--pdeathsig=KILL", f"--bounding-set=-all{kept}", "--inh-caps=-all"]
    if is_root():
        groups = ",".join(map(str, container.groups))
        setpriv += [
            f"--reuid={container.uid}",
            f"--regid={container.gid}",
            f"--groups={groups}" if groups else "--clear-groups",
        ]
    if not container.new_privileges:
        setpriv.append("--no-new-privs")
    return [*setpriv, "--", "env", "-i", *variables, *container.command]
