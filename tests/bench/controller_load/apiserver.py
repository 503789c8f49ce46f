"""A kube-apiserver and its etcd with an audit log, and the users who share them.

Each part of the benchmark has a user of its own: so the audit log says who made which request, and
when the server was done with it, for the controller and the floor alike.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from stashgen.api.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES
from tests.api_contract.servers import program, quiet, running, wait_for
from tests.bench.controller_load.raw_api import Json, RawApi, RefusedError
from tests.support.ports import free_ports

_DEPLOY = Path(__file__).parents[3] / "controller" / "deploy"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
# The floor may do what the controller may, and is authorised by the same rules.
_GROUP = "bench:controllers"
_ADMIN_GROUP = "system:masters"
_WITH_AUTHORITY = 2


class User(StrEnum):
    """Who makes requests."""

    TEST = "bench-test"
    CLUSTER = "bench-cluster"
    CONTROLLER = "bench-controller"
    FLOOR = "bench-floor"


_GROUPS = {
    User.TEST: _ADMIN_GROUP,
    User.CLUSTER: _ADMIN_GROUP,
    User.CONTROLLER: _GROUP,
    User.FLOOR: _GROUP,
}


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API server."""

    url: str
    etcd_url: str
    ca_file: Path
    audit_log: Path
    folder: Path
    pids: list[int] = field(default_factory=list)

    def api(self, user: User) -> RawApi:
        """The quick client of a user."""
        return RawApi(self.url, user.value, self.ca_file)

    def account(self, user: User) -> tuple[Path, dict[str, str]]:
        """A pod's ServiceAccount of that user: its folder, and where the pod finds the server."""
        folder = self.folder / f"{user.value}-account"
        folder.mkdir(exist_ok=True)
        (folder / "token").write_text(user.value, encoding="utf-8")
        (folder / "ca.crt").write_bytes(self.ca_file.read_bytes())
        address = urlsplit(self.url)
        return folder, {
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
        }

    def kubeconfig(self, user: User) -> Path:
        """A kubeconfig with which a process is that user."""
        path = self.folder / f"{user.value}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "bench",
                    "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)},
                }
            ],
            "users": [{"name": user.value, "user": {"token": user.value}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": user.value}}],
            "current-context": "bench",
        }
        path.write_text(json.dumps(config), encoding="utf-8")
        return path


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Both servers on the loopback address, with our CRDs and the controller's permissions."""
    etcd_port, peer_port, api_port = free_ports(3)
    keys = folder / "pki"
    keys.mkdir()
    key, public = keys / "accounts.key", keys / "accounts.pub"
    quiet("openssl", "genrsa", "-out", str(key), "2048")
    quiet("openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public))
    etcd_url, peer_url = (f"http://127.0.0.1:{port}" for port in (etcd_port, peer_port))
    server = ApiServer(
        url=f"https://127.0.0.1:{api_port}",
        etcd_url=etcd_url,
        ca_file=keys / "apiserver.crt",
        audit_log=folder / "audit.log",
        folder=folder,
    )
    etcd = [
        program("etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={etcd_url}",
        f"--advertise-client-urls={etcd_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",
    ]
    kube_apiserver = [
        program("kube-apiserver"),
        f"--etcd-servers={etcd_url}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={api_port}",
        f"--cert-dir={keys}",
        f"--token-auth-file={_write_tokens(folder / 'tokens.csv')}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=198.19.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={key}",
        f"--service-account-key-file={public}",
        f"--audit-policy-file={_write_audit_policy(folder / 'audit-policy.yaml')}",
        f"--audit-log-path={server.audit_log}",
    ]
    with ExitStack() as stack:
        store = stack.enter_context(running(etcd, folder / "etcd.log"))
        log = folder / "kube-apiserver.log"
        process = stack.enter_context(running(kube_apiserver, log))
        # The server makes its own certificate, with the authority that signed it in the same file.
        wait_for(lambda: _certificates(server.ca_file) == _WITH_AUTHORITY, process, log)
        api = server.api(User.TEST)
        wait_for(lambda: _answers(api, NAMESPACES.path(None, "kube-system")), process, log)
        _install(api)
        server.pids.extend([store.pid, process.pid])
        yield server


def _install(api: RawApi) -> None:
    for path in sorted((_DEPLOY / "crds").glob("*.yaml")):
        crd = yaml.safe_load(path.read_text(encoding="utf-8"))
        api.post(CUSTOM_RESOURCE_DEFINITIONS.path(), crd)
        spec = crd["spec"]
        version = spec["versions"][0]["name"]
        served = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
        while not _answers(api, served):
            time.sleep(0.1)
    for path in sorted((_DEPLOY / "addons").glob("*.yaml")):
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            api.post(f"/apis/{item['apiVersion']}/{item['kind'].lower()}s", item)
    text = (_DEPLOY / "controller" / "rbac.yaml").read_text(encoding="utf-8")
    for item in yaml.safe_load_all(text):
        if item["kind"] == "ClusterRole":
            api.post(f"{_RBAC}/clusterroles", item)
        elif item["kind"] == "ClusterRoleBinding":
            api.post(f"{_RBAC}/clusterrolebindings", _bound_to_group(item))


def _bound_to_group(binding: Json) -> Json:
    subject = {"kind": "Group", "name": _GROUP, "apiGroup": "rbac.authorization.k8s.io"}
    return {**binding, "subjects": [subject]}


def _certificates(path: Path) -> int:
    """How many a file has so far."""
    if not path.is_file():
        return 0
    return path.read_text(encoding="ascii").count("-----END CERTIFICATE-----")


def _answers(api: RawApi, path: str) -> bool:
    try:
        api.get(path)
    except (RefusedError, OSError):
        return False
    return True


def _write_tokens(path: Path) -> Path:
    lines = [f'{user},{user},{user},"{group}"\n' for user, group in _GROUPS.items()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _write_audit_policy(path: Path) -> Path:
    audited = [User.CONTROLLER.value, User.FLOOR.value, User.TEST.value]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
        "rules": [{"level": "Metadata", "users": audited}, {"level": "None"}],
    }
    path.write_text(yaml.safe_dump(policy), encoding="utf-8")
    return path
