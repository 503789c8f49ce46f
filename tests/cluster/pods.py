"""Pods that PodSecurity ``restricted`` lets in."""

from typing import Any

from tests.support.compiled_project import NOBODY
from tools.cluster.images import BUSYBOX

Json = Any


def pod(name: str, command: list[str], image: str = BUSYBOX, **spec: Json) -> Json:
    """A pod that runs one command once."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": pod_spec(command, image, **spec),
    }


def pod_spec(command: list[str], image: str = BUSYBOX, **spec: Json) -> Json:
    """What a pod or a template runs; ``mounts`` are those of its only container."""
    container = {
        "name": "main",
        "image": image,
        "command": command,
        "volumeMounts": spec.pop("mounts", []),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "fsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        **spec,
    }
