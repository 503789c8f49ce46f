"""``make demo``: a policy protects, loses and recovers real data on the embedded cluster.

Twice: from a policy that ``stashgen build`` compiles into a git commit, and from plain KubeStash
manifests. Exit code 0 when all 21 steps are proved in both, else 1; 2 when it cannot run here.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from stashgen_controller.kube.client import ApiError
from tools.acceptance.steps import STEPS, prove
from tools.acceptance.view import DemoError
from tools.demo import variants
from tools.demo.cluster import Cluster

# A closed terminal or a kill must not leave a cluster behind either.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    args = parser.parse_args()
    for program in ("restic", "git"):
        if shutil.which(program) is None:
            print(f"error: {program} is not on PATH", file=sys.stderr)
            return 2
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    return run(Path(tempfile.mkdtemp(prefix="stashgen-demo-")), keep=args.keep)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End the demo at the first signal."""
    del number, frame
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """A second Ctrl-C is impatience; half a clean-up would leave processes."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def run(folder: Path, *, keep: bool) -> int:
    """Run the demo in a new folder; the exit code.

    Whatever happens, the cluster ends and the folder goes; only ``keep`` leaves both, and a failure
    the folder, which has the logs.
    """
    cluster, stays, remains = None, False, False
    try:
        cluster = Cluster(folder / "cluster")
        proved = run_variants(cluster, folder)
        stays = remains = keep
        if keep:
            print_next_steps(cluster)
        return report(*proved)
    except (DemoError, ApiError) as error:
        print(f"error: {error}", file=sys.stderr)
        if cluster is None:
            return 2
        remains = True
        print(f"  look into {folder}/cluster: controller.log, logs/", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: stopping the cluster and removing its folder", file=sys.stderr)
        return 130
    finally:
        _ignore_signals()
        if cluster is not None and not stays:
            cluster.stop()
        if not remains:
            shutil.rmtree(folder)


def run_variants(cluster: Cluster, folder: Path) -> tuple[int, int]:
    """Both stories; how many steps are proved in each."""
    say = Progress()
    print("== From a policy in git", flush=True)
    variants.install(cluster, say)
    compiled = prove(variants.compiled(cluster, folder, say))
    print(f"{compiled} of {len(STEPS)} steps proved")
    print("\n== From plain KubeStash manifests", flush=True)
    plain = prove(variants.plain(cluster, say))
    return compiled, plain


class Progress:
    """Shows progress: what has happened and how long after the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say one thing."""
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(clear, end="", file=sys.stderr, flush=True)
        print(f"[{time.monotonic() - self._start:5.1f} s] {text}", flush=True)


def print_next_steps(cluster: Cluster) -> None:
    """Print how to look into a cluster that stays."""
    bucket = cluster.volume("demo", "backup-store") / "dem1"
    key = "jsonpath={.data.RESTIC_PASSWORD}"
    print(f"""
The cluster keeps running. To end it: kill {cluster.process.pid} && rm -r {cluster.state.parent}
  export KUBECONFIG={cluster.state}/kubeconfig
  kubectl get backupconfigurations,backupsessions,snapshots,restoresessions -A
  (no kubectl here? PATH=$(python3 tools/go/build.py kubernetes):$PATH builds it, once)
  export RESTIC_PASSWORD=$(kubectl get secret restic-key -n demo -o '{key}' | base64 -d)
  restic -r {bucket}/demo/library/repository/v1/backup/dump snapshots
  (no restic here? PATH=$(python3 tools/go/build.py restic):$PATH)
The output of each pod is in {cluster.state}/logs (kubectl logs is not supported here).""")


def report(compiled: int, plain: int) -> int:
    """The last line; the exit code."""
    total = len(STEPS)
    if compiled == plain == total:
        print(f"\n{total} of {total} steps proved, compiled and plain")
        return 0
    print(f"\n{compiled} of {total} steps proved compiled, {plain} of {total} plain")
    return 1


if __name__ == "__main__":
    sys.exit(main())
