"""BackupConfiguration: see that everything is there, have sessions scheduled, start the first.

A rendered configuration's children come from git: the controller only waits for them. For plain
KubeStash manifests it makes, changes and removes exactly the children that it owns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from stashgen.api.backup_configuration import (
    BackendReference,
    BackendStatus,
    BackupConfiguration,
    BackupConfigurationPhase,
    BackupConfigurationStatus,
    RetentionPolicyStatus,
    Session,
    SessionRepositoryStatus,
    SessionStatus,
    StorageStatus,
)
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, format_time
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    ADDONS,
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    CRON_JOBS,
    FUNCTIONS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    REPOSITORIES,
    RETENTION_POLICIES,
    SERVICE_ACCOUNTS,
    Resource,
)
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import Condition, Dependency
from stashgen.cron import CronError, Schedule
from stashgen.kubestash import names, phases
from stashgen.kubestash.children import repository_for, trigger_cron_job
from stashgen.kubestash.defaults import with_configuration_defaults
from stashgen.kubestash.pod_settings import (
    TRIGGER_ACCOUNT,
    WORKER_ACCOUNT,
    settings_from_scheduler,
)
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen.kubestash.storage_validation import validate_retention_policy
from stashgen.kubestash.validation import validate_backup_configuration
from stashgen_controller.conditions import (
    condition,
    find,
    is_true,
    waiting_for_apply,
    with_condition,
)
from stashgen_controller.decision import Action, Create, Decision, Delete, Patch
from stashgen_controller.jobs import owner_of
from stashgen_controller.observing import is_rendered
from stashgen_controller.reconciler import Kind, Reader
from stashgen_controller.support import with_support

VALIDATION = "ValidationPassed"
SCHEDULED = "SchedulerEnsured"
INITIAL = "InitialBackupTriggered"


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupConfiguration.

    Attributes:
        obj: As stored.
        configuration: As a model, with KubeStash's defaults resolved in memory.
        target_found: The claim exists.
        storages, policies: By namespace and name.
        repositories: Of the namespace, by name.
        others: All Repositories of the cluster, for clashes.
        cron_jobs: Of the namespace, by name.
        accounts: Names of the namespace's ServiceAccounts.
        addons, functions: Names of those that exist.
        labels: Of the namespace.
    """

    obj: JsonObject
    configuration: BackupConfiguration
    target_found: bool
    storages: Mapping[tuple[str, str], BackupStorage]
    policies: Mapping[tuple[str, str], RetentionPolicy]
    repositories: Mapping[str, Repository]
    others: Sequence[Repository]
    cron_jobs: Mapping[str, JsonObject]
    accounts: frozenset[str]
    addons: frozenset[str]
    functions: frozenset[str]
    labels: Mapping[str, str]

    @property
    def status(self) -> BackupConfigurationStatus:
        """The stored status, or an empty one."""
        return self.configuration.status or BackupConfigurationStatus()

    @property
    def namespace(self) -> str:
        """The configuration's namespace."""
        return self.configuration.metadata.namespace or ""

    @property
    def is_rendered(self) -> bool:
        """Whether git holds the children."""
        return is_rendered(self.configuration.metadata)


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a configuration."""
    written = BackupConfiguration.from_wire(obj)
    namespace = written.metadata.namespace or ""
    storages = {
        item.key: item for item in map(BackupStorage.from_wire, reader.items(BACKUP_STORAGES))
    }
    policies = {
        item.key: item for item in map(RetentionPolicy.from_wire, reader.items(RETENTION_POLICIES))
    }
    labels = _labels(reader, namespace)
    configuration = with_configuration_defaults(
        written, storages.values(), policies.values(), labels
    )
    target = configuration.spec.target
    repositories = [Repository.from_wire(item) for item in reader.items(REPOSITORIES)]
    return Observed(
        obj=obj,
        configuration=configuration,
        target_found=target is None
        or reader.get(PERSISTENT_VOLUME_CLAIMS, target.namespace or namespace, target.name)
        is not None,
        storages=storages,
        policies=policies,
        repositories={item.key[1]: item for item in repositories if item.key[0] == namespace},
        others=repositories,
        cron_jobs={_name(item): item for item in reader.items(CRON_JOBS, namespace)},
        accounts=_names(reader, SERVICE_ACCOUNTS, namespace),
        addons=_names(reader, ADDONS, None),
        functions=_names(reader, FUNCTIONS, None),
        labels=labels,
    )


def decide(seen: Observed, now: datetime) -> Decision:
    """Validate, ensure the children, schedule, and start each session's initial backup."""
    configuration = seen.configuration
    problems = validate_backup_configuration(
        configuration,
        seen.others,
        [*seen.storages.values(), *seen.policies.values()],
        seen.labels,
    )
    status = seen.status
    conditions = with_condition(status.conditions, _validation(problems, now))
    conditions = with_support(conditions, configuration, now)
    actions: list[Action] = []
    if not problems and not seen.is_rendered:
        actions += _ensure_children(seen)
    status = status.model_copy(
        update={
            "conditions": conditions,
            "target_found": seen.target_found,
            "backends": tuple(_backend(seen, item) for item in configuration.spec.backends),
            "repositories": tuple(
                _repository(seen, name) for name in configuration.repository_names
            ),
            "dependencies": _dependencies(seen),
            "sessions": tuple(_session(seen, item, now) for item in configuration.spec.sessions),
        }
    )
    phase = phases.backup_configuration_phase(configuration, status)
    status = status.model_copy(update={"phase": phase})
    if phase is BackupConfigurationPhase.READY and not configuration.spec.paused:
        status, initial = _initial_backups(seen, status, now)
        actions += initial
    return Decision(tuple(actions), status.to_wire(), _until_next_tick(status, now))


