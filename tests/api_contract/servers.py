"""The two servers of the suite, each as real processes in a folder of its own, on free ports."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from stashgen.api.base import list_of, mapping_of, parse_time
from stashgen.api.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, SERVICE_ACCOUNTS
from stashgen_controller.kube.client import ApiError, Client, NotFoundError
from tests.support.ports import free_ports

# Limits and no expectations: the machine may have other work.
_START_SECONDS = 180
_COMMAND_SECONDS = 120
# kube-apiserver would wait for the watches that tests left behind.
_STOP_SECONDS = 3
_TOKEN = "contract-token"
# What the tests need of kube-controller-manager, no more: each controller costs CPU.
_CONTROLLERS = (
    "cronjob-controller",
    "job-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
)
_CRDS = Path("controller/deploy/crds")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Server:
    """A running API server with the controllers that belong to it."""

    name: str
    url: str
    kubeconfig: Path
    client: Client
    token: str | None = None
    ca_file: Path | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether its clock can be moved."""
        return self.name == "embedded"

    def now(self) -> datetime:
        """The time on the server's clock."""
        if self.is_embedded:
            return parse_time(str(self.client.raw("GET", "/clock")["now"]))
        return datetime.now(UTC)

    def pass_time(self, by: timedelta) -> None:
        """Let time pass: the embedded clock is moved, the real one has to be waited for."""
        if self.is_embedded:
            self.client.raw("PUT", "/clock", {"advanceSeconds": by.total_seconds()})
        else:
            time.sleep(by.total_seconds())

    def kubectl(self, *arguments: str, text: str | None = None, code: int = 0) -> str:
        """What kubectl prints; with another exit code than 0, what it complains about."""
        cache = self.kubeconfig.parent / "kubectl-cache"
        command = [program("kubectl"), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={cache}"]
        done = subprocess.run(
            [*command, *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stderr if code else done.stdout


def program(name: str) -> str:
    """Where a program is.

    Raises:
        RuntimeError: it is not on PATH.
    """
    found = shutil.which(name)
    if found is None:
        msg = f"{name} is not on PATH: run this suite with `make contract`"
        raise RuntimeError(msg)
    return found


def until(probe: Callable[[], _Found | None], what: str, seconds: float = 120) -> _Found:
    """What ``probe`` returns once that is true.

    Raises:
        AssertionError: it did not become true in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"timed out: {what}"
        time.sleep(0.05)


@contextmanager
def embedded_server(folder: Path) -> Iterator[Server]:
    """The embedded cluster without nodes: what kube-apiserver and kube-controller-manager do."""
    command = [sys.executable, "-m", "stashgen_controller.embedded", "--control-plane-only"]
    with ExitStack() as stack:
        process = stack.enter_context(
            running([*command, f"--state={folder}"], folder / "embedded.log")
        )
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), (folder / "embedded.log").read_text()
        server = Server("embedded", url, folder / "kubeconfig", Client.for_url(url))
        _install_crds(server)
        yield server


@contextmanager
def real_server(folder: Path) -> Iterator[Server]:
    """Etcd, kube-apiserver and kube-controller-manager on the loopback address; no node."""
    etcd_port, peer_port, api_port = free_ports(3)
    keys = folder / "pki"
    keys.mkdir()
    key, public = keys / "accounts.key", keys / "accounts.pub"
    quiet("openssl", "genrsa", "-out", str(key), "2048")
    quiet("openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public))
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{_TOKEN},contract,contract,"system:masters"\n', encoding="utf-8")
    client_url, peer_url = (f"http://127.0.0.1:{port}" for port in (etcd_port, peer_port))
    url = f"https://127.0.0.1:{api_port}"
    # The server makes its own certificate, with the authority that signed it in the same file.
    ca_file = keys / "apiserver.crt"
    with ExitStack() as stack:
        stack.enter_context(
            running(
                [
                    program("etcd"),
                    f"--data-dir={folder / 'etcd'}",
                    f"--listen-client-urls={client_url}",
                    f"--advertise-client-urls={client_url}",
                    f"--listen-peer-urls={peer_url}",
                    f"--initial-advertise-peer-urls={peer_url}",
                    f"--initial-cluster=default={peer_url}",
                    "--unsafe-no-fsync",
                ],
                folder / "etcd.log",
            )
        )
        apiserver = stack.enter_context(
            running(
                [
                    program("kube-apiserver"),
                    f"--etcd-servers={client_url}",
                    "--bind-address=127.0.0.1",
                    "--advertise-address=127.0.0.1",
                    "--endpoint-reconciler-type=none",
                    f"--secure-port={api_port}",
                    f"--cert-dir={keys}",
                    f"--token-auth-file={tokens}",
                    "--authorization-mode=RBAC",
                    "--allow-privileged=true",
                    "--service-cluster-ip-range=198.19.0.0/24",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    f"--service-account-signing-key-file={key}",
                    f"--service-account-key-file={public}",
                ],
                folder / "kube-apiserver.log",
            )
        )
        wait_for(ca_file.is_file, apiserver, folder / "kube-apiserver.log")
        kubeconfig = folder / "kubeconfig"
        _write_kubeconfig(kubeconfig, url, ca_file)
        client = Client.for_url(url, token=_TOKEN, ca_file=str(ca_file))
        server = Server("real", url, kubeconfig, client, _TOKEN, ca_file)
        wait_for(lambda: _answers(client), apiserver, folder / "kube-apiserver.log")
        # Before the controller-manager: it looks for new kinds only every half minute.
        _install_crds(server)
        stack.enter_context(
            running(
                [
                    program("kube-controller-manager"),
                    f"--kubeconfig={kubeconfig}",
                    f"--authentication-kubeconfig={kubeconfig}",
                    f"--authorization-kubeconfig={kubeconfig}",
                    f"--cert-dir={folder / 'manager-pki'}",
                    f"--secure-port={free_ports(1)[0]}",
                    "--bind-address=127.0.0.1",
                    "--leader-elect=false",
                    f"--controllers={','.join(_CONTROLLERS)}",
                    "--kube-api-qps=200",
                    "--kube-api-burst=400",
                ],
                folder / "kube-controller-manager.log",
            )
        )
        # A tick before it works would be made up for later, under another name.
        until(lambda: _has_default_account(client), "the controller-manager does not work")
        yield server


@contextmanager
def running(command: list[str], log: Path) -> "Iterator[subprocess.Popen[str]]":
    """A process that is stopped at the end, whatever happens; it also ends with this process."""
    tied = [program("setpriv"), "--pdeathsig=KILL", *command]
    with log.open("wb") as errors:
        process = subprocess.Popen(tied, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _install_crds(server: Server) -> None:
    """Install our CRDs as they are shipped, and wait until they are served."""
    server.kubectl("create", "-f", str(_CRDS))
    wait_for_crds(server, len(list(_CRDS.glob("*.yaml"))))


def wait_for_crds(server: Server, count: int) -> None:
    """Wait until so many CRDs are served.

    ``kubectl wait`` gives up on one that has no conditions yet.
    """

    def established() -> bool:
        items, _ = server.client.list(CUSTOM_RESOURCE_DEFINITIONS)
        served = [
            item
            for item in items
            for condition in list_of(mapping_of(item, "status"), "conditions")
            if (condition["type"], condition["status"]) == ("Established", "True")
        ]
        return len(served) == len(items) == count

    until(established, f"{count} CRDs are established")


def _answers(client: Client) -> bool:
    try:
        return client.get(NAMESPACES, None, "default") is not None
    except ApiError:
        return False


def _has_default_account(client: Client) -> bool:
    try:
        return bool(client.get(SERVICE_ACCOUNTS, "default", "default"))
    except NotFoundError:
        return False


def wait_for(probe: Callable[[], bool], process: "subprocess.Popen[str]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not probe():
        ended = process.poll() is not None or time.monotonic() > deadline
        assert not ended, f"did not start:\n{log.read_text(errors='replace')[-4000:]}"
        time.sleep(0.1)


def quiet(name: str, *arguments: str) -> None:
    subprocess.run([program(name), *arguments], check=True, capture_output=True)


def _write_kubeconfig(path: Path, url: str, ca_file: Path) -> None:
    cluster = {"server": url, "certificate-authority": str(ca_file)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "real", "cluster": cluster}],
        "users": [{"name": "real", "user": {"token": _TOKEN}}],
        "contexts": [{"name": "real", "context": {"cluster": "real", "user": "real"}}],
        "current-context": "real",
    }
    path.write_text(json.dumps(config), encoding="utf-8")
