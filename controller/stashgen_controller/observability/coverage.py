"""Which volumes nothing backs up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.labels import OPT_OUT_ANNOTATION
from stashgen.api.resources import PERSISTENT_VOLUME_CLAIMS
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class ClaimCoverage:
    """One PersistentVolumeClaim.

    Attributes:
        namespace, name: Which claim.
        obj: As stored.
        is_target: A BackupConfiguration backs it up.
        is_store: A BackupStorage keeps backups on it.
        opt_out: Why it needs none; empty where nothing is said.
    """

    namespace: str
    name: str
    obj: JsonObject
    is_target: bool
    is_store: bool
    opt_out: str

    @property
    def is_open(self) -> bool:
        """Nobody backs it up and nobody says why not."""
        return not (self.is_target or self.is_store or self.opt_out)


def coverage(
    reader: Reader,
    configurations: Iterable[BackupConfiguration],
    storages: Iterable[BackupStorage],
) -> list[ClaimCoverage]:
    """Every claim, and whether it is backed up, holds backups, or is excused."""
    targets = set()
    for configuration in configurations:
        target = configuration.spec.target
        if target is not None and target.kind == "PersistentVolumeClaim":
            namespace = target.namespace or configuration.metadata.namespace
            targets.add((namespace or "", target.name))
    stores = set()
    for storage in storages:
        claim = storage.local.persistent_volume_claim if storage.local else None
        if claim is not None:
            stores.add((storage.metadata.namespace or "", claim.claim_name))
    found = []
    for obj in reader.items(PERSISTENT_VOLUME_CLAIMS):
        metadata = cast("JsonObject", obj["metadata"])
        annotations = cast("dict[str, str]", metadata.get("annotations") or {})
        key = (str(metadata.get("namespace") or ""), str(metadata["name"]))
        found.append(
            ClaimCoverage(
                *key,
                obj,
                key in targets,
                key in stores,
                str(annotations.get(OPT_OUT_ANNOTATION) or ""),
            )
        )
    return found
