"""A project whose storage is a bucket, as the tests with real pods apply it."""

import base64
from collections.abc import Mapping
from pathlib import Path

import yaml

from stashgen.api.base import JsonObject
from stashgen.cli.main import run
from tests.support.gateway import Gateway

_PROJECT = """
apiVersion: stashgen.dev/v1alpha1
kind: Project
metadata: {name: s3}
spec:
  policies: [policies]
  defaults: {encryption: {secretName: restic-key}, job: {runAs: {user: 0}}}
  clusters:
  - {name: demo, id: dem1, inventory: [{manifests: ["clusters/*.yaml"]}]}
"""


def rendered(
    folder: Path, gateway: Gateway, bucket: str, *, policies: str, claims: str
) -> list[JsonObject]:
    """What ``stashgen build`` writes.

    Args:
        folder: For the project.
        gateway: The S3 server.
        bucket: Replaces ``BUCKET`` in the policies; ``PREFIX`` and ``ENDPOINT`` are the server's.
        policies: Storages and policies.
        claims: The inventory.
    """
    for word, value in (("BUCKET", bucket), ("PREFIX", gateway.prefix), ("ENDPOINT", gateway.url)):
        policies = policies.replace(word, value)
    for name, text in (
        ("stashgen.yaml", _PROJECT),
        ("policies/all.yaml", policies),
        ("clusters/claims.yaml", claims),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    assert run(["build", "--project", str(folder)]) == 0
    return [
        document
        for path in sorted((folder / "rendered").rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def keys_secret(namespace: str, name: str, keys: Mapping[str, bytes]) -> JsonObject:
    """A Secret with the keys to a bucket."""
    data: JsonObject = {key: base64.b64encode(value).decode() for key, value in keys.items()}
    metadata: JsonObject = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
