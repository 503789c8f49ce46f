"""The controller's settings: flags over environment over defaults, merged once."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from stashgen_controller.kube.client import USER_AGENT
from stashgen_controller.kube.leader_election import Timing

_LAST_PORT = 2**16 - 1
_SHORTEST_LEASE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line and the environment say."""

    kubeconfig: str | None
    namespace: str
    metrics_address: str
    leader_elect: bool
    lease: timedelta
    name: str
    strict: bool = False

    @property
    def agent(self) -> str:
        """How the audit log names us."""
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
    parser.add_argument(
        "--kubeconfig",
        default=environment.get("KUBECONFIG") or None,
        help="where the API server is (default: $KUBECONFIG, else the pod's own cluster)",
    )
    parser.add_argument(
        "--namespace",
        default=environment.get("POD_NAMESPACE") or "stashgen-system",
        help="where the Lease is (default: $POD_NAMESPACE, else stashgen-system)",
    )
    parser.add_argument(
        "--metrics-address",
        type=_address,
        default=":8080",
        metavar="HOST:PORT",
        help="of /metrics, /healthz and /readyz (default: :8080)",
    )
    parser.add_argument(
        "--leader-elect",
        action="store_true",
        help="of several controllers only the one that holds the Lease acts",
    )
    parser.add_argument(
        "--lease-duration",
        type=_lease,
        default=Timing().duration,
        metavar="SECONDS",
        help="how long a leader that is gone is waited for (default: 15)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="serve compiled objects only, and start no Job unless the API server refuses those "
        "that nobody reviewed",
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
        msg = f"{text!r} is not a number of seconds, at least {_SHORTEST_LEASE_SECONDS}"
        raise argparse.ArgumentTypeError(msg)
    return timedelta(seconds=int(text))
