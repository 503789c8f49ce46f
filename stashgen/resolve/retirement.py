"""What happens to the histories in the previous output: continued, retired, or lost.

A volume that was protected and no longer is an error, whatever the reason. Files alone cannot tell
a deleted claim from one that merely disappeared from the inventory, so an entry of ``spec.retired``
is the only way to end a volume's protection.
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from stashgen.diagnostics import Finding, Outcome, Severity, quote
from stashgen.model.history import History, RetiredHistory
from stashgen.model.inventory import Inventory, VolumeKey
from stashgen.model.resolved import Protection
from stashgen.model.source import PolicySet
from stashgen.policy.project import Retired
from stashgen.resolve.findings import finding
from stashgen.resolve.history_findings import Code, replaced, too_early
from stashgen.resolve.lost_volumes import LostVolumes
from stashgen.resolve.selection import Selection


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of ``spec.retired``."""

    index: int
    value: Retired

    @property
    def key(self) -> VolumeKey:
        """The volume that it names."""
        namespace, _, name = self.value.volume.partition("/")
        return VolumeKey(self.value.cluster, namespace, name)

    @property
    def until(self) -> date:
        """Its date."""
        return date.fromisoformat(self.value.until)

    def names(self, history: History) -> bool:
        """Whether it retires this history of its volume, provided nothing writes to it."""
        return self.value.repository in {None, history.repository}


def retire(
    policies: PolicySet,
    inventory: Inventory,
    protections: Iterable[Protection],
    selection: Selection,
    histories: tuple[History, ...],
    today: date,
) -> Outcome[tuple[RetiredHistory, ...]]:
    """The histories that are kept although nothing writes to them, and findings about the rest.

    Args:
        policies: The project's policies.
        inventory: The volumes that exist.
        protections: The volumes that are backed up.
        selection: Volumes that no policy selects; any other unprotected volume has a finding.
        histories: The histories in the previous output, sorted.
        today: In UTC; it decides what may be dropped, never what is written.
    """
    pass_ = _Retirement(policies, inventory, protections, selection, histories, today)
    kept = tuple(pass_.kept())
    findings = [*pass_.findings, *pass_.about_entries()]
    return Outcome(kept, tuple(findings))


class _Retirement:
    """The state of the pass.

    Attributes:
        findings: About histories.
    """

    def __init__(
        self,
        policies: PolicySet,
        inventory: Inventory,
        protections: Iterable[Protection],
        selection: Selection,
        histories: tuple[History, ...],
        today: date,
    ) -> None:
        self.findings: list[Finding] = []
        self._lost = LostVolumes(policies, inventory, histories, selection.on_purpose)
        self._project = policies.project
        self._volumes = {volume.key: volume for volume in inventory.volumes}
        self._unprotected = {volume.key for volume in selection.unselected}
        self._written = {
            protection.volume.key: {
                copy.repository for session in protection.sessions for copy in session.copies
            }
            for protection in protections
        }
        self._histories = histories
        self._today = today
        spec = policies.project.value.spec
        self._clusters = {cluster.id: cluster.name for cluster in spec.clusters}
        self._entries = [_Entry(index, value) for index, value in enumerate(spec.retired)]
        self._entries_by_key: dict[VolumeKey, list[_Entry]] = {}
        for entry in self._entries:
            self._entries_by_key.setdefault(entry.key, []).append(entry)
        self._histories_by_key: dict[VolumeKey, list[History]] = {}
        for history in histories:
            self._histories_by_key.setdefault(history.volume, []).append(history)

    def kept(self) -> Iterator[RetiredHistory]:
        """The retired histories."""
        lost: dict[VolumeKey, History] = {}
        for history in self._histories:
            key = history.volume
            if history.repository in self._written.get(key, ()):
                continue
            entry = self._entry_for(history)
            if entry is not None:
                yield RetiredHistory(history, entry.until, self._folder(history))
            elif history.until is not None:
                if self._today <= history.until:
                    place = self._project.at("spec").position
                    self.findings.append(too_early(history, history.until.isoformat(), place))
            elif key in self._written:
                self.findings.append(replaced(history, self._project.at("spec").position))
            elif key not in lost and (key in self._unprotected or key not in self._volumes):
                lost[key] = history
        self.findings += (self._lost.finding(history) for history in lost.values())

    def _entry_for(self, history: History) -> _Entry | None:
        """The entry for this Repository if there is one, otherwise that for the whole volume.

        An entry for a whole volume that is still backed up retires nothing: it would later hide
        the loss of the volume.
        """
        found = [
            entry
            for entry in self._entries_by_key.get(history.volume, ())
            if entry.names(history)
            and (entry.value.repository is not None or history.volume not in self._written)
        ]
        return min(found, key=lambda entry: entry.value.repository is None, default=None)

    def _folder(self, history: History) -> PurePosixPath:
        """Below the cluster's current name, or the old folder if the cluster was removed."""
        cluster = self._clusters.get(history.volume.cluster_id)
        folder = history.path.parent
        return folder if cluster is None else PurePosixPath(cluster, history.volume.namespace)

    def about_entries(self) -> Iterator[Finding]:
        """What is wrong with the entries themselves."""
        for entry in self._entries:
            meant = [
                history
                for history in self._histories_by_key.get(entry.key, ())
                if entry.names(history)
            ]
            written = self._written.get(entry.key, set())
            repository = entry.value.repository
            if written and repository in {None, *written}:
                yield self._about(
                    entry,
                    Code.STILL_PROTECTED,
                    f"volume {quote(entry.value.volume)} is both retired and backed up",
                    "the entry would later hide an accidental loss of the volume",
                    "delete the entry, or name the repository of a history that is no longer "
                    "written to",
                )
            elif not meant:
                yield self._not_known(entry)
            elif entry.until < self._today:
                yield self._about(
                    entry,
                    Code.PAST,
                    f"volume {quote(entry.value.volume)} was retired until {entry.value.until}",
                    "the date has passed; the history's files stay until the entry is deleted",
                    "delete the entry; the data in the storage is not deleted",
                    severity=Severity.WARNING,
                )

    def _not_known(self, entry: _Entry) -> Finding:
        shown = {
            f"{one.volume.cluster_id} {one.volume.namespace}/{one.volume.name}"
            for one in self._histories
        }
        wanted = f"{entry.value.cluster} {entry.value.volume}"
        close = difflib.get_close_matches(wanted, sorted(shown), n=1)
        if wanted in shown:
            names = {one.repository for one in self._histories_by_key[entry.key]}
            fix = f"its repositories are {', '.join(sorted(names))}"
        elif close:
            cluster, _, volume = close[0].partition(" ")
            fix = f"did you mean volume {volume} of cluster {cluster}?"
        else:
            fix = "restore the history's file from Git, or delete the entry"
        return self._about(
            entry,
            Code.NOT_KNOWN,
            f"the output has no history of volume {quote(entry.value.volume)} in cluster "
            f"{quote(entry.value.cluster)}"
            + (f", repository {quote(entry.value.repository)}" if entry.value.repository else ""),
            "a retired volume keeps what the output folder has of it; a cluster is identified by "
            "its id",
            fix,
        )

    def _about(
        self,
        entry: _Entry,
        code: Code,
        what: str,
        why: str,
        fix: str,
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        origin = self._project.at("spec", "retired", entry.index)
        return finding(code, origin, what, why=why, fix=fix, severity=severity)
