"""``python -m stashgen_controller.embedded``: run an embedded cluster until it is told to end."""

import argparse
import logging
import shutil
import signal
import sys
from pathlib import Path
from threading import Event

from stashgen_controller.embedded.cluster import EmbeddedCluster
from stashgen_controller.embedded.kubelet.sandbox import SandboxUnavailableError
from stashgen_controller.observability.logs import JsonLines

_USAGE = 2


def main() -> int:
    """Start a cluster, print its address, wait for SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m stashgen_controller.embedded")
    parser.add_argument("--state", type=Path, required=True, help="folder for volumes and logs")
    parser.add_argument(
        "--port", type=int, default=0, help="port of the API server (0: any free port)"
    )
    parser.add_argument(
        "--control-plane-only",
        action="store_true",
        help="run only the API server and the controllers, without running pods",
    )
    args = parser.parse_args()
    restic = shutil.which("restic")
    if restic is None and not args.control_plane_only:
        print("restic is not on PATH", file=sys.stderr)
        return _USAGE
    tools = [] if restic is None else [Path(restic).resolve().parent]
    args.state.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(args.state / "controller.log")
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    cluster = EmbeddedCluster(args.state.resolve(), tools, args.port)
    try:
        cluster.start(control_plane_only=args.control_plane_only)
    except SandboxUnavailableError as error:
        print(error, file=sys.stderr)
        return _USAGE
    print(cluster.url, flush=True)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
