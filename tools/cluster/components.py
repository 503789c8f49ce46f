"""The programs of the node, in the order in which they start, and their command lines."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.cluster import certificates as certs
from tools.cluster import containerd
from tools.cluster.layout import (
    API_PORT,
    CGROUP,
    DNS_PORT,
    DNS_READY_PORT,
    DNS_SERVICE_ADDRESS,
    DOMAIN,
    NODE,
    NODE_ADDRESS,
    POD_NETWORK,
    SERVICE_NETWORK,
    Layout,
)
from tools.go.build import ensure

_HERE = Path(__file__).parent
ADDONS = _HERE / "addons.yaml"
_FAMILIES = {
    "etcd": "etcd",
    "kube-apiserver": "kubernetes",
    "kube-controller-manager": "kubernetes",
    "kube-scheduler": "kubernetes",
    "kubelet": "kubernetes",
    "kube-proxy": "kubernetes",
    "kubectl": "kubernetes",
    "coredns": "coredns",
    "pause": "pause",
}
_ETCD_URL = "http://127.0.0.1:2379"


@dataclass(frozen=True, slots=True)
class Component:
    """A program that runs as long as the node."""

    name: str
    command: Callable[[Layout], list[str]]


def program(name: str) -> Path:
    """A program built from its Go module, now unless it was before.

    Raises:
        BuildError: it cannot be built.
    """
    return ensure(_FAMILIES[name]) / name


def build_all() -> None:
    """Build everything that is not in the cache, before anything starts."""
    for family in sorted(set(_FAMILIES.values())):
        ensure(family)


def etcd(layout: Layout) -> list[str]:
    """The store; without fsync, because the cluster is as short-lived as the machine's memory."""
    return [
        str(program("etcd")),
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls={_ETCD_URL}",
        f"--advertise-client-urls={_ETCD_URL}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
    ]


def api_server(layout: Layout) -> list[str]:
    """The API server, with the authorisers and the admission of a kubeadm cluster."""
    return [
        str(program("kube-apiserver")),
        f"--etcd-servers={_ETCD_URL}",
        f"--secure-port={API_PORT}",
        f"--advertise-address={NODE_ADDRESS}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--tls-cert-file={certs.certificate(layout, certs.API_SERVER)}",
        f"--tls-private-key-file={certs.key(layout, certs.API_SERVER)}",
        f"--client-ca-file={certs.authority(layout)}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction,PodSecurity",
        "--allow-privileged=true",
        f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
        f"--service-account-signing-key-file={certs.key(layout, certs.SERVICE_ACCOUNTS)}",
        f"--service-account-key-file={certs.public_key(layout)}",
        f"--kubelet-client-certificate={certs.certificate(layout, certs.KUBELET_CLIENT)}",
        f"--kubelet-client-key={certs.key(layout, certs.KUBELET_CLIENT)}",
        f"--kubelet-certificate-authority={certs.authority(layout)}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={_HERE / 'audit-policy.yaml'}",
        f"--audit-log-path={layout.audit_log}",
        # In one file, whatever its size (in MB): the tests look for what was asked long ago.
        "--audit-log-maxsize=100000",
        f"--cert-dir={layout.state / 'kube-apiserver'}",
    ]


def controller_manager(layout: Layout) -> list[str]:
    """The controllers; among them CronJobs, Jobs, volume binding and the garbage collector."""
    return [
        str(program("kube-controller-manager")),
        *_identity(layout, "kube-controller-manager"),
        "--use-service-account-credentials",
        f"--service-account-private-key-file={certs.key(layout, certs.SERVICE_ACCOUNTS)}",
        f"--root-ca-file={certs.authority(layout)}",
        f"--cluster-signing-cert-file={certs.authority(layout)}",
        f"--cluster-signing-key-file={certs.authority_key(layout)}",
        f"--flex-volume-plugin-dir={layout.state / 'volume-plugins'}",
    ]


def scheduler(layout: Layout) -> list[str]:
    """The scheduler."""
    return [str(program("kube-scheduler")), *_identity(layout, "kube-scheduler")]


def kubelet(layout: Layout) -> list[str]:
    """The kubelet: it answers nobody whom the API server does not know and allow."""
    names = layout.state / "resolv.conf"
    names.write_text("# Names outside of the cluster are not resolved.\n")
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certs.authority(layout))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certs.certificate(layout, certs.KUBELET_SERVER)),
        "tlsPrivateKeyFile": str(certs.key(layout, certs.KUBELET_SERVER)),
        "containerRuntimeEndpoint": f"unix://{containerd.SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [DNS_SERVICE_ADDRESS],
        "clusterDomain": DOMAIN,
        "resolvConf": str(names),
        "volumePluginDir": str(layout.state / "volume-plugins"),
        # The disk is the machine's: neither evict pods nor remove loaded images because of it.
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "syncFrequency": "10s",
    }
    path = layout.state / "kubelet.json"
    path.write_text(json.dumps(settings, indent=1))
    return [
        str(program("kubelet")),
        f"--config={path}",
        f"--kubeconfig={certs.kubeconfig(layout, 'kubelet')}",
        f"--root-dir={layout.state / 'kubelet'}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
    ]


def proxy(layout: Layout) -> list[str]:
    """The rules that lead a Service's address to its pods."""
    return [
        str(program("kube-proxy")),
        f"--kubeconfig={certs.kubeconfig(layout, 'kube-proxy')}",
        f"--hostname-override={NODE}",
        f"--cluster-cidr={POD_NETWORK}",
        "--proxy-mode=iptables",
        # The machine's own limits, which a network namespace may not change.
        "--conntrack-max-per-core=0",
    ]


def coredns(layout: Layout) -> list[str]:
    """Names of Services and pods."""
    path = layout.state / "Corefile"
    path.write_text(
        f"""\
{DOMAIN}:{DNS_PORT} 198.19.0.0/16:{DNS_PORT} {{
    bind {NODE_ADDRESS}
    errors
    ready {NODE_ADDRESS}:{DNS_READY_PORT}
    kubernetes {{
        kubeconfig {certs.kubeconfig(layout, "coredns")} stashgen
        pods verified
        ttl 5
    }}
    cache 5
}}
"""
    )
    return [str(program("coredns")), "-conf", str(path)]


def provisioner(layout: Layout) -> list[str]:
    """Volumes for the default StorageClass."""
    script = str(_HERE / "provisioner.py")
    return [
        sys.executable,
        script,
        f"{NODE_ADDRESS}:{API_PORT}",
        str(layout.pki),
        str(layout.volumes),
        NODE,
    ]


def _identity(layout: Layout, name: str) -> list[str]:
    kubeconfig = certs.kubeconfig(layout, name)
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--cert-dir={layout.state / name}",
        "--leader-elect=false",
        # Nobody but this kubeconfig's owner asks them anything; there is no aggregation layer.
        "--authentication-skip-lookup",
    ]


# The first three are needed by the others; see up.py.
FIRST = (
    Component("etcd", etcd),
    Component(containerd.NAME, containerd.command),
    Component("kube-apiserver", api_server),
)
REST = (
    Component("kubelet", kubelet),
    Component("kube-controller-manager", controller_manager),
    Component("kube-scheduler", scheduler),
    Component("kube-proxy", proxy),
    Component("coredns", coredns),
    Component("provisioner", provisioner),
)
ALL = {component.name: component for component in FIRST + REST}
