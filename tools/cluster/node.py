"""The node: namespaces of its own, held by one process 1, and programs started inside them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.cluster import processes
from tools.cluster.errors import ClusterError
from tools.cluster.layout import REPLACED_FOLDERS, Layout

INIT = "init"


def create(layout: Layout, pause: Path) -> None:
    """Make the namespaces, and replace the folders in them that Kubernetes hard-codes."""
    unshare = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork"]
    command = [*unshare, "--kill-child", "--mount-proc", "--", str(pause)]
    processes.start(layout, INIT, command, program=pause.name)
    # A volume's mount must reach containers that run already; only inside the node.
    run(layout, "mount", "--make-rshared", "/")
    for path in REPLACED_FOLDERS:
        source = layout.state / "node" / path.strip("/").replace("/", "-")
        source.mkdir(parents=True)
        if not Path(path).is_dir():
            Path(path).mkdir()
            (layout.state / "node" / "mount-points").open("a").write(f"{path}\n")
        if path == "/run":  # sockets and lock files
            run(layout, "mount", "-t", "tmpfs", "-o", "mode=755", "stashgen-run", path)
        else:
            run(layout, "mount", "--bind", str(source), path)


def destroy(layout: Layout) -> None:
    """End process 1, and with it every process, mount and link of the node."""
    processes.kill(layout, INIT)
    made = layout.state / "node" / "mount-points"
    for path in made.read_text().splitlines() if made.is_file() else ():
        if Path(path).is_dir() and not any(Path(path).iterdir()):
            Path(path).rmdir()


def entered(layout: Layout, command: Sequence[str]) -> list[str]:
    """The command that runs another one inside the node.

    Raises:
        ClusterError: no node is running.
    """
    init = processes.running(layout, INIT)
    if init is None:
        raise ClusterError("the cluster is not running; start it with `make cluster`")
    return ["nsenter", f"--target={init}", "--mount", "--net", "--pid", "--", *command]


def start(layout: Layout, name: str, command: Sequence[str]) -> None:
    """Start a program that runs on in the node."""
    program = Path(command[0]).name
    processes.start(layout, name, entered(layout, command), program=program)


def run(layout: Layout, *command: str) -> str:
    """Run a program in the node to its end, and give back what it wrote.

    Raises:
        ClusterError: it failed.
    """
    done = subprocess.run(
        entered(layout, command), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(command)} failed in the node: {done.stderr.strip()}")
    return done.stdout
