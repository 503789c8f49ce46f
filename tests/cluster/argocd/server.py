"""Argo CD as processes of the machine: its two controllers, its repo server and redis."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from stashgen.yaml.emitter import emit
from tests.cluster.argocd.document import documented
from tests.cluster.argocd.programs import running
from tests.cluster.kube import Kube
from tests.support.place import ROOT
from tests.support.ports import free_ports
from tools.cluster import packages
from tools.cluster.layout import API_URL
from tools.go.build import ensure

Json = Any
NAMESPACE = "argocd"
GROUP = "argoproj.io"
MANAGER = "argocd-controller"
USER = f"system:serviceaccount:{NAMESPACE}:argocd-manager"
HEALTH = ROOT / "controller" / "deploy" / "argocd"
# Debian's redis-server would start a service; the program itself is in redis-tools, under the
# name of a check, and is the server when it is called so.
_KINDS = 3
_REDIS = "redis-check-rdb"


@contextmanager
def argocd(kube: Kube, folder: Path) -> Iterator[None]:
    """Argo CD with our health files, working on the cluster; nothing of it stays.

    Args:
        kube: The cluster.
        folder: For its configuration, its working copies and its logs.
    """
    packages.ensure({_REDIS: "redis-tools", "git": "git", "setpriv": "util-linux"})
    crds = f"--kustomize={ensure('argocd') / 'manifests' / 'crds'}"
    try:
        kube.kubectl("apply", "--server-side", crds)
        served = ["api-resources", f"--api-group={GROUP}", "--output=name"]
        kube.wait_until(lambda: len(kube.kubectl(*served).split()) == _KINDS)
        kube.kubectl("create", "namespace", NAMESPACE)
        kube.kubectl("apply", f"--namespace={NAMESPACE}", "--filename=-", content=settings(folder))
        kube.apply(NAMESPACE, *_objects())
        kube.apply(NAMESPACE, _cluster_secret(kube))
        with ExitStack() as stack:
            _start(stack, kube, folder)
            yield
    finally:
        kube.kubectl("delete", "clusterrolebinding", "argocd-manager", "--ignore-not-found")
        kube.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
        kube.kubectl("delete", "--ignore-not-found", crds)


def settings(folder: Path) -> str:
    """Argo CD's own ConfigMaps with our health files merged in, as a user's kustomization does."""
    shutil.copytree(ensure("argocd") / "manifests" / "base" / "config", folder / "install")
    shutil.copytree(HEALTH, folder / "health")
    kustomization = documented("argocd/kustomization.yaml")
    (folder / "kustomization.yaml").write_text(emit(kustomization), encoding="utf-8")
    build = [str(ensure("kustomize") / "kustomize"), "build", str(folder)]
    return subprocess.run(build, stdout=subprocess.PIPE, text=True, check=True).stdout


def _objects() -> list[Json]:
    """Who Argo CD is, and what it needs to begin: the key of its sessions, a project."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "argocd-manager"},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "argocd-manager"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [
                {"kind": "ServiceAccount", "name": "argocd-manager", "namespace": NAMESPACE}
            ],
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "argocd-secret",
                "labels": {"app.kubernetes.io/part-of": "argocd"},
            },
            "stringData": {"server.secretkey": "for the tests"},
        },
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default"},
            "spec": {
                "sourceRepos": ["*"],
                "destinations": [{"namespace": "*", "server": "*"}],
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            },
        },
    ]


def _cluster_secret(kube: Kube) -> Json:
    """The cluster's API server as Argo CD is told of it: it runs outside of the cluster."""
    config = {"bearerToken": _token(kube), "tlsClientConfig": {"caData": _authority(kube)}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "cluster",
            "labels": {"argocd.argoproj.io/secret-type": "cluster"},
        },
        "stringData": {"name": "e2e", "server": API_URL, "config": json.dumps(config)},
    }


def _token(kube: Kube) -> str:
    create = ["create", "token", f"--namespace={NAMESPACE}", "argocd-manager", "--duration=24h"]
    return kube.kubectl(*create).strip()


def _authority(kube: Kube) -> str:
    raw = "--output=jsonpath={.clusters[0].cluster.certificate-authority-data}"
    return kube.kubectl("config", "view", "--raw", raw)


def _start(stack: ExitStack, kube: Kube, folder: Path) -> None:
    programs = ensure("argocd")
    redis, repo_server, *metrics = free_ports(7)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(emit(_kubeconfig(kube)), encoding="utf-8")
    for name in ("bin", "tls", "tmp"):
        (folder / name).mkdir()
    (folder / "bin" / "redis-server").symlink_to(shutil.which(_REDIS) or _REDIS)
    common = {
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{ensure('kustomize')}:/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(folder / "tmp"),
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_TLS_DATA_PATH": str(folder / "tls"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def start(name: str, port: int, *command: str) -> None:
        environment = common | {"ARGOCD_BINARY_NAME": name}
        stack.enter_context(running(command, folder / f"{name}.log", environment, port))

    program = str(programs / "argocd")
    start(
        "redis", redis,
        str(folder / "bin" / "redis-server"), "--bind", "127.0.0.1", "--port", str(redis),
        "--save", "", "--appendonly", "no", "--dir", str(folder / "tmp"),
    )  # fmt: skip
    start(
        "argocd-repo-server", repo_server,
        program, "--redis", f"127.0.0.1:{redis}", "--address", "127.0.0.1",
        "--port", str(repo_server), "--metrics-address", "127.0.0.1",
        "--metrics-port", str(metrics[0]), "--disable-tls",
    )  # fmt: skip
    start(
        "argocd-application-controller", metrics[1],
        program, "--redis", f"127.0.0.1:{redis}", "--repo-server", f"127.0.0.1:{repo_server}",
        "--repo-server-plaintext", "--kubeconfig", str(kubeconfig), "--namespace", NAMESPACE,
        "--metrics-port", str(metrics[1]), "--app-resync", "10",
    )  # fmt: skip
    start(
        "argocd-applicationset-controller", metrics[2],
        program, "--argocd-repo-server", f"127.0.0.1:{repo_server}", "--repo-server-plaintext",
        "--kubeconfig", str(kubeconfig), "--namespace", NAMESPACE,
        "--metrics-addr", f"127.0.0.1:{metrics[2]}", "--probe-addr", f"127.0.0.1:{metrics[3]}",
        "--webhook-addr", f"127.0.0.1:{metrics[4]}",
    )  # fmt: skip


def _kubeconfig(kube: Kube) -> Json:
    """Argo CD finds its own settings in the namespace of the context."""
    cluster = {"server": API_URL, "certificate-authority-data": _authority(kube)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": cluster}],
        "users": [{"name": "argocd", "user": {"token": _token(kube)}}],
        "contexts": [
            {
                "name": "e2e",
                "context": {"cluster": "e2e", "user": "argocd", "namespace": NAMESPACE},
            }
        ],
        "current-context": "e2e",
    }
