"""The overview of ``kubectl stashgen status``: what needs attention, and counts of the rest.

A value computed from objects and the time; nothing is printed here.
"""

from dataclasses import dataclass
from datetime import datetime

from stashgen.api.snapshot import Phase
from stashgen_controller.kubectl.status.backups import (
    failed_backups,
    failed_retention,
    failed_upkeep,
    incomplete_backups,
    late,
    missed_objectives,
    running_backups,
    without_backup,
)
from stashgen_controller.kubectl.status.entry import FINDINGS, Entry, Section
from stashgen_controller.kubectl.status.origin import foreign_copies
from stashgen_controller.kubectl.status.readiness import (
    left_over,
    malformed,
    not_ready,
    paused,
    unprotected,
)
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
        copies, copies_met: Copies of sessions, and how many have a recent enough snapshot.
        volumes, protected, excused: Claims that could be backed up; those with a
            BackupConfiguration that has made a good snapshot; those with an opt-out. A volume
            that the bucket's history is not of, because it was neither backed up nor restored
            here, is not protected by it.
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
        """Whether there is something, and nothing of it needs attention."""
        return not self.is_empty and not any(entry.section in FINDINGS for entry in self.entries)

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a volume nor a backup: then nothing is known to be well."""
        return not self.volumes and not self.copies


def entries_of(view: View) -> list[Entry]:
    """All lines; what is said of one volume is among them, so that both always agree."""
    known = {
        (*copy.session_key, copy.repository)
        for copy in view.copies
        if not copy.is_met or copy.newest is None
    }
    entries = [
        *late(view),
        *missed_objectives(view, known),
        *without_backup(view),
        *failed_backups(view, known),
        *failed_retention(view),
        *failed_upkeep(view),
        *failed_restores(view),
        *malformed(view),
        *not_ready(view),
        *unprotected(view),
        *left_over(view),
        *incomplete_backups(view),
        *incomplete_restores(view),
        *paused(view),
        *running_backups(view),
        *running_restores(view),
    ]
    order = list(Section)
    return sorted(entries, key=lambda item: (order.index(item.section), item.namespace, item.what))


def overview(reader: ScannedReader, now: datetime) -> Overview:
    """The overview of everything that a reader shows."""
    view = View(reader, now)
    entries = entries_of(view)
    claims = [claim for claim in view.claims if not claim.is_store]
    foreign = foreign_copies(view)
    own = [copy for copy in view.copies if copy.newest is not None and copy not in foreign]
    backed_up = {(copy.namespace, view.target(copy)) for copy in own}
    waiting = {(copy.namespace, view.target(copy)) for copy in foreign}
    return Overview(
        tuple(entries),
        copies=len(view.copies),
        copies_met=sum(copy.is_met for copy in own),
        volumes=len(claims),
        protected=sum(
            claim.is_target and (claim.namespace, claim.name) in backed_up - waiting
            for claim in claims
        ),
        excused=sum(bool(claim.opt_out) and not claim.is_target for claim in claims),
        restore_points=sum(item.phase is Phase.SUCCEEDED for item in view.snapshots),
    )
