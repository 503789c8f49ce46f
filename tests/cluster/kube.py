"""The tests' hand on the real cluster: its command line and kubectl."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.place import ROOT
from tools.cluster.layout import Layout

Json = Any
_COMMAND_SECONDS = 180
_STEP_SECONDS = 0.2


class KubeError(Exception):
    """A command failed; the text is what it wrote to standard error, else to standard output."""


class Kube:
    """A running cluster."""

    def __init__(self) -> None:
        self.layout = Layout.configured()

    def cluster(self, *arguments: str) -> str:
        """Run a verb of ``tools.cluster``."""
        return self._run(sys.executable, "-m", "tools.cluster", *arguments)

    def kubectl(self, *arguments: str, content: str | None = None) -> str:
        """Run kubectl as the administrator, or as who the arguments say."""
        return self._run("kubectl", *arguments, content=content)

    def apply(self, namespace: str, *objects: Mapping[str, Json]) -> None:
        """Apply objects to a namespace."""
        for item in objects:
            text = json.dumps(item)
            self.kubectl("apply", f"--namespace={namespace}", "--filename=-", content=text)

    def get(self, namespace: str, kind: str, name: str) -> Json:
        """One object."""
        text = self.kubectl("get", f"--namespace={namespace}", kind, name, "--output=json")
        return json.loads(text)

    def finish(self, namespace: str, pod: str) -> str:
        """Wait until a pod has succeeded, and give back its log."""
        self.wait_until(
            lambda: self.get(namespace, "pod", pod)["status"]["phase"] in {"Succeeded", "Failed"}
        )
        log = self.kubectl("logs", f"--namespace={namespace}", pod)
        status = self.get(namespace, "pod", pod)["status"]
        assert status["phase"] == "Succeeded", (log, status)
        return log

    @staticmethod
    def wait_until(is_true: Callable[[], object], seconds: float = 180) -> None:
        """Look again and again until it is so."""
        deadline = time.monotonic() + seconds
        while not is_true():
            assert time.monotonic() < deadline, f"not so after {seconds:.0f} s"
            time.sleep(_STEP_SECONDS)

    def _run(self, *command: str, content: str | None = None) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"KUBECONFIG": str(self.layout.kubeconfig)},
            input=content or "",
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise KubeError(done.stderr.strip() or done.stdout.strip())
        return done.stdout