def _validation(problems: Sequence[str], now: datetime) -> Condition:
    if problems:
        return condition(
            VALIDATION,
            status=False,
            reason="ResourceValidationFailed",
            message="; ".join(problems),
            now=now,
        )
    return condition(
        VALIDATION,
        status=True,
        reason="ResourceValidationPassed",
        message="Validation has been passed successfully.",
        now=now,
    )


def _ensure_children(seen: Observed) -> list[Action]:
    """Make what is missing, change what differs, remove what no session wants any more."""
    configuration = seen.configuration
    actions: list[Action] = [
        Create(SERVICE_ACCOUNTS, _account(seen.namespace, name))
        for name in (TRIGGER_ACCOUNT, WORKER_ACCOUNT)
        if name not in seen.accounts
    ]
    made = set()
    for session in configuration.spec.sessions:
        for item in session.repositories or ():
            if item.name not in seen.repositories and item.name not in made:
                made.add(item.name)
                actions.append(Create(REPOSITORIES, repository_for(configuration, item)))
    wanted = {}
    for session in configuration.spec.sessions:
        manifest = _cron_job(seen, session)
        wanted[_name(manifest)] = manifest
    uid = configuration.metadata.uid
    for name, manifest in wanted.items():
        existing = seen.cron_jobs.get(name)
        if existing is None:
            actions.append(Create(CRON_JOBS, manifest))
        elif _is_owned(existing, uid) and not _equal(existing, manifest):
            actions.append(Patch(CRON_JOBS, seen.namespace, name, {"spec": manifest["spec"]}))
    for name, existing in seen.cron_jobs.items():
        if name not in wanted and _is_owned(existing, uid):
            metadata = cast("dict[str, str]", existing["metadata"])
            actions.append(Delete(CRON_JOBS, seen.namespace, name, metadata["uid"]))
    return actions


