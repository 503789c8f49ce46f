"""What is to be known about one BackupSession before anything is decided."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import ValidationError

from stashgen.api.backup_configuration import BackupConfiguration, Session, SessionRepository
from stashgen.api.backup_session import BackupSession, BackupSessionStatus
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.resources import JOBS, SNAPSHOTS
from stashgen.api.shared import ObjectReference
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.jobs.refusals import (
    refused_configuration,
    refused_repository,
    refused_storage,
)
from stashgen_controller.jobs.run import JobRun, RunState, observe_job
from stashgen_controller.jobs.templates import UnresolvedError, backup_template, retain_template
from stashgen_controller.kinds.backup_session.copy import Copy
from stashgen_controller.kinds.backup_session.history import (
    restoring_into,
    running_before,
    siblings_of,
)
from stashgen_controller.listers.claims import Claimant, claimants
from stashgen_controller.listers.configurations import resolved_configuration
from stashgen_controller.listers.indexes import repository_key, volume_key
from stashgen_controller.listers.objects import (
    claim_uid,
    cluster_uid,
    why_not_bound,
    without_status,
)
from stashgen_controller.listers.partial_restores import partial_restore
from stashgen_controller.listers.pods import terminated_pods
from stashgen_controller.listers.snapshots import (
    asking,
    asking_now,
    pinned_snapshots,
    reported_end,
    unrecorded_failures,
)
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import find, is_true
from stashgen_controller.runtime.kind import Reader

# One that has ended may be followed by another.
_MAY_RETAIN = frozenset({RunState.ABSENT, RunState.FINISHED})


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupSession.

    Attributes:
        session: As stored.
        configuration: The invoker; None where it is gone.
        refusal: Why nothing may begin for the invoker; only before the session has begun.
        config_session: The invoker's session of this name.
        copies: One a repository: those that the status lists, before that those that the
            configuration lists and that are not paused.
        running: Another session of the same kind that is not finished.
        restoring: A RestoreSession into the target that is not finished.
        claimants: Who keeps the next backup or retention from beginning; only where one is due.
        partial_restore: Why the target must not be backed up: a restore left it half written.
        siblings: The other sessions of the same kind, newest first; none where only its retention
            is left to do.
        claim: The target's name.
        claim_uid, cluster_uid: For the record of writers.
        not_bound: Why there is no volume behind the target that could be backed up.
    """

    session: BackupSession
    configuration: BackupConfiguration | None
    refusal: Reason | None
    config_session: Session | None
    copies: Sequence[Copy]
    running: str | None
    restoring: str | None
    claimants: Sequence[Claimant]
    partial_restore: Reason | None
    siblings: Sequence[BackupSession]
    claim: str
    claim_uid: str | None
    cluster_uid: str | None
    not_bound: Reason | None

    @property
    def status(self) -> BackupSessionStatus:
        """The stored status, or an empty one."""
        return self.session.status or BackupSessionStatus()


@dataclass
class _Invoker:
    """A session's BackupConfiguration as written, what it means, and whether that can be done."""

    reader: Reader
    written: BackupConfiguration | None
    session_name: str

    @cached_property
    def configuration(self) -> BackupConfiguration | None:
        written = self.written
        return resolved_configuration(self.reader, written) if written is not None else None

    @cached_property
    def session(self) -> Session | None:
        configuration = self.configuration
        return configuration.session(self.session_name) if configuration is not None else None

    @cached_property
    def refusal(self) -> Reason | None:
        written = self.written
        return refused_configuration(self.reader, written) if written is not None else None

    @cached_property
    def repositories(self) -> dict[str, SessionRepository]:
        listed = self.session.repositories if self.session is not None else None
        return {item.name or "": item for item in listed or ()}

    def retention_of(self, repository: str) -> ObjectReference | None:
        listed = self.repositories.get(repository)
        if self.configuration is None or listed is None:
            return None
        backend = self.configuration.backend(listed.backend)
        return backend.retention_policy if backend is not None else None


def observe(reader: Reader, session: BackupSession) -> Observed:
    """Collect what ``decide`` needs to know about a session."""
    namespace = session.metadata.namespace or ""
    invoker = session.spec.invoker
    found = reader.get(BackupConfiguration, namespace, invoker.name if invoker else "")
    wanted = _Invoker(reader, found, session.spec.session or "")
    configuration = wanted.configuration
    target = configuration.spec.target if configuration is not None else None
    siblings = siblings_of(reader, session) if _asks_for_siblings(session) else []
    copies = _copies(reader, session, wanted)
    claim = target.name if target is not None else ""
    in_the_way = _claimants(reader, session, copies, claim)
    if all(item.until is not None for item in in_the_way):
        copies = _pinned_now(reader, namespace, copies)
    return Observed(
        session=session,
        configuration=configuration,
        refusal=wanted.refusal if session.phase is None else None,
        config_session=wanted.session,
        copies=copies,
        running=running_before(session, siblings),
        restoring=restoring_into(reader, namespace, target.name) if target is not None else None,
        claimants=in_the_way,
        partial_restore=partial_restore(reader, namespace, claim) if claim else None,
        siblings=siblings,
        claim=claim,
        claim_uid=claim_uid(reader, namespace, target.name) if target is not None else None,
        cluster_uid=cluster_uid(reader),
        not_bound=why_not_bound(reader, namespace, claim),
    )


