"""BackupStorage: have the backend initialised once by a Job, sum up the repositories in it."""

from collections.abc import Sequence
from dataclasses import dataclass
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
from stashgen.api.shared import Condition
from stashgen.kubestash import executor, names, phases, quantities
from stashgen.kubestash.pod_settings import settings_from_storage
from stashgen_controller.attempts import Progress, advance, start
from stashgen_controller.conditions import condition, find, waiting_for_apply, with_condition
from stashgen_controller.decision import Decision
from stashgen_controller.jobs import Run, job_manifest, owner_of
from stashgen_controller.observing import (
    cluster_uid,
    is_rendered,
    observe_job,
    rendered_template,
    template_name,
    without_status,
)
from stashgen_controller.reconciler import Kind, Reader
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
        template: The pod template of the initialiser; None while git has not applied it yet.
        run: The recorded attempt's Job.
        repositories: All Repositories that name this storage, sorted by namespace and name.
        cluster_uid: None only while the cache of namespaces is empty.
    """

    obj: JsonObject
    storage: BackupStorage
    template: JsonObject | None
    run: Run
    repositories: Sequence[Repository]
    cluster_uid: str | None


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a storage."""
    storage = BackupStorage.from_wire(obj)
    namespace, name = storage.metadata.namespace or "", storage.metadata.name
    if is_rendered(storage.metadata):
        template = rendered_template(reader, storage.metadata, _VERB.value)
    else:
        template = executor.init_storage_template(storage, settings_from_storage(storage))
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
    status = seen.storage.status or BackupStorageStatus()
    initialized = find(status.conditions, INITIALIZED)
    generation = seen.storage.metadata.generation
    is_done = (
        initialized is not None
        and initialized.status == "True"
        and initialized.observed_generation == generation
    )
    progress = Progress(status.executor, succeeded=is_done)
    if not is_done and seen.template is not None and seen.cluster_uid is not None:
        progress = _initialize(seen, now, again=_is_again(seen))
    conditions = status.conditions
    if not is_done:
        conditions = with_condition(
            conditions, _initialized(seen, progress, now, generation=generation)
        )
    conditions = with_support(conditions, seen.storage, now)
    updated = status.model_copy(
        update={
            "conditions": conditions,
            "executor": progress.executor,
            "repositories": tuple(map(_summary, seen.repositories)) or None,
            "total_size": _total_size(seen.repositories),
        }
    )
    updated = updated.model_copy(update={"phase": phases.backup_storage_phase(updated)})
    return Decision(progress.actions, updated.to_wire(), progress.requeue_after)


def _is_again(seen: Observed) -> bool:
    """Whether the attempt on record was for an older generation of the spec and is over."""
    status = seen.storage.status
    condition_ = find(status.conditions, INITIALIZED) if status else None
    return (
        seen.run.succeeded
        and condition_ is not None
        and condition_.status == "True"
        and condition_.observed_generation != seen.storage.metadata.generation
    )


def _initialize(seen: Observed, now: datetime, *, again: bool) -> Progress:
    job_for = partial(_job, seen, now)
    known = seen.storage.status.executor if seen.storage.status else None
    if again and known is not None:
        return start(job_for(known.attempt + 1), known.attempt + 1)
    return advance(
        executor=known,
        run=seen.run,
        namespace=seen.storage.metadata.namespace or "",
        job_for=job_for,
        now=now,
    )


def _job(seen: Observed, now: datetime, attempt: int) -> JsonObject:
    plan = SessionPlan(
        verb=_VERB,
        attempt=attempt,
        cluster_uid=seen.cluster_uid or "",
        storage=without_status(seen.obj),
    )
    return job_manifest(
        name=names.init_storage_job_name(seen.storage.metadata.name, attempt),
        owner=owner_of(seen.obj),
        template=seen.template or {},
        plan=plan,
        labels={},
        now=now,
    )


def _initialized(
    seen: Observed, progress: Progress, now: datetime, *, generation: int | None
) -> Condition:
    known = find(seen.storage.status.conditions, INITIALIZED) if seen.storage.status else None
    if progress.succeeded:
        return condition(
            INITIALIZED,
            status=True,
            reason="BackendInitializationSucceeded",
            message="Successfully initialized backend.",
            now=now,
            generation=generation,
        )
    if progress.error is not None:
        return condition(
            INITIALIZED,
            status=False,
            reason="BackendInitializationFailed",
            message=progress.error.text,
            now=now,
        )
    if known is not None:
        return known
    if seen.template is None:
        template = template_name(seen.storage.metadata, _VERB.value)
        return waiting_for_apply(INITIALIZED, f"PodTemplate {template}", now)
    return condition(
        INITIALIZED,
        status=None,
        reason="BackendInitializationStarted",
        message="The initializer Job is running.",
        now=now,
    )


def _summary(repository: Repository) -> BackupStorageRepository:
    return BackupStorageRepository(
        name=repository.metadata.name,
        namespace=repository.metadata.namespace,
        path=repository.spec.path,
        size=repository.status.size if repository.status else None,
        synced=True,
    )


def _total_size(repositories: Sequence[Repository]) -> str | None:
    sizes = [
        quantities.parse_size(repository.status.size)
        for repository in repositories
        if repository.status is not None and repository.status.size
    ]
    return quantities.format_size(sum(sizes)) if sizes else None


KIND = Kind(BACKUP_STORAGES, observe, decide)
