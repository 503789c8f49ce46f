"""The command line: ``python -m tools.cluster up | down | restart | load | base | enter``."""

import argparse
import subprocess
import sys
from pathlib import Path

from tools.cluster import components, containerd, images, node
from tools.cluster.down import down
from tools.cluster.errors import ClusterError
from tools.cluster.layout import Layout
from tools.cluster.up import restart, up
from tools.go.build import BuildError


def main(arguments: list[str]) -> int:
    """Do what is asked for; 2 with a message when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(Layout.configured(), options))
    except (ClusterError, BuildError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _up(layout: Layout, options: argparse.Namespace) -> int:
    with layout.locked():
        up(layout, options.kept)
    print(f"export KUBECONFIG={layout.kubeconfig}")
    return 0


def _down(layout: Layout, options: argparse.Namespace) -> int:
    with layout.locked():
        down(layout, options.keep)
    return 0


def _restart(layout: Layout, options: argparse.Namespace) -> int:
    with layout.locked():
        restart(layout, options.program)
    return 0


def _load(layout: Layout, options: argparse.Namespace) -> int:
    for archive in options.archive:
        print("\n".join(containerd.load(layout, archive)))
    return 0


def _base(_: Layout, __: argparse.Namespace) -> int:
    print(images.base())
    return 0


def _enter(layout: Layout, options: argparse.Namespace) -> int:
    return subprocess.run(node.entered(layout, options.command), check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cluster", description="A real one-node Kubernetes on this machine."
    )
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("up", help="start the cluster and print how to reach it")
    verb.add_argument("--kept", default="", metavar="NAME", help="start one again that was kept")
    verb.set_defaults(run=_up)
    verb = verbs.add_parser("down", help="stop the cluster and remove all of it")
    verb.add_argument(
        "--keep", default="", metavar="NAME", help="keep its store, keys and volumes by a name"
    )
    verb.set_defaults(run=_down)
    verb = verbs.add_parser("restart", help="kill a program of the node and start it again")
    verb.add_argument("program", choices=list(components.ALL))
    verb.set_defaults(run=_restart)
    verb = verbs.add_parser("load", help="load the images of OCI archives into the node")
    verb.add_argument("archive", nargs="+", type=Path)
    verb.set_defaults(run=_load)
    verb = verbs.add_parser(
        "base", help="build a substitute for debian:bookworm-slim and print its archive"
    )
    verb.set_defaults(run=_base)
    verb = verbs.add_parser("enter", help="run a command in the node's namespaces")
    verb.add_argument("command", nargs=argparse.REMAINDER)
    verb.set_defaults(run=_enter)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
