"""The real cluster as the proofs of the 21 steps look at it: kubectl and the node's folders."""

import json
from collections.abc import Mapping
from pathlib import Path

from stashgen.api.resources import Resource
from tests.cluster.kube import Kube, KubeError
from tools.acceptance.view import DemoError, Json, View, age


class KubeView(View):
    """Reads by ``kubectl get --output=json`` only."""

    def __init__(self, kube: Kube, restic_environment: Mapping[str, str]) -> None:
        self._kube = kube
        self.restic_environment = restic_environment

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """One object."""
        try:
            return self._kube.get(namespace or "", _kind(resource), name)
        except KubeError as error:
            raise DemoError(str(error)) from error

    def items(self, resource: Resource, namespace: str) -> list[Json]:
        """The objects of a kind, oldest first."""
        arguments = ["get", f"--namespace={namespace}", _kind(resource), "--output=json"]
        return sorted(json.loads(self._kube.kubectl(*arguments))["items"], key=age)

    def volume(self, namespace: str, claim: str) -> Path:
        """The folder of the node behind a claim."""
        volume = self._kube.get(namespace, "persistentvolumeclaim", claim)["spec"]["volumeName"]
        return Path(self._kube.get("", "persistentvolume", volume)["spec"]["local"]["path"])

    def refusal(self, resource: Resource, namespace: str, name: str, patch: Json) -> str | None:
        """Why the API server refuses a merge patch; None where it takes it."""
        try:
            self._kube.kubectl(
                "patch", f"--namespace={namespace}", _kind(resource), name, "--type=merge",
                f"--patch={json.dumps(patch)}",
            )  # fmt: skip
        except KubeError as error:
            return str(error)
        return None


def _kind(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
