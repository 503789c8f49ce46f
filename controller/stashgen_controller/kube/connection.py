"""How a request reaches the API server: its address, the connections to it, the token.

A pod has all three in itself. A kubeconfig is read by the ``kubernetes`` package, which is loaded
for that only (``kubeconfig.py``): with its OAuth and second HTTP client it takes 12 MB.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from urllib3 import PoolManager

# Where the kubelet puts a pod's ServiceAccount token (Kubernetes, "Accessing the Kubernetes API
# from a Pod").
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# A watch a kind, the workers, and in the embedded cluster its own loops.
CONNECTIONS = 64
# What is refused is tried again by whoever asked.
RETRIES = 0


class UnconfiguredError(Exception):
    """There is no kubeconfig and no ServiceAccount that says where the API server is."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The way to one API server.

    Attributes:
        host: Its address, perhaps with a path.
        manager: Makes the connections and keeps them.
        authorization: The headers that say who we are, as of now.
    """

    host: str
    manager: PoolManager
    authorization: Callable[[], Mapping[str, str]]


def to_url(url: str, *, token: str | None = None, ca_file: str | None = None) -> Connection:
    """To a server's address; without an authority its certificate is not looked at."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return Connection(url, _manager(ca_file), lambda: headers)


def of_pod(environment: Mapping[str, str], account: Path) -> Connection:
    """To the cluster of the pod that we run in, never through a proxy.

    Args:
        environment: Has the address.
        account: The folder with token and authority. The kubelet renews the token there.

    Raises:
        UnconfiguredError: this is no pod, or it has no ServiceAccount.
    """
    host = environment.get("KUBERNETES_SERVICE_HOST")
    port = environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        msg = "there is no kubeconfig, and KUBERNETES_SERVICE_HOST and _PORT are not set: no pod"
        raise UnconfiguredError(msg)
    token, authority = account / "token", account / "ca.crt"

    def authorization() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token.read_text(encoding='utf-8').strip()}"}

    try:
        authorization()
        if not authority.read_text(encoding="utf-8"):
            raise UnconfiguredError(f"{authority} is empty")
    except OSError as error:
        raise UnconfiguredError(str(error)) from error
    address = f"[{host}]" if ":" in host else host
    return Connection(f"https://{address}:{port}", _manager(str(authority)), authorization)


def _manager(ca_file: str | None) -> PoolManager:
    return PoolManager(
        cert_reqs="CERT_REQUIRED" if ca_file is not None else "CERT_NONE",
        ca_certs=ca_file,
        maxsize=CONNECTIONS,
        retries=RETRIES,
    )
