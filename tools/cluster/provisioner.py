"""Makes the volumes of the default StorageClass: one folder of the node each.

    python3 provisioner.py ADDRESS PKI_FOLDER FOLDER NODE

They are ``local`` volumes, not ``hostPath``: for those the kubelet applies a pod's fsGroup, so that
a pod under PodSecurity ``restricted`` can write. A claim with a data source is left to whoever
populates it, as the provisioner of a CSI driver does. Runs in the node with the standard library
alone; what it may do is in addons.yaml.
"""

import json
import shutil
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any

PROVISIONER = "cluster.stashgen.dev/folder"
CLASS = "standard"
_CLAIMS = "/api/v1/persistentvolumeclaims"
_VOLUMES = "/api/v1/persistentvolumes"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_AS_WANTED = {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}  # made or deleted already
_RETRY_SECONDS = 1.0
_TIMEOUT_SECONDS = 30.0
_WATCH_SECONDS = 300

Json = Any


class Api:
    """The few requests to the API server, each on a connection of its own."""

    def __init__(self, address: str, pki: Path) -> None:
        self._address = address
        self._tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._tls.load_cert_chain(pki / "provisioner.crt", pki / "provisioner.key")

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """One request; what already is as wanted is no error."""
        with self._answer(method, path, body) as answer:
            return json.load(answer)

    def each(self, path: str) -> Iterator[Json]:
        """Every object, then each one again as it changes, until the connection ends."""
        listed = self.call("GET", path)
        yield from listed["items"]
        version = listed["metadata"]["resourceVersion"]
        watch = f"{path}?watch=1&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        with self._answer("GET", watch) as lines:
            for line in lines:
                event = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED"}:
                    yield event["object"]
                elif event["type"] == "ERROR":
                    return

    @contextmanager
    def _answer(self, method: str, path: str, body: Json = None) -> Iterator[HTTPResponse]:
        connection = HTTPSConnection(
            self._address, timeout=_WATCH_SECONDS + _TIMEOUT_SECONDS, context=self._tls
        )
        with closing(connection):
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status >= HTTPStatus.BAD_REQUEST and answer.status not in _AS_WANTED:
                raise HTTPException(f"{method} {path}: {answer.status} {answer.read().decode()}")
            yield answer


class Provisioner:
    """Folders for claims, and an end to those whose claim is gone."""

    def __init__(self, api: Api, folder: Path, node: str) -> None:
        self._api = api
        self._folder = folder
        self._node = node

    def serve_claims(self) -> None:
        """Make a volume for every pending claim of the class."""
        for claim in self._api.each(_CLAIMS):
            spec = claim["spec"]
            wanted = (
                spec.get("storageClassName") == CLASS
                and not spec.get("volumeName")
                and not spec.get("dataSourceRef")
                and not spec.get("selector")
                and "deletionTimestamp" not in claim["metadata"]
            )
            if wanted:
                self._provision(claim)

    def reclaim_volumes(self) -> None:
        """Remove every volume of ours whose claim was deleted."""
        for volume in self._api.each(_VOLUMES):
            metadata, spec = volume["metadata"], volume["spec"]
            released = (
                metadata.get("annotations", {}).get(_PROVISIONED_BY) == PROVISIONER
                and spec["persistentVolumeReclaimPolicy"] == "Delete"
                and volume.get("status", {}).get("phase") == "Released"
                and "deletionTimestamp" not in metadata
            )
            if released:
                shutil.rmtree(self._folder / metadata["name"], ignore_errors=True)
                self._api.call("DELETE", f"{_VOLUMES}/{metadata['name']}")

    def _provision(self, claim: Json) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{metadata['uid']}"
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        hostname = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self._node]}
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {_PROVISIONED_BY: PROVISIONER}},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
                "local": {"path": str(folder)},
                "nodeAffinity": {
                    "required": {"nodeSelectorTerms": [{"matchExpressions": [hostname]}]}
                },
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": CLASS,
            },
        }
        self._api.call("POST", _VOLUMES, volume)
        print(f"made {name} for {metadata['namespace']}/{metadata['name']}", flush=True)


def main(address: str, pki: str, folder: str, node: str) -> None:
    """Serve both kinds for ever."""
    provisioner = Provisioner(Api(address, Path(pki)), Path(folder), node)
    for work in (provisioner.serve_claims, provisioner.reclaim_volumes):
        threading.Thread(target=_again_and_again, args=(work,)).start()


def _again_and_again(work: Callable[[], None]) -> None:
    while True:
        try:
            work()
        # The API server is restarted by tests; everything is listed again when it is back.
        except (OSError, HTTPException, json.JSONDecodeError) as error:
            print(f"{work.__name__}: {error}", flush=True)
        time.sleep(_RETRY_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
