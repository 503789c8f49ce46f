"""Pods that may still run although nothing else says so: they were deleted, and so was their owner.

A session claims its volume and Repository in its own status until its run is over, and a pod that
is there claims them itself. If both are deleted, the pod by force, a process may run on where its
node is cut off. The Repository remembers such a pod from the moment at which the session, or the
pod, is deleted, until a kubelet reports its end, its own deadline has passed or a person accepts
that it is gone.
"""

from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError

from stashgen.api.backup_session import RetentionPhase
from stashgen.api.base import JsonObject, mapping_of, metadata_of, name_of, uid_of
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION, PLAN_ANNOTATION
from stashgen.api.pod import Pod
from stashgen.api.repository import LostPod, Repository
from stashgen.api.resources import BACKUP_SESSIONS, PODS, RESTORE_SESSIONS
from stashgen.api.shared import Executor
from stashgen_controller.listers.indexes.keys import repository_key
from stashgen_controller.listers.indexes.restores import (
    RESTORES_BY_REPOSITORY,
    restore_claims,
    restore_names,
)
from stashgen_controller.listers.indexes.sessions import (
    CLAIMING_SESSIONS,
    SNAPSHOTS_BY_REPOSITORY,
    session_claims,
)
from stashgen_controller.listers.indexes.workloads import LIVING_PODS
from stashgen_controller.listers.pods import has_terminated, stops_by
from stashgen_controller.listers.restores import is_writing
from stashgen_controller.listers.unattended_restores import unattended_runs
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.kind import Reader, is_deleting

_OWNERS = {item.kind: item for item in (BACKUP_SESSIONS, RESTORE_SESSIONS)}
_CLAIMS = {BACKUP_SESSIONS.kind: session_claims, RESTORE_SESSIONS.kind: restore_claims}


def lost_pods(reader: Reader, repository: Repository) -> tuple[LostPod, ...]:
    """What a Repository is to remember of pods that worked on it, by name.

    Those whose deadline has passed are among them: that is the caller's to judge.
    """
    known = (repository.status.lost_pods if repository.status is not None else None) or ()
    found = {
        item.pod: item
        for item in (*_recorded(reader, repository), *_orphans(reader, repository), *known)
        if may_run(reader, repository, item)
    }
    return tuple(found[name] for name in sorted(found))


def may_run(reader: Reader, repository: Repository, lost: LostPod) -> bool:
    """Whether a pod that a Repository remembers counts, but for its deadline.

    Not where a kubelet has reported its end, or a person has accepted it. Nor where its owner is
    there and has ended its claim: the Repository may not have looked since.
    """
    namespace = repository.metadata.namespace or ""
    accepted = (repository.metadata.annotations or {}).get(ACCEPT_LOST_POD_ANNOTATION)
    if lost.pod == accepted or has_terminated(reader, namespace, lost.pod):
        return False
    owner = _owner(reader, namespace, lost.kind, lost.name, lost.uid)
    if owner is not None and _accepts(owner, lost.pod):
        return False
    return owner is None or any(_CLAIMS[lost.kind](owner))


def _accepts(owner: JsonObject, pod: str) -> bool:
    """Whether a person said so of the pod's owner, which a finalizer may keep."""
    return mapping_of(metadata_of(owner), "annotations").get(ACCEPT_LOST_POD_ANNOTATION) == pod


def _recorded(reader: Reader, repository: Repository) -> Iterator[LostPod]:
    """Those that a session recorded and that are not there any more: its claim holds as yet."""
    namespace, name = repository.metadata.namespace or "", repository.metadata.name
    for session in reader.by(CLAIMING_SESSIONS, *repository_key(namespace, name)):
        for entry in (session.status.retention_policy if session.status else None) or ():
            if entry.repository == name and entry.phase is RetentionPhase.PENDING:
                owner = (BACKUP_SESSIONS.kind, session.metadata.name, session.metadata.uid)
                yield from _of_executor(reader, namespace, entry.executor, owner)
    for item in reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, name):
        if not item.is_finished and not item.pod_terminated:
            owner = (BACKUP_SESSIONS.kind, item.backup_session, None)
            yield from _gone(reader, namespace, item.pod, item.stops_by, owner)
    for restore in reader.by(RESTORES_BY_REPOSITORY, namespace, name):
        if is_writing(restore) and restore.status is not None and not is_deleting(restore):
            target = restore.spec_in_effect.target
            owner = (RESTORE_SESSIONS.kind, restore.metadata.name, restore.metadata.uid)
            claims = (target.name,) if target is not None else None
            yield from _of_executor(reader, namespace, restore.status.executor, owner, claims)
    for run in unattended_runs(reader, namespace):
        if repository_key(namespace, name) in restore_claims(run.restore):
            owner = (RESTORE_SESSIONS.kind, name_of(run.restore), uid_of(run.restore))
            claim = restore_names(run.restore).target
            claims = (claim,) if claim else None
            yield from _gone(reader, namespace, run.pod, run.until, owner, claims)


def _of_executor(
    reader: Reader,
    namespace: str,
    executor: Executor | None,
    owner: tuple[str, str, str | None],
    claims: tuple[str, ...] | None = None,
) -> Iterator[LostPod]:
    if executor is not None and not executor.pod_terminated:
        yield from _gone(reader, namespace, executor.pod, executor.stops_by, owner, claims)


def _gone(
    reader: Reader,
    namespace: str,
    pod: str | None,
    until: datetime | None,
    owner: tuple[str, str, str | None],
    claims: tuple[str, ...] | None = None,
) -> Iterator[LostPod]:
    if pod is not None and until is not None and not reader.has(PODS, namespace, pod):
        kind, name, uid = owner
        yield LostPod(pod=pod, kind=kind, name=name, uid=uid, claims=claims, until=until)


def _orphans(reader: Reader, repository: Repository) -> Iterator[LostPod]:
    """Those that are being deleted after their owner was, and have not ended."""
    namespace, name = repository.metadata.namespace or "", repository.metadata.name
    for pod in reader.by(LIVING_PODS, *repository_key(namespace, name)):
        until, plan = stops_by(pod), _plan(pod)
        if pod.metadata.deletion_timestamp is None or until is None or plan is None:
            continue
        kind, owner = BACKUP_SESSIONS.kind, plan.backup_session
        if plan.restore_session is not None:
            kind, owner = RESTORE_SESSIONS.kind, plan.restore_session
        if owner is None or _owner(reader, namespace, kind, owner, plan.session_uid) is not None:
            continue
        yield LostPod(
            pod=pod.metadata.name,
            kind=kind,
            name=owner,
            uid=plan.session_uid,
            claims=pod.claims or None,
            until=until,
        )


def _owner(
    reader: Reader, namespace: str, kind: str, name: str, uid: str | None
) -> JsonObject | None:
    """The owner, if it is not another one of its name."""
    resource = _OWNERS.get(kind)
    found = reader.stored(resource, namespace, name) if resource is not None else None
    return found if found is not None and uid in {None, uid_of(found)} else None


def _plan(pod: Pod) -> RunSpec | None:
    try:
        return RunSpec.model_validate_json(
            (pod.metadata.annotations or {}).get(PLAN_ANNOTATION, "")
        )
    except ValidationError:
        return None
