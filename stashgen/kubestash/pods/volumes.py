"""The volumes of a worker's pod: the storage, the target, the encryption key, scratch space."""

from typing import cast

from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.repository import Repository
from stashgen.api.shared import TaskReference
from stashgen.kubestash.addons import DATA_VOLUME, TMP_VOLUME
from stashgen.kubestash.paths import DATA_PATH, ENCRYPTION_PATH
from stashgen.kubestash.pods.volume_sources import as_stored, secret_volume
from stashgen.kubestash.variables import substitute

ENCRYPTION_VOLUME = "encryption"


def target(
    repository: Repository, *, read_only: bool, has_group: bool = False
) -> tuple[JsonObject, JsonObject]:
    """The volume of the repository's claim, and its mount.

    Args:
        repository: Whose target it is.
        read_only: For a backup.
        has_group: The pod has an fsGroup. The kubelet gives a volume's files to that group unless
            the volume itself, not only its mount, is read-only (Kubernetes, "Security context"):
            a backup must not change the live volume.
    """
    app = repository.spec.app_ref
    claim: JsonObject = {"claimName": app.name if app is not None else ""}
    mount: JsonObject = {"name": DATA_VOLUME, "mountPath": DATA_PATH}
    if read_only:
        mount["readOnly"] = True
        if has_group:
            claim["readOnly"] = True
    return {"name": DATA_VOLUME, "persistentVolumeClaim": claim}, mount


def encryption(repository: Repository, *, is_root: bool) -> list[tuple[JsonObject, JsonObject]]:
    """The volume of the repository's key, and its mount; nothing where no Secret is named."""
    secret = repository.spec.encryption_secret
    if secret is None:
        return []
    return [secret_volume(ENCRYPTION_VOLUME, secret.name, ENCRYPTION_PATH, is_root=is_root)]


def is_scratch_volume(name: str | None) -> bool:
    """Whether an entry of ``addonVolumes`` means the scratch volume."""
    return substitute(name or "", {"RESTIC_CACHE_VOLUME": TMP_VOLUME}) == TMP_VOLUME


def scratch_source(task: TaskReference) -> JsonObject | None:
    """What a user put in place of the scratch volume (``addonVolumes``), as a volume source.

    A ``volumeClaimTemplate`` becomes a generic ephemeral volume (Kubernetes, "Ephemeral
    Volumes"), which goes with the pod.
    """
    for volume in task.addon_volumes or ():
        source = volume.source
        if not is_scratch_volume(volume.name) or source is None:
            continue
        template = source.get("volumeClaimTemplate")
        if not isinstance(template, dict):
            return as_stored(source)
        return {"ephemeral": {"volumeClaimTemplate": _claim_template(template)}}
    return None


def _claim_template(template: JsonObject) -> JsonObject:
    """An ephemeral volume's template has labels and annotations, its claim the pod's name."""
    metadata = metadata_of(template)
    kept: JsonObject = {
        key: value for key, value in metadata.items() if key in {"labels", "annotations"}
    }
    spec = cast("JsonObject", template.get("spec") or {})
    return {"metadata": kept, "spec": {"volumeMode": "Filesystem", **spec}}
