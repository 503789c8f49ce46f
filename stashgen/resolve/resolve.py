"""The pass itself: select volumes, fill in policies for each, and check for conflicts."""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

from stashgen.cron import CronError
from stashgen.diagnostics import Finding, Outcome, Position, Severity, has_errors, quote
from stashgen.kubestash import names
from stashgen.kubestash.layout import join
from stashgen.model.history import History
from stashgen.model.inventory import Inventory, Volume
from stashgen.model.resolved import (
    Protection,
    Resolved,
    ResolvedCopy,
    ResolvedSession,
    ResolvedStorage,
)
from stashgen.model.source import Authored, Origin, PolicySet
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.project import Cluster
from stashgen.policy.template import cluster_values, fill
from stashgen.resolve.acknowledgements import acknowledged, acknowledgement_findings
from stashgen.resolve.conflicts import unused_storages, without_conflicts
from stashgen.resolve.coverage import Uncovered
from stashgen.resolve.delegated_settings import DelegatedSettings
from stashgen.resolve.delegation import Delegation
from stashgen.resolve.exceptions import Exceptions
from stashgen.resolve.file_owners import other_users
from stashgen.resolve.findings import Code, finding
from stashgen.resolve.foreign_backups import foreign_backup_findings
from stashgen.resolve.idle_annotations import idle_annotations
from stashgen.resolve.inheritance import with_inherited
from stashgen.resolve.matching import Facts
from stashgen.resolve.node_placement import beside_workloads
from stashgen.resolve.objectives import demanded, objective_findings
from stashgen.resolve.pod_security import allowed
from stashgen.resolve.policies import (
    EffectiveCopy,
    EffectivePolicy,
    EffectiveSession,
    effective_policy,
)
from stashgen.resolve.retirement import retire
from stashgen.resolve.run_as import cache_findings, with_users
from stashgen.resolve.schedules import (
    ClockChanges,
    either_day_finding,
    night_finding,
    schedule_finding,
    schedule_for,
    schedule_origin,
)
from stashgen.resolve.secret_sources import with_one_source
from stashgen.resolve.selection import select
from stashgen.resolve.storage_claims import missing_claims
from stashgen.resolve.storages import exists_in, resolve_storage


def resolve(
    policies: PolicySet, inventory: Inventory, histories: tuple[History, ...], today: date
) -> Outcome[Resolved]:
    """Decide how every volume is backed up, and what happens to every history.

    The value omits everything that has an error finding; it is sorted by key.

    Args:
        policies: The validated policies.
        inventory: The volumes that exist.
        histories: The histories in the previous output.
        today: In UTC; compared with the dates of retired histories.
    """
    policies = with_inherited(policies)
    chosen = select(policies, inventory, today)
    resolver = _Resolver(policies)
    findings = list(chosen.findings)
    delegation = Delegation(policies, inventory, today)
    selection = delegation.applied(chosen)
    findings += acknowledgement_findings(policies.policies, selection.selected)
    exceptions = Exceptions(Facts.of(policies.project.value, inventory))
    settings = DelegatedSettings(inventory.namespace_annotations)
    refined = [
        (volume, settings.applied(volume, exceptions.applied(volume, policy)))
        for volume, policy in selection.selected
    ]
    findings += [*delegation.findings, *settings.findings]
    findings += idle_annotations(inventory, selection)
    findings += exceptions.findings(policies.policies, today)
    protections = resolver.protect(refined)
    findings += resolver.findings
    owned = with_users(policies.project.value, protections)
    findings += owned.findings
    findings += cache_findings(owned.value)
    placed = beside_workloads(policies, owned.value)
    findings += placed.findings
    admitted = allowed(policies, inventory, placed.value)
    findings += admitted.findings
    supplied = with_one_source(admitted.value)
    findings += supplied.findings
    consistent = without_conflicts(policies, supplied.value)
    findings += consistent.findings
    findings += foreign_backup_findings(inventory.foreign, protections)
    findings += unused_storages(policies)
    findings += objective_findings(consistent.value)
    findings += other_users(consistent.value)
    findings += missing_claims(policies, inventory, consistent.value)
    retired = retire(policies, inventory, consistent.value, selection, histories, today)
    findings += retired.findings
    uncovered = Uncovered(policies, inventory, selection)
    if not has_errors(findings):
        # Until then it may be an error that leaves a volume out.
        findings += uncovered.findings()
    used = {
        copy.storage.key: copy.storage
        for protection in consistent.value
        for session in protection.sessions
        for copy in session.copies
    }
    resolved = Resolved(
        project=policies.project.value,
        protections=consistent.value,
        storages=tuple(storage for _, storage in sorted(used.items(), key=lambda item: item[0])),
        coverage=uncovered.coverage(consistent.value),
        retired=retired.value,
        excluded=uncovered.excluded,
        unprotected=uncovered.unprotected(),
    )
    return Outcome(resolved, tuple(sorted(dict.fromkeys(findings), key=Finding.sort_key)))


