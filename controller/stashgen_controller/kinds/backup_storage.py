"""BackupStorage: have the backend initialised once by a Job, sum up the repositories in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from stashgen.api.backup_storage import (
    BackupStorage,
    BackupStorageRepository,
    BackupStorageStatus,
)
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.resources import BACKUP_STORAGES, REPOSITORIES
from stashgen.api.shared import Condition, ConditionStatus
from stashgen.kubestash import executor, names, phases, quantities
from stashgen.kubestash.defaults import with_storage_defaults
from stashgen.kubestash.executor import UnsupportedStorageError
from stashgen.kubestash.pod_settings import settings_from_storage
from stashgen.kubestash.storage_validation import validate_backup_storage
from stashgen_controller.attempts import Attempts, Progress
from stashgen_controller.conditions import (
    condition,
    find,
    not_done,
    waiting_for_apply,
    waiting_for_cluster,
    with_condition,
)
from stashgen_controller.decision import Decision
from stashgen_controller.jobs import job_manifest, owner_of
from stashgen_controller.observing import (
    cluster_uid,
    is_rendered,
    observe_job,
    rendered_template,
    template_name,
    without_status,
)
from stashgen_controller.reconciler import Kind, Reader
from stashgen_controller.runs import Run, asking
from stashgen_controller.session_plan import SessionPlan, Verb
from stashgen_controller.support import with_support

INITIALIZED = "BackendInitialized"
_VERB = Verb.INIT_STORAGE


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupStorage.

    Attributes:
        obj: As stored.
        storage: The same as a model.
        template: The pod template of the initialiser; None while git has not applied it yet, and
            with a ``problem`` where there can be none.
        problem: Why no pod can initialise this storage.
        run: The recorded attempt's Job.
        repositories: All Repositories that name this storage, sorted by namespace and name.
        cluster_uid: None only while the cache of namespaces is empty.
    """

    obj: JsonObject
    storage: BackupStorage
    template: JsonObject | None
    problem: str | None
    run: Run
    repositories: Sequence[Repository]
    cluster_uid: str | None

    @property
    def status(self) -> BackupStorageStatus:
        """The stored status, or an empty one."""
        return self.storage.status or BackupStorageStatus()

    @property
    def is_initialized(self) -> bool:
        """The backend was initialised for the spec as it is now."""
        known = find(self.status.conditions, INITIALIZED)
        return (
            known is not None
            and known.status is ConditionStatus.TRUE
            and known.observed_generation == self.storage.metadata.generation
        )


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a storage."""
    storage = BackupStorage.from_wire(obj)
    namespace, name = storage.metadata.namespace or "", storage.metadata.name
    template, problem = _template(reader, storage)
    known = storage.status.executor if storage.status else None
    repositories = [
        repository
        for repository in map(Repository.from_wire, reader.items(REPOSITORIES))
        if repository.storage_key == (namespace, name)
    ]
    return Observed(
        obj=obj,
        storage=storage,
        template=template,
        problem=problem,
        run=observe_job(
            reader,
            namespace=namespace,
            name=known.job if known else "",
            executor=known,
            owner_uid=storage.metadata.uid,
        ),
        repositories=sorted(repositories, key=lambda item: item.key),
        cluster_uid=cluster_uid(reader),
    )


def decide(seen: Observed, now: datetime) -> Decision:
    """Initialise the backend, then keep the sums of its repositories up to date."""
    status = seen.status
    progress = Progress(status.executor)
    if not seen.is_initialized and seen.template is not None and seen.cluster_uid is not None:
        progress = Attempts(
            executor=status.executor,
            run=seen.run,
            namespace=seen.storage.metadata.namespace or "",
            job_for=partial(_job, seen, now),
            is_enough=lambda run: run.plan_digest == _plan(seen, _attempt(seen)).digest(),
        ).advance(now)
    conditions = status.conditions
    if not seen.is_initialized:
        conditions = with_condition(conditions, _initialized(seen, progress, now))
    conditions = with_support(conditions, seen.storage, now)
    updated = status.model_copy(
        update={
            "executor": progress.executor,
            "repositories": tuple(map(_summary, seen.repositories)) or None,
            "total_size": _total_size(seen.repositories),
        }
    )
    decision = Decision(
        progress.actions,
        _written(updated, conditions),
        progress.requeue_after,
        refused=lambda why: _written(status, with_condition(conditions, _failed(why, now))),
    )
    if progress.error is None:
        return decision
    namespace = seen.storage.metadata.namespace or ""
    return asking(
        decision, seen.run, namespace, now, lambda run: decide(replace(seen, run=run), now)
    )


def _written(status: BackupStorageStatus, conditions: tuple[Condition, ...]) -> JsonObject:
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.backup_storage_phase(status)}).to_wire()


def _template(reader: Reader, storage: BackupStorage) -> tuple[JsonObject | None, str | None]:
    others = map(BackupStorage.from_wire, reader.items(BACKUP_STORAGES))
    invalid = validate_backup_storage(
        with_storage_defaults(storage), map(with_storage_defaults, others)
    )
    if invalid:
        return None, f"InvalidField: {'; '.join(invalid)}"
    if is_rendered(storage.metadata):
        return rendered_template(reader, storage.metadata, _VERB.value), None
    try:
        return executor.init_storage_template(storage, settings_from_storage(storage)), None
    except UnsupportedStorageError as error:
        return None, f"UnsupportedField: {error}"


def _attempt(seen: Observed) -> int:
    return seen.status.executor.attempt if seen.status.executor is not None else 1


def _plan(seen: Observed, attempt: int) -> SessionPlan:
    return SessionPlan(
        verb=_VERB,
        attempt=attempt,
        cluster_uid=seen.cluster_uid or "",
        storage=without_status(seen.obj),
    )


def _job(seen: Observed, now: datetime, attempt: int) -> JsonObject:
    return job_manifest(
        name=names.init_storage_job_name(seen.storage.metadata.name, attempt),
        owner=owner_of(seen.obj),
        template=seen.template or {},
        plan=_plan(seen, attempt),
        labels={},
        now=now,
    )


def _initialized(seen: Observed, progress: Progress, now: datetime) -> Condition:
    if progress.succeeded:
        return condition(
            INITIALIZED,
            status=True,
            reason="BackendInitializationSucceeded",
            message="Successfully initialized backend.",
            now=now,
            generation=seen.storage.metadata.generation,
        )
    if seen.problem is not None:
        return _failed(seen.problem, now)
    if progress.error is not None:
        return _failed(progress.error.text, now)
    known = find(seen.status.conditions, INITIALIZED)
    if known is not None and known.reason not in {"WaitingForApply", "WaitingForCluster"}:
        return known
    if seen.template is None:
        template = template_name(seen.storage.metadata, _VERB.value)
        return waiting_for_apply(INITIALIZED, f"PodTemplate {template}", now)
    if seen.cluster_uid is None:
        return waiting_for_cluster(INITIALIZED, now)
    return condition(
        INITIALIZED,
        status=None,
        reason="BackendInitializationStarted",
        message="The initializer Job is running.",
        now=now,
    )


def _failed(why: str, now: datetime) -> Condition:
    return not_done(INITIALIZED, "BackendInitializationFailed", why, now)


def _summary(repository: Repository) -> BackupStorageRepository:
    return BackupStorageRepository(
        name=repository.metadata.name,
        namespace=repository.metadata.namespace,
        path=repository.spec.path,
        size=repository.status.size if repository.status else None,
    )


def _total_size(repositories: Sequence[Repository]) -> str | None:
    sizes = [
        quantities.parse_size(repository.status.size)
        for repository in repositories
        if repository.status is not None and repository.status.size
    ]
    return quantities.format_size(sum(sizes)) if sizes else None


KIND = Kind(BACKUP_STORAGES, observe, decide)
