"""What is wrong around a command: a clear line and exit code 2, never a traceback."""

import socket
from pathlib import Path

import pytest

from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.kube.clock import MovableClock, SystemClock
from tests.integration.kubectl.terminal import Terminal
from tests.support import manifests
from tests.support.harness import Harness

_CONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s"}}]
users: [{name: u, user: {}}]
contexts:
- {name: one, context: {cluster: c, user: u, namespace: shop}}
- {name: two, context: {cluster: c, user: u}}
current-context: one
"""


def _terminal(folder: Path, text: str) -> Terminal:
    path = folder / "kubeconfig"
    path.write_text(text, encoding="utf-8")
    return Terminal(path, SystemClock(), "demo")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def test_a_server_that_is_away_is_a_line(tmp_path: Path) -> None:
    kubectl = _terminal(tmp_path, _CONFIG % f"http://127.0.0.1:{_free_port()}")
    for arguments in (["status"], ["snapshots"], ["trigger", "x"], ["restore", "x"], ["logs", "x"]):
        said = kubectl(*arguments)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("stashgen: the API server cannot be reached: ")
        assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("a: [", "while parsing"),
        ("clusters: 1\ncurrent-context: x\n", "no cluster is configured"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_a_line(tmp_path: Path, text: str, why: str) -> None:
    said = _terminal(tmp_path, text)("status")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("stashgen: no cluster is configured: ")
    assert why in said.err
    assert said.err.count("\n") == 1


def test_a_kubeconfig_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    said = Terminal(tmp_path / "none", SystemClock(), "demo")("status")
    assert said.code == 2
    assert "there is no such file" in said.err


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = _terminal(tmp_path, _CONFIG % "http://127.0.0.1:1")("status", "--context", "three")
    assert said.code == 2
    assert "three" in said.err


def test_the_contexts_namespace_is_the_default(harness: Harness, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(_CONFIG % harness.server.url, encoding="utf-8")

    kubectl = Terminal(path, harness.clock, None)
    harness.apply(manifests.namespace("shop"))
    for context, namespace in (("one", "shop"), ("two", "default")):
        said = kubectl("status", "--context", context, "-o", "json")
        assert said.json["namespace"] == namespace


def test_a_cluster_without_our_kinds_says_so(tmp_path: Path) -> None:
    server = EmbeddedServer(MovableClock())
    server.start()
    try:
        said = _terminal(tmp_path, _CONFIG % server.url)("status")
    finally:
        server.stop()
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "stashgen: the cluster has no backupconfigurations.core.kubestash.com: the CRDs of "
        "stashgen are not installed\n"
    )


def test_a_bug_of_ours_is_one_line(
    harness: Harness, kubectl: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("stashgen_controller.kubectl.verbs.overview", broken)
    assert harness.server.url
    said = kubectl("status")
    assert (said.code, said.out) == (3, "")
    assert "this is a bug in stashgen" in said.err
    assert said.err.count("\n") == 1
    assert "Traceback" in kubectl("status", "--debug").err
