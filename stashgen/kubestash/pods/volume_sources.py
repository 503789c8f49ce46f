"""Volume sources as the API server stores them, and a Secret as files."""

from typing import cast

from stashgen.api.base import JsonObject

_KEY_MODE = 0o440
_KEY_MODE_OF_OTHERS = 0o444
_FILE_MODE = 0o644
# The API server's own default; the kubelet renews a token after four fifths of it.
_TOKEN_SECONDS = 3600
# What the API server fills in (core/v1, SetDefaults_...VolumeSource).
_SOURCE_DEFAULTS: dict[str, JsonObject] = {
    "azureDisk": {
        "cachingMode": "ReadWrite",
        "fsType": "ext4",
        "kind": "Shared",
        "readOnly": False,
    },
    "configMap": {"defaultMode": _FILE_MODE},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"keyring": "/etc/ceph/keyring", "pool": "rbd", "user": "admin"},
    "scaleIO": {"fsType": "xfs", "storageMode": "ThinProvisioned"},
    "secret": {"defaultMode": _FILE_MODE},
}
_THREE_VALUED = {"azureDisk", "csi"}


def secret_volume(
    volume: str, secret: str, path: str, *, is_root: bool
) -> tuple[JsonObject, JsonObject]:
    """A Secret of the pod's own namespace as files.

    It is optional: the worker reports its absence as ``SecretMissing``, while a pod that waits
    for it would say nothing.
    """
    # The kubelet gives a Secret's files to root, and we set no fsGroup that would share them.
    mode = _KEY_MODE if is_root else _KEY_MODE_OF_OTHERS
    source: JsonObject = {"secretName": secret, "optional": True, "defaultMode": mode}
    return (
        {"name": volume, "secret": source},
        {"name": volume, "mountPath": path, "readOnly": True},
    )


def token_volume(volume: str, file: str, audience: str, path: str) -> tuple[JsonObject, JsonObject]:
    """A token of the pod's ServiceAccount as a file, for others than the API server.

    The kubelet renews it, and gives the file to the pod's user.
    """
    token: JsonObject = {"audience": audience, "expirationSeconds": _TOKEN_SECONDS, "path": file}
    sources: list[JsonObject] = [{"serviceAccountToken": token}]
    projected = cast("JsonObject", {"defaultMode": _FILE_MODE, "sources": sources})
    return (
        {"name": volume, "projected": projected},
        {"name": volume, "mountPath": path, "readOnly": True},
    )


def as_stored(source: JsonObject) -> JsonObject:
    """A volume source as the API server stores it: with its defaults, without what it leaves out.

    Source: Kubernetes 1.34, defaults of core/v1; ``readOnly: false`` (as KubeStash's schema stores
    it) is left out except where core/v1 tells it from nothing.
    """
    found: JsonObject = {}
    for kind, value in source.items():
        block = dict(cast("JsonObject", value))
        if block.get("readOnly") is False and kind not in _THREE_VALUED:
            del block["readOnly"]
        found[kind] = {**_SOURCE_DEFAULTS.get(kind, {}), **block}
    return found