def _is_pushed(session: BackupSession) -> bool:
    """Whether we have had our last word on its backups."""
    return session.status is not None and is_true(
        session.status.conditions, ConditionType.METRICS_PUSHED
    )


def _asks_for_siblings(session: BackupSession) -> bool:
    """Whether others may be in its way, or in that of its next try; or too many for the history."""
    is_to_be_retried = session.status is not None and session.status.next_retry is not None
    return not _is_pushed(session) or is_to_be_retried


def _claimants(
    reader: Reader, session: BackupSession, copies: Sequence[Copy], claim: str
) -> Sequence[Claimant]:
    """Who is in the way of all that the session may do; nobody is asked for what is under way."""
    if not any(copy.may_begin for copy in copies):
        return ()
    namespace = session.metadata.namespace or ""
    keys = [
        volume_key(namespace, claim),
        *(repository_key(namespace, item.name) for item in copies),
    ]
    return claimants(reader, namespace, keys, uid=session.metadata.uid, goes_first=False)


def _copies(reader: Reader, session: BackupSession, invoker: _Invoker) -> Sequence[Copy]:
    """A session that was started keeps its copies, whatever the configuration says by now."""
    started = session.status.snapshots if session.status is not None else None
    if started is not None:
        wanted = [(item.repository or "", item.phase) for item in started]
    else:
        wanted = [(name, None) for name in invoker.repositories]
    namespace = session.metadata.namespace or ""
    copies: list[Copy] = []
    for index, (name, recorded) in enumerate(wanted):
        repository = reader.get(Repository, namespace, name)
        if started is None and repository is not None and repository.spec.paused:
            continue
        copies.append(
            _copy(
                reader,
                session,
                invoker,
                repository,
                name=name,
                index=index if started is not None else len(copies),
                recorded=recorded,
            )
        )
    return copies


def _pinned_now(reader: Reader, namespace: str, copies: Sequence[Copy]) -> Sequence[Copy]:
    """With what restores need as the API server has it, where a retention is the next to begin.

    What it removes is gone for good, and a cache that is behind does not know of the newest one.
    """
    if not any(copy.may_retain for copy in copies):
        return copies
    who = asking_now(reader, namespace)
    return [
        replace(copy, pinned=pinned_snapshots(reader, namespace, copy.name, who))
        if copy.may_retain
        else copy
        for copy in copies
    ]


