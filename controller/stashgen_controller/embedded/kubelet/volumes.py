"""A pod's volumes as folders: claims, empty folders, Secrets, ConfigMaps, pod fields, tokens."""

import base64
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from stashgen.api.base import JsonObject, list_of, mapping_of
from stashgen.api.resources import (
    CONFIG_MAPS,
    PERSISTENT_VOLUME_CLAIMS,
    SECRETS,
    Resource,
)
from stashgen_controller.kube.client import Client, NotFoundError

_DEFAULT_MODE = 0o644
_TOKEN_SECONDS = 3600


class NotReadyError(Exception):
    """The pod cannot start yet; the text says what is missing, in the kubelet's words."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Volumes:
    """Makes the folders of pods below one folder of the host."""

    def __init__(self, client: Client, state: Path) -> None:
        self._client = client
        self._state = state

    def claim(self, namespace: str, name: str) -> Path:
        """The folder of a claim, made on first use; any user may write there, as on NFS.

        Raises:
            NotReadyError: there is no such claim.
        """
        try:
            self._client.get(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        except NotFoundError as error:
            text = f'persistentvolumeclaim "{name}" not found'
            raise NotReadyError("Unschedulable", text) from error
        folder = self._state / "volumes" / namespace / name
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o777)
        return folder

    def prepare(self, pod: JsonObject, folder: Path) -> dict[str, Path]:
        """The folder of each volume by the volume's name.

        Raises:
            NotReadyError: a claim, Secret or ConfigMap is missing.
        """
        metadata = cast("dict[str, str]", pod["metadata"])
        spec = cast("JsonObject", pod["spec"])
        found = {}
        for volume in cast("list[JsonObject]", spec.get("volumes") or []):
            name = str(volume["name"])
            found[name] = self._one(pod, metadata["namespace"], volume, folder / name)
        return found

    def _one(self, pod: JsonObject, namespace: str, volume: JsonObject, folder: Path) -> Path:
        if claim := _source(volume, "persistentVolumeClaim"):
            return self.claim(namespace, str(claim["claimName"]))
        if path := _source(volume, "hostPath"):
            return Path(str(path["path"]))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if "emptyDir" in volume:
            folder.chmod(0o777)
        elif secret := _source(volume, "secret"):
            name = str(secret["secretName"])
            data = self._data(SECRETS, namespace, name, optional=bool(secret.get("optional")))
            files = {key: base64.b64decode(value) for key, value in data.items()}
            _write(folder, files, secret)
        elif config := _source(volume, "configMap"):
            name = str(config["name"])
            data = self._data(CONFIG_MAPS, namespace, name, optional=bool(config.get("optional")))
            _write(folder, {key: value.encode() for key, value in data.items()}, config)
        elif downward := _source(volume, "downwardAPI"):
            items = cast("list[JsonObject]", downward.get("items") or [])
            files = {
                str(item["path"]): pod_field(
                    pod, str(cast("JsonObject", item["fieldRef"])["fieldPath"])
                ).encode()
                for item in items
            }
            _write(folder, files, downward)
        elif projected := _source(volume, "projected"):
            _write(folder, _tokens(pod, volume), projected)
        else:
            kinds = sorted(set(volume) - {"name"})
            raise NotReadyError(
                "FailedMount", f"volume {volume['name']}: {kinds} is not known here"
            )
        return folder

    def _data(
        self, resource: Resource, namespace: str, name: str, *, optional: bool
    ) -> Mapping[str, str]:
        try:
            obj = self._client.get(resource, namespace, name)
        except NotFoundError as error:
            if optional:
                return {}
            text = f'{resource.kind.lower()} "{name}" not found'
            raise NotReadyError("FailedMount", text) from error
        return cast("Mapping[str, str]", obj.get("data") or {})


def pod_field(pod: JsonObject, path: str) -> str:
    """A field that the downward API can show (Kubernetes, "Downward API"); empty if unset."""
    head, _, rest = path.partition("[")
    value: object = pod
    for step in head.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if rest:
        key = rest.rstrip("]").strip("'\"")
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _tokens(pod: JsonObject, volume: JsonObject) -> Mapping[str, bytes]:
    """The ServiceAccount's tokens by file.

    Nothing signs them: they say whose they are to a token service of a test, and to no other.

    Raises:
        NotReadyError: something else is projected as well.
    """
    metadata, spec = mapping_of(pod, "metadata"), mapping_of(pod, "spec")
    account = f"{metadata['namespace']}:{spec['serviceAccountName']}"
    files = {}
    for source in list_of(mapping_of(volume, "projected"), "sources"):
        if set(source) != {"serviceAccountToken"}:
            text = f"volume {volume['name']}: only tokens are projected here"
            raise NotReadyError("FailedMount", text)
        token = mapping_of(source, "serviceAccountToken")
        claims = {
            "aud": [token.get("audience", "")],
            "exp": int(time.time()) + int(str(token.get("expirationSeconds", _TOKEN_SECONDS))),
            "sub": f"system:serviceaccount:{account}",
        }
        parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
        encoded = (base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        files[str(token["path"])] = b".".join((*encoded, b""))
    return files


def _source(volume: JsonObject, kind: str) -> JsonObject | None:
    return cast("JsonObject | None", volume.get(kind))


def _write(folder: Path, files: Mapping[str, bytes], source: JsonObject) -> None:
    mode = int(str(source.get("defaultMode", _DEFAULT_MODE)))
    for name, data in files.items():
        path = folder / name
        path.write_bytes(data)
        path.chmod(mode)
    folder.chmod(0o755)


def chown_tree(folder: Path, gid: int) -> None:
    """Give files to a group, as the kubelet does for ``fsGroup``."""
    for root, _, names in os.walk(folder):
        for path in (Path(root), *(Path(root) / name for name in names)):
            os.chown(path, -1, gid, follow_symlinks=False)
