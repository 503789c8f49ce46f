"""What becomes of the histories in the output before the build: written on, retired, or lost.

A volume that was protected and is not any more is an error, whatever the reason. From files alone
nobody can tell a claim that was deleted from one that is merely not seen any more, so the only
deletion that can be read is an entry of ``spec.retired``.
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from stashgen.diagnostics import Finding, Outcome, Severity, quote
from stashgen.model.history import History, RetiredHistory
from stashgen.model.inventory import Inventory, Volume, VolumeKey
from stashgen.model.resolved import Protection
from stashgen.model.source import PolicySet
from stashgen.policy.project import Retired
from stashgen.resolve.findings import finding
from stashgen.resolve.history_findings import Code, replaced, too_early
from stashgen.resolve.lost_volumes import Losses


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
        """Whether it retires this history of its volume, if nothing writes to it."""
        return self.value.repository in {None, history.repository}


def retire(
    policies: PolicySet,
    inventory: Inventory,
    protections: Iterable[Protection],
    unprotected: Iterable[Volume],
    histories: tuple[History, ...],
    today: date,
) -> Outcome[tuple[RetiredHistory, ...]]:
    """Which histories are kept without being written, and findings about every other one.

    Args:
        policies: The project's.
        inventory: The volumes that there are.
        protections: What is backed up.
        unprotected: What no policy selects; other volumes without a protection have findings.
        histories: Of the output before the build, sorted.
        today: In UTC; it decides what may go, never what is written.
    """
    pass_ = _Retirement(policies, inventory, protections, unprotected, histories, today)
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
        unprotected: Iterable[Volume],
        histories: tuple[History, ...],
        today: date,
    ) -> None:
        self.findings: list[Finding] = []
        self._losses = Losses(policies, inventory, histories)
        self._project = policies.project
        self._volumes = {volume.key: volume for volume in inventory.volumes}
        self._unprotected = {volume.key for volume in unprotected}
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
        self.findings += (self._losses.about(history) for history in lost.values())

    def _entry_for(self, history: History) -> _Entry | None:
        """The entry about this very Repository before the one about the whole volume.

        One about a whole volume that is still backed up retires nothing: it would cover, later
        and unseen, the loss of the volume.
        """
        found = [
            entry
            for entry in self._entries_by_key.get(history.volume, ())
            if entry.names(history)
            and (entry.value.repository is not None or history.volume not in self._written)
        ]
        return min(found, key=lambda entry: entry.value.repository is None, default=None)

    def _folder(self, history: History) -> PurePosixPath:
        """Below the cluster's name of today, or where it was if the cluster is gone."""
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
                    f"volume {quote(entry.value.volume)} is retired and backed up",
                    "the entry would cover a later loss of the volume that nobody wants",
                    "delete the entry; for a history that is not written any more, name its "
                    "repository",
                )
            elif not meant:
                yield self._not_known(entry)
            elif entry.until < self._today:
                yield self._about(
                    entry,
                    Code.PAST,
                    f"volume {quote(entry.value.volume)} was retired until {entry.value.until}",
                    "the date has passed: the history's files stay until the entry is deleted",
                    "delete the entry; what is in the storage stays there",
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
            fix = "restore the history's file from git, or delete the entry"
        return self._about(
            entry,
            Code.NOT_KNOWN,
            f"the output has no history of volume {quote(entry.value.volume)} in cluster "
            f"{quote(entry.value.cluster)}"
            + (f", repository {quote(entry.value.repository)}" if entry.value.repository else ""),
            "what is kept of a retired volume is what the output folder has of it; a cluster is "
            "named by its id",
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