def _cron_job(seen: Observed, session: Session) -> JsonObject:
    scheduler = session.scheduler
    template = scheduler.job_template.template if scheduler is not None else None
    manifest = trigger_cron_job(seen.configuration, session, settings_from_scheduler(template))
    metadata = cast("JsonObject", manifest["metadata"])
    owner = owner_of(seen.obj).reference()
    return {**manifest, "metadata": metadata | {"ownerReferences": [owner]}}


def _account(namespace: str, name: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "kubestash.com"},
        },
        "automountServiceAccountToken": False,
    }


def _backend(seen: Observed, item: BackendReference) -> BackendStatus:
    storage_ref, policy_ref = item.storage_ref, item.retention_policy
    storage = policy = None
    if storage_ref is not None:
        storage = seen.storages.get((storage_ref.namespace or seen.namespace, storage_ref.name))
    if policy_ref is not None:
        policy = seen.policies.get((policy_ref.namespace or seen.namespace, policy_ref.name))
    problems = validate_retention_policy(policy) if policy is not None else ()
    phase = storage.status.phase if storage is not None and storage.status else None
    reason = None if storage is not None else "the BackupStorage does not exist"
    return BackendStatus(
        name=item.name,
        ready=phase == "Ready" and policy is not None and not problems,
        storage=StorageStatus(ref=storage_ref, phase=phase or "NotReady", reason=reason),
        retention_policy=RetentionPolicyStatus(
            ref=policy_ref,
            found=policy is not None,
            reason="; ".join(problems) or None
            if policy is not None
            else "the RetentionPolicy does not exist",
        ),
    )


def _repository(seen: Observed, name: str) -> SessionRepositoryStatus:
    found = seen.repositories.get(name)
    if found is None:
        reason = "WaitingForApply" if seen.is_rendered else "the Repository is being made"
        return SessionRepositoryStatus(name=name, phase="NotReady", reason=reason)
    phase = (found.status.phase if found.status else None) or "NotReady"
    initialized = find(found.status.conditions, "RepositoryInitialized") if found.status else None
    reason = initialized.message if initialized is not None and phase != "Ready" else None
    return SessionRepositoryStatus(name=name, phase=phase, reason=reason)


def _dependencies(seen: Observed) -> tuple[Dependency, ...]:
    wanted = dict.fromkeys(
        session.addon.name or ""
        for session in seen.configuration.spec.sessions
        if session.addon is not None
    )
    return tuple(Dependency(kind="Addon", name=name, found=name in seen.addons) for name in wanted)


def _session(seen: Observed, session: Session, now: datetime) -> SessionStatus:
    name = session.name or ""
    known = next(
        (item for item in seen.status.sessions or () if item.name == name),
        SessionStatus(name=name),
    )
    cron_job = seen.cron_jobs.get(names.cron_job_name(seen.configuration.metadata.name, name))
    uid = seen.configuration.metadata.uid
    if cron_job is not None and not seen.is_rendered and not _is_owned(cron_job, uid):
        ensured = condition(
            SCHEDULED,
            status=False,
            reason="NameCollision",
            message=f"CronJob {_name(cron_job)} belongs to something else.",
            now=now,
        )
        cron_job = None
    elif cron_job is not None:
        ensured = condition(
            SCHEDULED,
            status=True,
            reason="SchedulerEnsured",
            message="Scheduler has been ensured successfully.",
            now=now,
        )
    elif seen.is_rendered:
        wanted = names.cron_job_name(seen.configuration.metadata.name, name)
        ensured = waiting_for_apply(SCHEDULED, f"CronJob {wanted}", now)
    else:
        ensured = condition(
            SCHEDULED,
            status=False,
            reason="SchedulerNotEnsured",
            message="The CronJob is being made.",
            now=now,
        )
    return known.model_copy(
        update={
            "next_schedule": _next_tick(cron_job, now),
            "conditions": with_condition(known.conditions, ensured),
        }
    )


