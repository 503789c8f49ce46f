"""Real controller processes against a real embedded API server."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stashgen.api.base import JsonObject
from stashgen.api.resources import NAMESPACES
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.kube.client import Client
from stashgen_controller.kube.clock import MovableClock
from tests.support.kinds import install_kinds

# A limit and no expectation: the machine may have other work.
PATIENCE_SECONDS = 120


class Cluster:
    """An API server with our kinds, and nothing that acts on them."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedServer(MovableClock())
        self.server.start()
        self.client = Client.for_url(self.server.url)
        self.kubeconfig = folder / "kubeconfig"
        self.server.write_kubeconfig(self.kubeconfig)
        prepare(self.client)

    def stop(self) -> None:
        """Stop serving."""
        self.server.stop()


def prepare(client: Client) -> None:
    """Install our kinds, and make the namespaces that the tests use."""
    install_kinds(client)
    for name in ("stashgen-system", "demo"):
        manifest: JsonObject = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name},
        }
        client.create(NAMESPACES, None, manifest)


class Controller:
    """One ``stashgen-controller``; its log is read from a file."""

    def __init__(self, kubeconfig: Path, folder: Path, name: str, *flags: str) -> None:
        self.log = folder / f"{name}.log"
        program = Path(sys.executable).with_name("stashgen-controller")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--kubeconfig={kubeconfig}",
                    "--metrics-address=127.0.0.1:0",
                    *flags,
                ],
                stdin=subprocess.DEVNULL,
                stderr=log,
            )

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        text = self.log.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def said(self, message: str) -> bool:
        """Whether a message is in the log."""
        return any(line["msg"] == message for line in self.lines())

    @property
    def port(self) -> int:
        """Where it serves."""
        wait_until(lambda: self.said("serving"), f"no port: {self.log.read_text('utf-8')}")
        return int(next(line["port"] for line in self.lines() if line["msg"] == "serving"))

    def get(self, path: str) -> tuple[int, str]:
        """Ask its endpoint."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """A metric without labels."""
        found = re.search(rf"^{name} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    def ended(self) -> int:
        """Its exit code, once it ended by itself."""
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def end(self) -> None:
        """Kill it, if it is still there."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def wait_until(
    is_so: Callable[[], bool], otherwise: str, seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
