"""The worker's verbs: one row per verb, and the pods that run them.

``init-repository``, ``retain``, ``resync`` and ``upkeep`` share a pod: what they may do is reviewed
once, as its arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stashgen.api.labels import NAME_ANNOTATION, SNAPSHOT_ANNOTATION, VERB_ANNOTATION

# The command of a CronJob's pod. It has no run spec and no storage, so it is not a verb.
TRIGGER = "trigger"


class Verb(StrEnum):
    """What a run spec can request; the worker has a module of that name for each."""

    INIT_STORAGE = "init-storage"
    INIT_REPOSITORY = "init-repository"
    BACKUP = "backup"
    RESTORE = "restore"
    RETAIN = "retain"
    RESYNC = "resync"
    UPKEEP = "upkeep"


class Template(StrEnum):
    """The kinds of pods, as named by PodTemplates, their annotations and the command line."""

    INIT_STORAGE = "init-storage"
    MAINTAIN = "maintain"
    BACKUP = "backup"
    RESTORE = "restore"


class DataAccess(StrEnum):
    """How a pod mounts the volume that is backed up."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class WorkerPod:
    """What the pod of a template needs, independent of the storage.

    Attributes:
        summary: What the worker does, for its ``--help``.
        component: The pod's label ``app.kubernetes.io/component``.
        data: How the volume itself is mounted; None if it is not.
        has_key: Works on one repository, so the encryption key is mounted.
        session: Environment variables and the session's annotations that provide their values.
        token: Whether the pod may speak to the API server.
        as_root: Whether KubeStash runs it as root unless its settings say otherwise.
        root_capabilities: Added for root only; other users have none.
        tmp_size, cpu, memory, memory_limit, grace_seconds: Defaults of the settings.
    """

    summary: str
    component: str
    data: DataAccess | None = None
    has_key: bool = True
    session: Mapping[str, str] = field(default_factory=dict)
    token: bool = False
    as_root: bool = False
    root_capabilities: tuple[str, ...] = ()
    tmp_size: str = "1Gi"
    cpu: str = "100m"
    memory: str = "256Mi"
    memory_limit: str = "1Gi"
    grace_seconds: int = 120


PODS: Mapping[Template, WorkerPod] = {
    Template.INIT_STORAGE: WorkerPod(
        summary="initialise a storage by writing metadata.yaml",
        component="kubestash-initializer",
        has_key=False,
        tmp_size="64Mi",
        cpu="50m",
        memory="64Mi",
        memory_limit="128Mi",
        grace_seconds=30,
    ),
    Template.MAINTAIN: WorkerPod(
        summary="initialise repositories, apply retention, prune and check",
        component="kubestash-maintenance",
        session={"VERB": VERB_ANNOTATION},
    ),
    Template.BACKUP: WorkerPod(
        summary="back up a mounted volume",
        component="kubestash-backup",
        data=DataAccess.READ,
        session={"BACKUP_SESSION": NAME_ANNOTATION},
        token=True,
        root_capabilities=("DAC_READ_SEARCH",),
    ),
    Template.RESTORE: WorkerPod(
        summary="restore a snapshot into a mounted volume",
        component="kubestash-restore",
        data=DataAccess.WRITE,
        session={"RESTORE_SESSION": NAME_ANNOTATION, "SNAPSHOT": SNAPSHOT_ANNOTATION},
        token=True,
        as_root=True,
        root_capabilities=("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"),
    ),
}
# Those of a Repository, in the order of its annotations; the other belongs to a BackupStorage.
REPOSITORY_TEMPLATES = tuple(name for name, pod in PODS.items() if pod.has_key)


@dataclass(frozen=True, slots=True)
class VerbRow:
    """One verb.

    Attributes:
        template: The pod that runs it.
        plan: The fields of a run spec that it uses, in addition to those of every verb.
        result: The field of a result that it sets whenever it succeeds.
    """

    template: Template
    plan: frozenset[str]
    result: str


VERBS: Mapping[Verb, VerbRow] = {
    Verb.INIT_STORAGE: VerbRow(Template.INIT_STORAGE, frozenset({"storage"}), "uploaded"),
    Verb.INIT_REPOSITORY: VerbRow(
        Template.MAINTAIN, frozenset({"claim_uid", "repository"}), "repository"
    ),
    Verb.BACKUP: VerbRow(
        Template.BACKUP,
        frozenset(
            {
                "acknowledged_writer",
                "backup_session",
                "check",
                "claim_uid",
                "earlier_copy_failed",
                "last_copy",
                "refuse_other_writer",
                "session_uid",
                "snapshot",
                "terminated_pods",
            }
        ),
        "components",
    ),
    Verb.RESTORE: VerbRow(
        Template.RESTORE,
        frozenset(
            {
                "adopt",
                "claim_uid",
                "order",
                "restore_session",
                "session_uid",
                "snapshot",
                "terminated_pods",
            }
        ),
        "components",
    ),
    Verb.RETAIN: VerbRow(
        Template.MAINTAIN,
        frozenset(
            {
                "accepted_gap",
                "accepted_smaller",
                "backup_session",
                "claim_uid",
                "pinned_snapshots",
                "session",
                "terminated_pods",
                "unrecorded_failures",
            }
        ),
        "retention",
    ),
    Verb.RESYNC: VerbRow(Template.MAINTAIN, frozenset({"cursor", "repository"}), "resync"),
    Verb.UPKEEP: VerbRow(
        Template.MAINTAIN,
        frozenset(
            {
                "check",
                "check_number",
                "checked_paths",
                "claim_uid",
                "damage_accepted",
                "prune",
                "pruned_paths",
                "storage_is_full",
                "terminated_pods",
                "turn",
            }
        ),
        "upkeep",
    ),
}
