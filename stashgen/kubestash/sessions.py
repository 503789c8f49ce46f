"""BackupSessions and Snapshots as they are created at run time."""

import hashlib
from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject
from stashgen.api.labels import INVOKER_NAME_LABEL, REPOSITORY_LABEL, TARGET_LABEL_PREFIX
from stashgen.api.meta import ObjectMeta
from stashgen.api.repository import Repository
from stashgen.api.restore_session import DataSource, RestoreSession, RestoreSessionSpec
from stashgen.api.shared import AddonInfo, ObjectReference, TaskReference, TypedObjectReference
from stashgen.kubestash import addons, names

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH = 26
_MAX_LABEL = 63


def backup_session_manifest(
    configuration: BackupConfiguration,
    session: Session,
    unix: int,
    *,
    retry_left: int | None = None,
) -> JsonObject:
    """The BackupSession of a tick (Unix seconds).

    Args:
        configuration: As stored: its UID makes it the owner.
        session: One of its sessions.
        unix: The scheduled time.
        retry_left: Of a retry; otherwise what the session's retryConfig says.
    """
    namespace, name = configuration.metadata.namespace or "", configuration.metadata.name
    retry = session.retry_config
    if retry_left is None:
        retry_left = (retry.max_retry or 1) if retry is not None else 0
    spec: dict[str, object] = {
        "invoker": {"apiGroup": "core.kubestash.com", "kind": configuration.kind, "name": name},
        "session": session.name or "",
        "retryLeft": retry_left,
    }
    if session.backup_timeout:
        spec["backupTimeout"] = session.backup_timeout
    return cast(
        "JsonObject",
        {
            "apiVersion": "core.kubestash.com/v1alpha1",
            "kind": "BackupSession",
            "metadata": {
                "name": names.backup_session_name(name, session.name or "", unix),
                "namespace": namespace,
                "labels": {INVOKER_NAME_LABEL: _label(name)},
                "ownerReferences": [
                    {
                        "apiVersion": configuration.api_version,
                        "kind": configuration.kind,
                        "name": name,
                        "uid": configuration.metadata.uid,
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": spec,
        },
    )


def snapshot_manifest(backup_session: BackupSession, repository: Repository) -> JsonObject:
    """The Snapshot of a session in one repository.

    It has no owner: recreating a Repository must not delete the records of its history.
    """
    return named_snapshot_manifest(
        repository,
        names.snapshot_name(repository.metadata.name, backup_session.metadata.name),
        session=backup_session.spec.session or "",
        backup_session=backup_session.metadata.name,
        id_=snapshot_id(backup_session, repository.metadata.name),
    )


def named_snapshot_manifest(
    repository: Repository, name: str, *, session: str, backup_session: str, id_: str | None
) -> JsonObject:
    """A Snapshot of a repository by its name; ``id_`` is its ULID, if it is known."""
    target = repository.spec.app_ref
    namespace = repository.metadata.namespace or ""
    return cast(
        "JsonObject",
        {
            "apiVersion": "storage.kubestash.com/v1alpha1",
            "kind": "Snapshot",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {
                    f"{TARGET_LABEL_PREFIX}kind": (target.kind if target else None) or "",
                    f"{TARGET_LABEL_PREFIX}name": _label(target.name if target else ""),
                    f"{TARGET_LABEL_PREFIX}namespace": (target.namespace if target else None)
                    or namespace,
                    REPOSITORY_LABEL: _label(repository.metadata.name),
                },
            },
            "spec": {
                **({"snapshotID": id_} if id_ is not None else {}),
                "type": "FullBackup",
                "repository": repository.metadata.name,
                "session": session,
                "backupSession": backup_session,
                "version": "v1",
                "appRef": target.to_wire() if target is not None else None,
                "deletionPolicy": "Delete",
                "paused": False,
            },
        },
    )


def _label(name: str) -> str:
    """A name as a label's value: at most 63 characters, the last one a letter or digit."""
    return name[:_MAX_LABEL].rstrip("-._")


def snapshot_id(backup_session: BackupSession, repository: str) -> str:
    """A ULID (github.com/ulid/spec) that is the same whenever it is asked for.

    Its time is the session's, its random part a hash of the session's UID and the repository.
    """
    created = backup_session.metadata.creation_timestamp
    identity = f"{backup_session.metadata.uid}/{repository}"
    milliseconds = int(created.timestamp() * 1000) if created is not None else 0
    number = int.from_bytes(
        milliseconds.to_bytes(6) + hashlib.sha256(identity.encode()).digest()[:10]
    )
    digits = ""
    for _ in range(_ULID_LENGTH):
        number, digit = divmod(number, len(_CROCKFORD))
        digits = _CROCKFORD[digit] + digits
    return digits


def restore_session_manifest(
    metadata: ObjectMeta,
    *,
    repository: str,
    snapshot: str,
    encryption_secret: ObjectReference | None,
    target: str,
    addon: AddonInfo | None,
) -> JsonObject:
    """The RestoreSession that restores a Repository's Snapshot into a claim of its namespace."""
    made = RestoreSession(
        metadata=metadata,
        spec=RestoreSessionSpec(
            target=TypedObjectReference(
                api_group="",
                kind="PersistentVolumeClaim",
                name=target,
                namespace=metadata.namespace,
            ),
            data_source=DataSource(
                repository=repository, snapshot=snapshot, encryption_secret=encryption_secret
            ),
            addon=addon,
        ),
    )
    return made.to_wire()


def restore_addon(backup: AddonInfo) -> AddonInfo:
    """How a volume is restored: with the Addon, and as the user, that backed it up."""
    task = (backup.tasks or (TaskReference(),))[0]
    return AddonInfo(
        name=backup.name,
        tasks=(
            TaskReference(
                name=addons.RESTORE_TASK, params=_params(task), addon_volumes=task.addon_volumes
            ),
        ),
        container_runtime_settings=backup.container_runtime_settings,
        job_template=backup.job_template,
    )


def _params(task: TaskReference) -> JsonObject | None:
    """What a backup says of its scratch space; its paths are in the Snapshot."""
    (known,) = addons.pvc_addon().spec.restore_tasks or ()
    taken = {item.name for item in known.parameters or ()}
    return {key: value for key, value in (task.params or {}).items() if key in taken} or None
