"""Copies whose restore points are another volume's, as this one was never backed up here."""

from datetime import datetime

from stashgen.api.labels import RECORD_ANNOTATION
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.observability.freshness import CopyState
from stashgen_controller.runtime.conditions import is_true


def foreign_copies(view: View) -> list[CopyState]:
    """The copies in a Repository that expects a restore, without a backup of the volume itself.

    With plain manifests backups go on all the same, and then they are the volume's own.
    """
    expecting = {
        item.key
        for item in view.repositories
        if item.status is not None
        and is_true(item.status.conditions, ConditionType.RESTORE_EXPECTED)
    }
    suspects = [copy for copy in view.copies if (copy.namespace, copy.repository) in expecting]
    if not suspects:
        return []
    made = {
        (claim.namespace, claim.name): claim.claim.metadata.creation_timestamp
        for claim in view.claims
    }
    return [
        copy
        for copy in suspects
        if not any(
            _is_own(snapshot, copy, made.get((copy.namespace, view.target(copy))))
            for snapshot in view.snapshots
        )
    ]


def _is_own(snapshot: Snapshot, copy: CopyState, claim_made: datetime | None) -> bool:
    """Whether a Snapshot was taken of the claim that is there now, by this cluster."""
    metadata, spec = snapshot.metadata, snapshot.spec
    place = (metadata.namespace, spec.repository, spec.session)
    if place != (copy.namespace, copy.repository, copy.session):
        return False
    if snapshot.phase is not Phase.SUCCEEDED or RECORD_ANNOTATION in (metadata.annotations or {}):
        return False
    created = metadata.creation_timestamp
    return claim_made is None or (created is not None and created >= claim_made)
