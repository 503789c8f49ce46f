"""What is to be known about one BackupSession before anything is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_session import BackupSession, BackupSessionStatus
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    REPOSITORIES,
    RESTORE_SESSIONS,
    SNAPSHOTS,
)
from stashgen.api.restore_session import RestoreSession
from stashgen.api.shared import ObjectReference
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import names
from stashgen_controller.jobs import Run
from stashgen_controller.observing import (
    claim_uid,
    cluster_uid,
    is_rendered,
    observe_job,
    without_status,
)
from stashgen_controller.pod_templates import (
    UnresolvedError,
    backup_template,
    maintain_template,
)
from stashgen_controller.reconciler import Reader


@dataclass(frozen=True, slots=True)
class Copy:
    """One repository of the session.

    Attributes:
        name: The Repository's.
        snapshot_name: Of the session's Snapshot there, and of its Job.
        repository: None where there is none.
        snapshot: None until it was made.
        snapshot_object: The same without its status, for the plan.
        run: The backup Job.
        template: The backup pod; None with a ``problem`` while it cannot be resolved.
        maintenance: The maintenance pod, for retention.
        retain_job: Name of the retention Job.
        retain_run: The retention Job.
        retention_ref: The RetentionPolicy that applies here.
    """

    name: str
    snapshot_name: str
    repository: Repository | None
    snapshot: Snapshot | None
    snapshot_object: JsonObject | None
    run: Run
    template: JsonObject | None
    problem: str | None
    maintenance: JsonObject | None
    retain_job: str
    retain_run: Run
    retention_ref: ObjectReference | None
    session: str

    @property
    def is_ready(self) -> bool:
        """The Repository is there and Ready."""
        repository = self.repository
        return (
            repository is not None
            and repository.status is not None
            and repository.status.phase == "Ready"
        )

    @property
    def is_rendered(self) -> bool:
        """Whether git holds the pod templates."""
        return self.repository is not None and is_rendered(self.repository.metadata)

    @property
    def is_waiting_for_apply(self) -> bool:
        """The pod template is in git's hands and not there yet."""
        return self.template is None and self.is_rendered

    @property
    def collides(self) -> bool:
        """A Snapshot of our name belongs to another session."""
        return self.snapshot is not None and self.snapshot.spec.backup_session != self.session

    @property
    def is_finished(self) -> bool:
        """The Snapshot succeeded or failed."""
        return self.snapshot is not None and self.snapshot.is_finished

    @property
    def is_failed(self) -> bool:
        """The Snapshot failed."""
        return self.snapshot is not None and self.snapshot.phase is Phase.FAILED

    @property
    def is_good(self) -> bool:
        """The Snapshot succeeded."""
        return self.snapshot is not None and self.snapshot.phase is Phase.SUCCEEDED

    @property
    def finished(self) -> datetime | None:
        """When the Snapshot got its last word."""
        status = self.snapshot.status if self.snapshot is not None else None
        return status.last_update_time if status is not None else None


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupSession.

    Attributes:
        obj: As stored.
        session: The same as a model.
        configuration: The invoker; None where it is gone.
        config_session: The invoker's session of this name.
        copies: One a repository, in the configuration's order.
        running: Another session of the same kind that is not finished.
        restoring: A RestoreSession into the target that is not finished.
        expired: Finished sessions beyond the history limit, once this one counts.
        claim_uid, cluster_uid: For the record of writers.
        snapshots: All Snapshots of the namespace by name: what retention removed goes.
    """

    obj: JsonObject
    session: BackupSession
    configuration: BackupConfiguration | None
    config_session: Session | None
    copies: Sequence[Copy]
    running: str | None
    restoring: str | None
    expired: Sequence[BackupSession]
    claim_uid: str | None
    cluster_uid: str | None
    snapshots: dict[str, Snapshot]

    @property
    def status(self) -> BackupSessionStatus:
        """The stored status, or an empty one."""
        return self.session.status or BackupSessionStatus()


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a session."""
    session = BackupSession.from_wire(obj)
    namespace = session.metadata.namespace or ""
    invoker = session.spec.invoker
    found = reader.get(BACKUP_CONFIGURATIONS, namespace, invoker.name if invoker else "")
    configuration = BackupConfiguration.from_wire(found) if found is not None else None
    config_session = (
        configuration.session(session.spec.session or "") if configuration is not None else None
    )
    target = configuration.spec.target if configuration is not None else None
    siblings = _siblings(reader, session)
    return Observed(
        obj=obj,
        session=session,
        configuration=configuration,
        config_session=config_session,
        copies=_copies(reader, session, configuration, config_session),
        running=next(
            (item.metadata.name for item in siblings if _runs_before(item, session)), None
        ),
        restoring=_restoring(reader, namespace, target.name) if target is not None else None,
        expired=_expired(session, siblings, config_session),
        claim_uid=claim_uid(reader, namespace, target.name) if target is not None else None,
        cluster_uid=cluster_uid(reader),
        snapshots={
            item.metadata.name: item
            for item in map(Snapshot.from_wire, reader.items(SNAPSHOTS, namespace))
        },
    )