class _Resolver:
    """Fills policies in for volumes; what is the same for many is made once.

    Attributes:
        findings: Each once, however many volumes it affects.
    """

    def __init__(self, policies: PolicySet) -> None:
        self.findings: list[Finding] = []
        self._policies = policies
        self._storages: dict[tuple[str, str, str], ResolvedStorage] = {}
        self._refused: set[tuple[str, Position, str]] = set()
        self._clocks: dict[tuple[Origin, str], ClockChanges] = {}
        self._clusters = {cluster.id: cluster for cluster in policies.project.value.spec.clusters}

    def protect(
        self, selected: Iterable[tuple[Volume, Authored[BackupPolicy]]]
    ) -> tuple[Protection, ...]:
        """The protections of the selected volumes, without those that have an error finding."""
        effective: dict[int, EffectivePolicy | None] = {}
        made = []
        for volume, policy in selected:
            # Exceptions make several of one policy, each of which is one object.
            number = id(policy)
            if number not in effective:
                outcome = effective_policy(self._policies, policy)
                self.findings += outcome.findings
                effective[number] = outcome.value if outcome.ok else None
            known = effective[number]
            cluster = self._clusters[volume.key.cluster_id]
            if known is not None:
                zone = ZoneInfo(policy.value.spec.time_zone or cluster.time_zone)
                protection = self._protection(volume, known, cluster, zone)
                made += [protection] if protection is not None else []
        for clock in self._clocks.values():
            self.findings += clock.findings()
        return tuple(made)

    def _protection(
        self, volume: Volume, known: EffectivePolicy, cluster: Cluster, zone: ZoneInfo
    ) -> Protection | None:
        if volume.block:
            self._refuse_block(volume)
            return None
        sessions = [self._session(volume, session, cluster, zone) for session in known.sessions]
        complete = tuple(session for session in sessions if session is not None)
        if len(complete) < len(sessions):
            return None
        key = volume.key
        policy = known.policy.value
        return Protection(
            volume=volume,
            cluster=cluster,
            policy=policy.metadata.name,
            configuration=names.claim_name_part(key.name, key.cluster_id, key.namespace, key.name),
            sessions=complete,
            job=known.job,
            upkeep=known.upkeep,
            paused=policy.spec.paused,
            position=known.policy.document.start,
            acknowledged=acknowledged(policy, key),
            on_unreadable=policy.spec.on_unreadable,
            objectives=demanded(policy.spec),
            spec=known.policy.at("spec"),
        )

    def _session(
        self,
        volume: Volume,
        part: EffectiveSession,
        cluster: Cluster,
        zone: ZoneInfo,
    ) -> ResolvedSession | None:
        origin = schedule_origin(part.session, part.origin)
        try:
            schedule = schedule_for(part.session, volume.key, zone)
        except CronError as error:
            self._once(schedule_finding(part.session, part.origin, error))
            return None
        for found in (
            night_finding(part.session, origin),
            either_day_finding(part.session, origin),
        ):
            if found is not None:
                self._once(found)
        if zone.key != "Etc/UTC":
            clock = self._clocks.setdefault(
                (origin, zone.key), ClockChanges(part.session, part.origin, zone)
            )
            clock.add(volume.key, schedule)
        copies = [self._copy(volume, copy, cluster) for copy in part.copies]
        complete = tuple(copy for copy in copies if copy is not None)
        if len(complete) < len(copies):
            return None
        return ResolvedSession(
            name=names.session_name_part(part.session.name),
            schedule=schedule,
            time_zone=zone.key,
            timeout_seconds=part.timeout_seconds,
            history_limit=part.session.history_limit,
            suspend=part.session.suspend,
            copies=complete,
            paths=part.paths,
            exclude=part.exclude,
            origin=part.origin,
            written=part.session,
        )

    def _copy(self, volume: Volume, part: EffectiveCopy, cluster: Cluster) -> ResolvedCopy | None:
        key = volume.key
        if not exists_in(self._policies.storages[part.storage].value, cluster):
            self._refuse_cluster(volume, part, cluster)
            return None
        storage = self._storage(part.storage, cluster, key.namespace)
        if storage.namespace != key.namespace:
            self._refuse_namespace(volume, part, storage)
            return None
        values = cluster_values(cluster) | {"namespace": key.namespace, "volume": key.name}
        directory = join(fill(part.directory, values))
        return ResolvedCopy(
            storage=storage,
            # A Repository's path is immutable: another directory needs another name.
            repository=names.repository_name(
                storage.name, key.cluster_id, key.namespace, key.name, directory
            ),
            directory=directory,
            retention_name=part.retention_name,
            retention=part.retention,
            encryption=part.key,
            origin=part.origin,
            retention_origin=part.retention_origin,
        )

    def _storage(self, name: str, cluster: Cluster, namespace: str) -> ResolvedStorage:
        key = (cluster.id, name, namespace)
        if key not in self._storages:
            storage, project = self._policies.storages[name], self._policies.project
            self._storages[key] = resolve_storage(storage, cluster, project, namespace)
        return self._storages[key]

    def _once(self, found: Finding) -> None:
        """Report once a finding that every volume or cluster would repeat."""
        key = (found.code, found.position, found.subject)
        if key not in self._refused:
            self._refused.add(key)
            self.findings.append(found)

    def _refuse_block(self, volume: Volume) -> None:
        key = volume.key
        self.findings.append(
            Finding(
                code=Code.BLOCK_VOLUME,
                severity=Severity.ERROR,
                position=volume.position,
                subject=f"PersistentVolumeClaim/{key.name} spec.volumeMode",
                what=f"volume {quote(f'{key.namespace}/{key.name}')} is a raw block device",
                why="its files cannot be backed up: volumeMode Block is not supported yet",
                fix="exclude it from the policy, or use volumeMode Filesystem",
            )
        )

    def _refuse_namespace(
        self,
        volume: Volume,
        part: EffectiveCopy,
        storage: ResolvedStorage,
    ) -> None:
        refusal = finding(
            Code.OTHER_NAMESPACE,
            part.origin.at("storage"),
            f"storage {quote(storage.name)} is in namespace {quote(storage.namespace)}, not in "
            f"{quote(volume.key.namespace)}",
            why="its pods and its Secret are in that namespace only; the first such volume is "
            f"{quote(volume.key.name)}",
            fix="remove namespace from the storage, so that each namespace gets one of this name "
            "below its prefix, or select only volumes in the storage's namespace",
            related=(volume.position,),
        )
        self._once(refusal)

    def _refuse_cluster(self, volume: Volume, part: EffectiveCopy, cluster: Cluster) -> None:
        storage = self._policies.storages[part.storage]
        refusal = finding(
            Code.NOT_IN_CLUSTER,
            part.origin.at("storage"),
            f"storage {quote(part.storage)} does not exist in cluster {quote(cluster.name)}",
            why="its clusters select others, so this copy would not be made; the first such volume "
            f"is {quote(f'{volume.key.namespace}/{volume.key.name}')}",
            fix="correct the storage's clusters or the cluster's labels, or copy to another "
            "storage",
            related=(storage.at("spec", "clusters").position,),
        )
        self._once(refusal)
