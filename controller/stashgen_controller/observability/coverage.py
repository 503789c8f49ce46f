"""Which volumes nothing backs up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.namespace import Namespace
from stashgen.api.opt_out import opt_out
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
    today: date,
) -> list[ClaimCoverage]:
    """Every claim, and whether it is backed up, holds backups, or is opted out.

    An opt-out may be the namespace's; one whose last day is before ``today`` (UTC) has ended.
    """
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
    namespaces = {
        item.metadata.name: item.metadata.annotations or {} for item in reader.items(Namespace)
    }
    found = []
    for item in sorted(reader.items(PersistentVolumeClaim), key=lambda item: item.key):
        of_namespace = namespaces.get(item.metadata.namespace or "", {})
        out = opt_out(item.metadata.annotations or {}, of_namespace)
        reason = out.reason if out is not None and out.holds(today) else ""
        found.append(
            ClaimCoverage(*item.key, item, item.key in targets, item.key in stores, reason)
        )
    return found
