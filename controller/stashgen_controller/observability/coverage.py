"""Which volumes nothing backs up."""

from collections.abc import Iterable
from dataclasses import dataclass

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.labels import OPT_OUT_ANNOTATION
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.kubestash.backends import backend_of
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class ClaimCoverage:
    """One PersistentVolumeClaim.

    Attributes:
        namespace, name: Which claim.
        claim: As stored.
        is_target: A BackupConfiguration of its namespace names it as what is to be backed up.
        is_store: A BackupStorage keeps backups on it.
        opt_out: Why it needs no backup; empty without an opt-out.
    """

    namespace: str
    name: str
    claim: PersistentVolumeClaim
    is_target: bool
    is_store: bool
    opt_out: str

    @property
    def is_open(self) -> bool:
        """Whether it is neither backed up nor opted out."""
        return not (self.is_target or self.is_store or self.opt_out)


def coverage(
    reader: Reader,
    configurations: Iterable[BackupConfiguration],
    storages: Iterable[BackupStorage],
) -> list[ClaimCoverage]:
    """Every claim, and whether it is backed up, holds backups, or is opted out."""
    targets = set()
    for configuration in configurations:
        target = configuration.spec.target
        namespace = configuration.metadata.namespace or ""
        # One that names another namespace's volume is invalid, and backs up neither.
        is_claim = target is not None and target.kind == "PersistentVolumeClaim"
        if target is not None and is_claim and target.namespace in {None, "", namespace}:
            targets.add((namespace, target.name))
    stores = set()
    for storage in storages:
        backend = backend_of(storage.spec.storage)
        if backend is not None and backend.claim is not None:
            stores.add((storage.metadata.namespace or "", backend.claim))
    found = []
    for item in sorted(reader.items(PersistentVolumeClaim), key=lambda item: item.key):
        opt_out = (item.metadata.annotations or {}).get(OPT_OUT_ANNOTATION) or ""
        found.append(
            ClaimCoverage(*item.key, item, item.key in targets, item.key in stores, opt_out)
        )
    return found
