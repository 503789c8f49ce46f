"""Volumes of a policy that belong to what another BackupConfiguration in the inventory backs up."""

import re
from collections.abc import Iterator, Sequence

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.inventory import CLAIM, ForeignBackup, Volume
from stashgen.model.resolved import Protection
from stashgen.resolve.findings import Code

# What KubeDB puts on the claims of a database.
_INSTANCE, _MANAGER = "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"
_KUBEDB = "kubedb.com"


def foreign_backup_findings(
    backups: Sequence[ForeignBackup], protections: Sequence[Protection]
) -> Iterator[Finding]:
    """An error for each foreign BackupConfiguration that would be there beside one of ours.

    A doubt counts: a backup that nobody wants twice is easily excluded from either side.
    """
    by_namespace: dict[tuple[str, str | None], list[Protection]] = {}
    for protection in protections:
        key = protection.volume.key
        for namespace in (key.namespace, None):
            by_namespace.setdefault((key.cluster_id, namespace), []).append(protection)
    for backup in backups:
        places = dict.fromkeys((backup.namespace, backup.target_namespace))
        near = (
            protection
            for namespace in places
            for protection in by_namespace.get((backup.cluster_id, namespace), ())
        )
        for protection in near:
            why = _why_same(backup, protection)
            if why is not None:
                yield _finding(backup, protection, why)
                break


def _why_same(backup: ForeignBackup, protection: Protection) -> str | None:
    key = protection.volume.key
    # A namespace that is not known may be any.
    is_beside = backup.namespace in {None, key.namespace}
    if is_beside and protection.configuration == backup.name:
        return "a BackupConfiguration of that name would be rendered into its namespace"
    if backup.target_kind == CLAIM:
        # Our controller runs both, one after the other.
        return None
    if backup.target_namespace not in {None, key.namespace}:
        return None
    owner = f"{backup.target_kind} {quote(backup.target)}"
    if key.name in backup.claims:
        return f"{owner} mounts the volume"
    if _is_named_after(backup.target, protection.volume):
        return f"by its name or its labels the volume belongs to {owner}"
    return None


def _is_named_after(target: str, volume: Volume) -> bool:
    """Whether a volume looks like one of a workload or a database.

    The claims of a StatefulSet, which databases are too, are ``<template>-<name>-<ordinal>``.
    """
    if not target:
        return False
    if volume.labels.get(_INSTANCE) == target and volume.labels.get(_MANAGER) == _KUBEDB:
        return True
    name = volume.key.name
    return name == target or re.fullmatch(rf".+-{re.escape(target)}-\d+", name) is not None


def _finding(backup: ForeignBackup, protection: Protection, why: str) -> Finding:
    key = protection.volume.key
    volume = quote(f"{key.namespace}/{key.name}")
    return Finding(
        code=Code.FOREIGN_BACKUP,
        severity=Severity.ERROR,
        position=backup.position,
        subject=f"BackupConfiguration/{backup.name} spec.target",
        what=f"policy {quote(protection.policy)} would protect volume {volume} beside it",
        why=f"{why}; two tools that back up and restore the same data know nothing of each other",
        fix="exclude the volume from the policy, or this file from the inventory's patterns",
        related=(protection.volume.position,),
    )