def _copy(
    reader: Reader,
    session: BackupSession,
    invoker: _Invoker,
    repository: Repository | None,
    *,
    name: str,
    index: int,
    recorded: Phase | None,
) -> Copy:
    namespace = session.metadata.namespace or ""
    storage = _storage(reader, repository)
    snapshot_name = names.snapshot_name(name, session.metadata.name)
    snapshot = reader.get(Snapshot, namespace, snapshot_name)
    applied = session.status.retention_policy if session.status else None
    entry = next((item for item in applied or () if item.repository == name), None)
    retain = entry.executor if entry is not None else None
    attempt = retain.attempt if retain is not None else 1
    retain_job = names.retain_job_name(session.metadata.name, index, attempt)
    retain_run = observe_job(
        reader,
        namespace=namespace,
        name=retain_job,
        executor=retain,
        owner=session.metadata,
        is_settled=entry is not None and entry.is_finished,
    )
    phases = {recorded, snapshot.phase if snapshot is not None else None}
    # Nothing follows any more from the Job of a good backup whose session has ended.
    is_pushed = _is_pushed(session)
    run = JobRun(RunState.FINISHED)
    if not is_pushed or Phase.SUCCEEDED not in phases or Phase.FAILED in phases:
        run = observe_job(
            reader,
            namespace=namespace,
            name=snapshot_name,
            executor=snapshot.status.executor if snapshot and snapshot.status else None,
            owner=session.metadata,
            was_started=recorded is Phase.RUNNING,
            # What follows from it is the Snapshot's to conclude; it is no reason to begin again.
            reported=reported_end(snapshot) if snapshot is not None else None,
            is_settled=is_pushed or (snapshot is not None and snapshot.is_finished),
        )
    # What only a plan needs is not looked for while there is none to be made.
    backs_up = run.state is RunState.ABSENT or session.phase is None
    # A failure is followed by retention, if at all, from the moment the session ends.
    is_followed = Phase.FAILED in phases and (entry is not None or not is_pushed)
    is_applied = entry is not None and entry.is_finished
    retains = retain_run.state in _MAY_RETAIN and (Phase.SUCCEEDED in phases or is_followed)
    retains &= not is_applied
    # A restore that came after the Job was made: it knows what it was told then.
    is_unbegun = entry is not None and not is_applied and retain_run.is_unbegun
    pinned: tuple[str, ...] = ()
    if retains or is_unbegun:
        pinned = pinned_snapshots(reader, namespace, name, asking(reader, namespace))
    known = _planned_pins(reader, namespace, retain_job) if is_unbegun and pinned else ()
    template = maintenance = problem = retention_problem = None
    if repository is None:
        problem = retention_problem = Reason("", f"Repository {name} does not exist")
    else:
        refusal = None
        if backs_up or retains:
            refusal = invoker.refusal or _refused(reader, repository, storage)
        if refusal is not None:
            problem = retention_problem = refusal
        elif backs_up:
            template, problem = _backup(reader, repository, storage, invoker.session)
        if retains and refusal is None:
            maintenance, retention_problem = _attempt(
                lambda: retain_template(reader, repository, storage, session.spec.session or "")
            )
    return Copy(
        name=name,
        session=session.metadata.name,
        snapshot_name=snapshot_name,
        recorded=recorded,
        repository=repository,
        snapshot=snapshot,
        snapshot_object=(
            without_status(reader, SNAPSHOTS, namespace, snapshot_name) if backs_up else None
        ),
        run=run,
        template=template,
        problem=problem,
        maintenance=maintenance,
        retention_problem=retention_problem,
        retain_job=retain_job,
        retain_run=retain_run,
        retain_attempt=attempt,
        removed=_removed(reader, namespace, name, retain_run),
        retention_ref=invoker.retention_of(name),
        terminated_pods=(terminated_pods(reader, namespace, name) if backs_up or retains else ()),
        unrecorded_failures=unrecorded_failures(reader, namespace, name) if retains else (),
        pinned=pinned,
        pinned_late=tuple(item for item in pinned if item not in known) if is_unbegun else (),
    )


def _planned_pins(reader: Reader, namespace: str, job: str) -> Collection[str]:
    """What a retention Job keeps for restores; nothing is known of one that is not there."""
    found = reader.stored(JOBS, namespace, job)
    try:
        return plan_of(found).pinned_snapshots if found is not None else ()
    except (KeyError, ValidationError):
        return ()


def _backup(
    reader: Reader,
    repository: Repository,
    storage: BackupStorage | None,
    session: Session | None,
) -> tuple[JsonObject | None, Reason | None]:
    name = repository.metadata.name
    if repository.spec.paused:
        return None, Reason("", f"Repository {name} is paused")
    if session is None:
        return None, Reason("", "the BackupConfiguration no longer has this session")
    if repository.status is None or repository.status.phase != "Ready":
        initialized = (
            find(repository.status.conditions, ConditionType.REPOSITORY_INITIALIZED)
            if repository.status
            else None
        )
        why = f": {initialized.message}" if initialized is not None and initialized.message else ""
        return None, Reason("", f"Repository {name} is not Ready{why}")
    return _attempt(lambda: backup_template(reader, repository, storage, session))


def _refused(
    reader: Reader, repository: Repository, storage: BackupStorage | None
) -> Reason | None:
    """Why nothing that writes to the repository may begin."""
    found = refused_repository(reader, repository, storage)
    return found or (refused_storage(storage) if storage is not None else None)


def _attempt(resolve: Callable[[], JsonObject]) -> tuple[JsonObject | None, Reason | None]:
    try:
        return resolve(), None
    except UnresolvedError as error:
        return None, error.reason


def _storage(reader: Reader, repository: Repository | None) -> BackupStorage | None:
    if repository is None:
        return None
    return reader.get(BackupStorage, *repository.storage_key)


def _removed(reader: Reader, namespace: str, repository: str, run: JobRun) -> tuple[Snapshot, ...]:
    """What retention removed: the worker's list is not trusted beyond its own repository."""
    retention = run.result.retention if run.result is not None else None
    names = (*retention.removed, *retention.removed_before) if retention is not None else ()
    found = [reader.get(Snapshot, namespace, name) for name in names]
    return tuple(item for item in found if item is not None and item.spec.repository == repository)