def _next_tick(cron_job: JsonObject | None, now: datetime) -> str | None:
    spec = cast("JsonObject", (cron_job or {}).get("spec") or {})
    if not spec or spec.get("suspend"):
        return None
    zone = ZoneInfo(str(spec.get("timeZone") or "Etc/UTC"))
    try:
        tick = Schedule.parse(str(spec["schedule"])).next_tick(now, zone)
    except CronError:
        return None
    return format_time(tick) if tick is not None else None


def _until_next_tick(status: BackupConfigurationStatus, now: datetime) -> timedelta | None:
    """Look again once the shown next ticks are over."""
    ticks = [item.next_schedule for item in status.sessions or () if item.next_schedule]
    if not ticks:
        return None
    return datetime.fromisoformat(min(ticks)) - now + timedelta(seconds=1)


def _initial_backups(
    seen: Observed, status: BackupConfigurationStatus, now: datetime
) -> tuple[BackupConfigurationStatus, list[Action]]:
    """A session whose repositories have no history yet is started once, at once."""
    actions: list[Action] = []
    sessions = []
    for item in status.sessions or ():
        session = seen.configuration.session(item.name or "")
        if session is None or is_true(item.conditions, INITIAL):
            sessions.append(item)
            continue
        repositories = [
            seen.repositories.get(wanted.name or "") for wanted in session.repositories or ()
        ]
        if not all(_is_initialized(repository, session) for repository in repositories):
            sessions.append(item)
            continue
        has_history = any(
            repository is not None
            and repository.status is not None
            and (repository.status.snapshot_count or repository.status.writer_matches is False)
            for repository in repositories
        )
        message = "The repository has a history: no initial backup is needed."
        if not has_history:
            message = "Initial backup has been triggered successfully."
            # The name must not change if this has to be done twice: it carries the time at
            # which the configuration was made.
            created = seen.configuration.metadata.creation_timestamp or now
            manifest = backup_session_manifest(
                seen.configuration, session, int(created.timestamp())
            )
            actions.append(Create(BACKUP_SESSIONS, manifest))
        triggered = condition(
            INITIAL,
            status=True,
            reason="SuccessfullyTriggeredInitialBackup",
            message=message,
            now=now,
        )
        sessions.append(
            item.model_copy(update={"conditions": with_condition(item.conditions, triggered)})
        )
    return status.model_copy(update={"sessions": tuple(sessions)}), actions


def _is_initialized(repository: Repository | None, session: Session) -> bool:
    """Whether a repository is Ready and has a place for the session."""
    if repository is None or repository.status is None or repository.status.phase != "Ready":
        return False
    paths = repository.status.component_paths or ()
    return any(f"/{session.name}/" in path for path in paths)


def _equal(existing: JsonObject, manifest: JsonObject) -> bool:
    """Whether every field that we write has our value."""
    return _contains(existing.get("spec"), manifest["spec"])


def _contains(existing: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(existing, dict) and all(
            _contains(existing.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(existing, list)
            and len(existing) == len(wanted)
            and all(map(_contains, existing, wanted))
        )
    return existing == wanted


def _is_owned(obj: JsonObject, uid: str | None) -> bool:
    metadata = cast("JsonObject", obj["metadata"])
    owners = cast("list[JsonObject]", metadata.get("ownerReferences") or [])
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)


def _labels(reader: Reader, namespace: str) -> Mapping[str, str]:
    found = reader.get(NAMESPACES, None, namespace) or {}
    metadata = cast("JsonObject", found.get("metadata") or {})
    return cast("Mapping[str, str]", metadata.get("labels") or {})


def _names(reader: Reader, resource: Resource, namespace: str | None) -> frozenset[str]:
    return frozenset(_name(item) for item in reader.items(resource, namespace))


def _name(obj: JsonObject) -> str:
    return cast("dict[str, str]", obj["metadata"])["name"]


KIND = Kind(BACKUP_CONFIGURATIONS, observe, decide)
