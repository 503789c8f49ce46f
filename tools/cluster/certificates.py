"""The cluster's certificate authority, and an identity for each of its parts, by openssl."""

import base64
import subprocess
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.layout import API_SERVICE_ADDRESS, API_URL, NODE, NODE_ADDRESS, Layout

_DAYS = "30"
_CURVE = "prime256v1"
_AUTHORITY = "ca"
SERVICE_ACCOUNTS = "service-accounts"
API_SERVER = "kube-apiserver"
KUBELET_CLIENT = "kube-apiserver-kubelet-client"
KUBELET_SERVER = "kubelet-server"
ADMINISTRATOR = "admin"
# Subjects as Kubernetes' built-in roles name them (kubeadm uses the same).
_CLIENTS = {
    ADMINISTRATOR: "/O=system:masters/CN=kubernetes-admin",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kubelet": f"/O=system:nodes/CN=system:node:{NODE}",
    "kube-proxy": "/CN=system:kube-proxy",
    "coredns": "/CN=system:coredns",
    "provisioner": "/CN=stashgen-cluster:provisioner",
    KUBELET_CLIENT: f"/CN={KUBELET_CLIENT}",
}
_SERVERS = {
    API_SERVER: (
        "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
        "DNS:kubernetes.default.svc.cluster.local,DNS:localhost,"
        f"IP:{NODE_ADDRESS},IP:{API_SERVICE_ADDRESS},IP:127.0.0.1"
    ),
    KUBELET_SERVER: f"DNS:{NODE},IP:{NODE_ADDRESS}",
}


def key(layout: Layout, name: str) -> Path:
    """A private key's file."""
    return layout.pki / f"{name}.key"


def certificate(layout: Layout, name: str) -> Path:
    """A certificate's file."""
    return layout.pki / f"{name}.crt"


def public_key(layout: Layout) -> Path:
    """By which the API server recognises the tokens of ServiceAccounts."""
    return layout.pki / f"{SERVICE_ACCOUNTS}.pub"


def authority(layout: Layout) -> Path:
    """The certificate that signed all others."""
    return certificate(layout, _AUTHORITY)


def authority_key(layout: Layout) -> Path:
    """The key that signed all others."""
    return key(layout, _AUTHORITY)


def kubeconfig(layout: Layout, name: str) -> Path:
    """The file by which a part finds the API server and proves who it is."""
    return layout.kubeconfig if name == ADMINISTRATOR else layout.pki / f"{name}.kubeconfig"


def create(layout: Layout) -> None:
    """Write every key, certificate and kubeconfig of a new cluster."""
    _key(layout, SERVICE_ACCOUNTS)
    _openssl("pkey", "-in", key(layout, SERVICE_ACCOUNTS), "-pubout", "-out", public_key(layout))
    _key(layout, _AUTHORITY)
    _openssl(
        *("req", "-x509", "-new", "-sha256", "-days", _DAYS, "-subj", "/CN=stashgen-cluster"),
        *("-key", authority_key(layout), "-out", authority(layout)),
        *("-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign"),
    )
    for name, subject in _CLIENTS.items():
        _sign(layout, name, subject, "extendedKeyUsage=clientAuth\n")
        if name != KUBELET_CLIENT:
            _write_kubeconfig(layout, name)
    for name, addresses in _SERVERS.items():
        usage = f"extendedKeyUsage=serverAuth\nsubjectAltName={addresses}\n"
        _sign(layout, name, f"/CN={name}", usage)


def _key(layout: Layout, name: str) -> None:
    path = key(layout, name)
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{_CURVE}", "-out", path)
    path.chmod(0o600)


def _sign(layout: Layout, name: str, subject: str, extensions: str) -> None:
    _key(layout, name)
    request, options = layout.pki / f"{name}.csr", layout.pki / f"{name}.ext"
    options.write_text("keyUsage=critical,digitalSignature\n" + extensions)
    _openssl("req", "-new", "-key", key(layout, name), "-subj", subject, "-out", request)
    _openssl(
        *("x509", "-req", "-sha256", "-days", _DAYS, "-in", request, "-extfile", options),
        *("-CA", authority(layout), "-CAkey", authority_key(layout), "-CAcreateserial"),
        *("-out", certificate(layout, name)),
    )
    request.unlink()
    options.unlink()


def _write_kubeconfig(layout: Layout, name: str) -> None:
    path = kubeconfig(layout, name)
    path.touch(mode=0o600)
    path.write_text(
        f"""\
apiVersion: v1
kind: Config
clusters:
- name: stashgen
  cluster:
    server: {API_URL}
    certificate-authority-data: {_encoded(authority(layout))}
users:
- name: {name}
  user:
    client-certificate-data: {_encoded(certificate(layout, name))}
    client-key-data: {_encoded(key(layout, name))}
contexts:
- name: stashgen
  context: {{cluster: stashgen, user: {name}}}
current-context: stashgen
"""
    )


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