def _copies(
    reader: Reader,
    session: BackupSession,
    configuration: BackupConfiguration | None,
    config_session: Session | None,
) -> Sequence[Copy]:
    if configuration is None or config_session is None:
        return ()
    return [
        _copy(reader, session, configuration, config_session, index)
        for index in range(len(config_session.repositories or ()))
    ]


def _copy(
    reader: Reader,
    session: BackupSession,
    configuration: BackupConfiguration,
    config_session: Session,
    index: int,
) -> Copy:
    wanted = (config_session.repositories or ())[index]
    namespace, name = session.metadata.namespace or "", wanted.name or ""
    found = reader.get(REPOSITORIES, namespace, name)
    repository = Repository.from_wire(found) if found is not None else None
    storage = _storage(reader, repository)
    snapshot_name = names.snapshot_name(name, session.metadata.name)
    snapshot_object = reader.get(SNAPSHOTS, namespace, snapshot_name)
    snapshot = Snapshot.from_wire(snapshot_object) if snapshot_object is not None else None
    retain_job = names.retain_job_name(session.metadata.name, index)
    applied = session.status.retention_policy if session.status else None
    retain = next((item.executor for item in applied or () if item.repository == name), None)
    template, problem = _template(reader, repository, storage, config_session)
    backend = configuration.backend(wanted.backend)
    return Copy(
        name=name,
        snapshot_name=snapshot_name,
        repository=repository,
        snapshot=snapshot,
        snapshot_object=without_status(snapshot_object) if snapshot_object is not None else None,
        run=observe_job(
            reader,
            namespace=namespace,
            name=snapshot_name,
            executor=snapshot.status.executor if snapshot and snapshot.status else None,
            owner_uid=session.metadata.uid,
        ),
        template=template,
        problem=problem,
        maintenance=maintain_template(reader, repository, storage) if repository else None,
        retain_job=retain_job,
        retain_run=observe_job(
            reader,
            namespace=namespace,
            name=retain_job,
            executor=retain,
            owner_uid=session.metadata.uid,
        ),
        retention_ref=backend.retention_policy if backend is not None else None,
        session=session.metadata.name,
    )


def _storage(reader: Reader, repository: Repository | None) -> BackupStorage | None:
    if repository is None:
        return None
    found = reader.get(BACKUP_STORAGES, *repository.storage_key)
    return BackupStorage.from_wire(found) if found is not None else None


def _template(
    reader: Reader,
    repository: Repository | None,
    storage: BackupStorage | None,
    session: Session,
) -> tuple[JsonObject | None, str | None]:
    if repository is None or storage is None:
        return None, "the Repository or its BackupStorage does not exist"
    try:
        return backup_template(reader, repository, storage, session), None
    except UnresolvedError as error:
        return None, str(error)


def _siblings(reader: Reader, session: BackupSession) -> list[BackupSession]:
    """The other sessions of the same invoker and name, newest first."""
    namespace = session.metadata.namespace or ""
    wanted = (session.spec.invoker, session.spec.session)
    found = [
        other
        for other in map(BackupSession.from_wire, _of_invoker(reader, namespace, session))
        if (other.spec.invoker, other.spec.session) == wanted
        and other.metadata.uid != session.metadata.uid
    ]
    return sorted(found, key=_age_key, reverse=True)


def _of_invoker(reader: Reader, namespace: str, session: BackupSession) -> list[JsonObject]:
    """Only sessions of our name prefix are parsed: there may be thousands in a namespace."""
    invoker = session.spec.invoker.name if session.spec.invoker else ""
    found = []
    for obj in reader.items(BACKUP_SESSIONS, namespace):
        spec = cast("JsonObject", obj.get("spec") or {})
        if cast("JsonObject", spec.get("invoker") or {}).get("name") == invoker:
            found.append(obj)
    return found


def _age_key(session: BackupSession) -> tuple[str, str]:
    created = session.metadata.creation_timestamp
    return (created.isoformat() if created else "", session.metadata.name)


def _runs_before(other: BackupSession, session: BackupSession) -> bool:
    """Whether another session is under way and came first."""
    return not other.is_finished and _age_key(other) < _age_key(session)


def _restoring(reader: Reader, namespace: str, claim: str) -> str | None:
    for obj in reader.items(RESTORE_SESSIONS, namespace):
        restore = RestoreSession.from_wire(obj)
        target = restore.spec.target
        started = restore.status is not None and restore.status.executor is not None
        if started and not restore.is_finished and target is not None and target.name == claim:
            return restore.metadata.name
    return None


def _expired(
    session: BackupSession, siblings: Sequence[BackupSession], config_session: Session | None
) -> Sequence[BackupSession]:
    limit = config_session.session_history_limit if config_session is not None else None
    kept = 1 if limit is None else limit
    older = [item for item in siblings if item.is_finished and _age_key(item) < _age_key(session)]
    return older[max(0, kept - 1) :]
