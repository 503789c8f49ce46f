"""What a restore's own volumes are: its target, and the key that it names.

In strict mode the API server compares the pod with the reviewed one, so that few of them can be
others: it is said at once.
"""

from collections.abc import Callable
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.labels import PART_LABEL, is_rendered
from stashgen.api.repository import Repository
from stashgen.api.shared import ObjectReference
from stashgen.api.strict_mode import restore_claim_prefix
from stashgen.kubestash.addons import DATA_VOLUME
from stashgen.kubestash.pods.volumes import ENCRYPTION_VOLUME
from stashgen_controller.listers.indexes.repositories import REPOSITORIES_BY_TARGET
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.kind import Reader


def with_claim(template: JsonObject, claim: str) -> JsonObject:
    """The template with only the data volume's claim replaced."""
    source: JsonObject = {"persistentVolumeClaim": {"claimName": claim}}
    return _with_volume(template, DATA_VOLUME, lambda volume: {**volume, **source})


def with_key(template: JsonObject, key: ObjectReference) -> JsonObject:
    """The template with only the Secret of the key replaced."""

    def replaced(volume: JsonObject) -> JsonObject:
        secret = cast("JsonObject", volume.get("secret") or {})
        return {**volume, "secret": {**secret, "secretName": key.name}}

    return _with_volume(template, ENCRYPTION_VOLUME, replaced)


def _with_volume(
    template: JsonObject, name: str, change: Callable[[JsonObject], JsonObject]
) -> JsonObject:
    spec = cast("JsonObject", template["spec"])
    volumes = [
        change(volume) if volume.get("name") == name else volume
        for volume in cast("list[JsonObject]", spec.get("volumes") or [])
    ]
    return {**template, "spec": {**spec, "volumes": cast("JsonValue", volumes)}}


def names_own_key(repository: Repository, key: ObjectReference | None) -> bool:
    """Whether a restore names another Secret than the Repository."""
    known = repository.spec.encryption_secret
    return key is not None and (known is None or known.name != key.name)


def not_reviewed(
    reader: Reader,
    repository: Repository,
    template: JsonObject,
    *,
    claim: str,
    key: ObjectReference | None,
) -> Reason | None:
    """Why the API server would refuse the restore's pod in a strict cluster."""
    if PART_LABEL not in cast("JsonObject", metadata_of(template).get("labels") or {}):
        return None
    own = repository.spec.app_ref.name if repository.spec.app_ref is not None else ""
    prefix = restore_claim_prefix(own)
    text = None
    if claim != own and not claim.startswith(prefix):
        text = (
            f"in strict mode, snapshots of {own} can be restored only into {own} or into a "
            f"PersistentVolumeClaim whose name begins with {prefix}"
        )
    elif claim != own and _is_backed_up(reader, repository.metadata.namespace, claim):
        text = f"{claim} is itself backed up, so snapshots of {own} cannot be restored into it"
    elif key is not None and names_own_key(repository, key):
        text = (
            f"in strict mode, snapshots of {own} can be read only with the key of Repository "
            f"{repository.metadata.name}, not with Secret {key.name}"
        )
    return Reason(Cause.NOT_REVIEWED, text) if text is not None else None


def _is_backed_up(reader: Reader, namespace: str | None, claim: str) -> bool:
    """Whether a compiled Repository is of the claim."""
    return any(
        is_rendered(item.metadata)
        for item in reader.by(REPOSITORIES_BY_TARGET, namespace or "", claim)
    )
