"""The overview of ``kubectl stashgen status``: what needs attention, and counts of the rest.

A value computed from objects and the time; nothing is printed here.
"""

from dataclasses import dataclass
from datetime import datetime

from stashgen.api.snapshot import Phase
from stashgen_controller.kubectl.status.backups import (
    failed_backups,
    failed_retention,
    incomplete_backups,
    late,
    running_backups,
)
from stashgen_controller.kubectl.status.entry import FINDINGS, Entry, Section
from stashgen_controller.kubectl.status.origin import foreign_copies
from stashgen_controller.kubectl.status.readiness import not_ready, paused, unprotected, unreadable
from stashgen_controller.kubectl.status.restores import (
    failed_restores,
    incomplete_restores,
    running_restores,
)
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.runtime.scanned import ScannedReader


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of all backups that a reader shows.

    Attributes:
        entries: By section, then by namespace and name.
        copies, copies_met: Copies of sessions, and how many are recent enough.
        volumes, protected, excused: Claims that could be backed up; those with a
            BackupConfiguration; those with an opt-out. A volume that the bucket's history is
            not of, because it was neither backed up nor restored here, is not protected by it.
        restore_points: Good Snapshots.
    """

    entries: tuple[Entry, ...]
    copies: int
    copies_met: int
    volumes: int
    protected: int
    excused: int
    restore_points: int

    def of(self, section: Section) -> list[Entry]:
        """The entries of a section."""
        return [entry for entry in self.entries if entry.section is section]

    @property
    def is_well(self) -> bool:
        """Whether nothing needs attention."""
        return not any(entry.section in FINDINGS for entry in self.entries)


def overview(reader: ScannedReader, now: datetime) -> Overview:
    """The overview of everything that a reader shows."""
    view = View(reader, now)
    known = {(*copy.session_key, copy.repository) for copy in view.copies if not copy.is_met}
    entries = [
        *late(view),
        *failed_backups(view, known),
        *failed_retention(view),
        *failed_restores(view),
        *unreadable(view),
        *not_ready(view),
        *unprotected(view),
        *incomplete_backups(view),
        *incomplete_restores(view),
        *paused(view),
        *running_backups(view),
        *running_restores(view),
    ]
    order = list(Section)
    entries.sort(key=lambda item: (order.index(item.section), item.namespace, item.what))
    claims = [claim for claim in view.claims if not claim.is_store]
    foreign = foreign_copies(view)
    waiting = {(copy.namespace, view.target(copy)) for copy in foreign}
    met = [copy for copy in view.copies if copy.is_met and copy not in foreign]
    return Overview(
        tuple(entries),
        copies=len(view.copies),
        copies_met=len(met),
        volumes=len(claims),
        protected=sum(
            claim.is_target and (claim.namespace, claim.name) not in waiting for claim in claims
        ),
        excused=sum(bool(claim.opt_out) and not claim.is_target for claim in claims),
        restore_points=sum(item.phase is Phase.SUCCEEDED for item in view.snapshots),
    )
