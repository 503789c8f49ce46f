"""What restores have in common: the session, the Snapshot meant, the Addon, a request's order."""

from stashgen.api.base import JsonObject
from stashgen.api.meta import ObjectMeta
from stashgen.api.resources import SNAPSHOTS
from stashgen.api.restore_request import LATEST
from stashgen.api.restore_session import DataSource, RestoreSession, RestoreSessionSpec
from stashgen.api.shared import AddonInfo, ObjectReference, TaskReference, TypedObjectReference
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import addons
from stashgen_controller.observing import name_of
from stashgen_controller.reconciler import Reader
from stashgen_controller.session_plan import ORDER_ANNOTATION, RestoreOrder

EXECUTOR_ENSURED = "RestoreExecutorEnsured"
TARGET_FOUND = "RestoreTargetFound"


def find_snapshot(
    reader: Reader, namespace: str, repository: str | None, name: str
) -> JsonObject | None:
    """The Snapshot that is meant: the newest succeeded one, or a succeeded one by name."""
    if name != LATEST:
        found = reader.get(SNAPSHOTS, namespace, name)
        if found is None:
            return None
        snapshot = Snapshot.from_wire(found)
        matches = repository in {None, "", snapshot.spec.repository}
        return found if matches and snapshot.phase is Phase.SUCCEEDED else None
    good = []
    for obj in reader.items(SNAPSHOTS, namespace):
        snapshot = Snapshot.from_wire(obj)
        if snapshot.spec.repository == repository and snapshot.phase is Phase.SUCCEEDED:
            good.append((snapshot.time, name_of(obj), obj))
    return max(good, key=lambda item: item[:2])[2] if good else None


def restore_session(
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


def order_of(restore: RestoreSession) -> RestoreOrder | None:
    """What a RestoreRequest says of a restore; None for a plain one.

    Raises:
        pydantic.ValidationError: somebody changed it to what cannot be read.
    """
    text = (restore.metadata.annotations or {}).get(ORDER_ANNOTATION)
    return RestoreOrder.model_validate_json(text) if text is not None else None
