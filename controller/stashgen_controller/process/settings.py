"""The controller's settings: flags override the environment, which overrides the defaults."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from stashgen import __version__
from stashgen_controller.kube.client import USER_AGENT
from stashgen_controller.kube.leader_election import Timing

_LAST_PORT = 2**16 - 1
_SHORTEST_LEASE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """The merged settings."""

    kubeconfig: str | None
    namespace: str
    metrics_address: str
    leader_elect: bool
    lease: timedelta
    name: str
    strict: bool = False

    @property
    def agent(self) -> str:
        """The user agent, as the audit log shows it."""
        return f"{USER_AGENT} (strict)" if self.strict else USER_AGENT


def parse(argv: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings: a flag, else the environment, else the default.

    Raises:
        SystemExit: with 2 for a wrong command line.
    """
    parser = argparse.ArgumentParser(
        prog="stashgen-controller",
        description="Runs the backup and restore sessions that stashgen compiled.",
    )
    parser.add_argument("--version", action="version", version=f"stashgen-controller {__version__}")
    parser.add_argument(
        "--kubeconfig",
        default=environment.get("KUBECONFIG") or None,
        help="kubeconfig file (default: $KUBECONFIG, else the pod's own cluster)",
    )
    parser.add_argument(
        "--namespace",
        default=environment.get("POD_NAMESPACE") or "stashgen-system",
        help="namespace of the Lease (default: $POD_NAMESPACE, else stashgen-system)",
    )
    parser.add_argument(
        "--metrics-address",
        type=_address,
        default=":8080",
        metavar="HOST:PORT",
        help="address of /metrics, /healthz and /readyz (default: :8080)",
    )
    parser.add_argument(
        "--leader-elect",
        action="store_true",
        help="of several controllers, run only the one that holds the Lease",
    )
    parser.add_argument(
        "--lease-duration",
        type=_lease,
        default=Timing().duration,
        metavar="SECONDS",
        help="how long to wait for a lost leader before taking over (default: 15)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="serve only compiled objects, and start Jobs only if the API server rejects "
        "unreviewed ones",
    )
    args = parser.parse_args(argv)
    return Settings(
        kubeconfig=args.kubeconfig,
        namespace=args.namespace,
        metrics_address=args.metrics_address,
        leader_elect=args.leader_elect,
        lease=args.lease_duration,
        name=environment.get("HOSTNAME") or "stashgen-controller",
        strict=args.strict,
    )


def _address(text: str) -> str:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > _LAST_PORT:
        msg = f"{text!r} is not HOST:PORT"
        raise argparse.ArgumentTypeError(msg)
    return f"{host}:{port}"


def _lease(text: str) -> timedelta:
    if not text.isdigit() or int(text) < _SHORTEST_LEASE_SECONDS:
        msg = f"{text!r} is not a whole number of seconds of at least {_SHORTEST_LEASE_SECONDS}"
        raise argparse.ArgumentTypeError(msg)
    return timedelta(seconds=int(text))
