"""The Addon and the Functions that come with stashgen (names and parameters as KubeStash's)."""

from stashgen import __version__
from stashgen.api.addon import Addon, AddonSpec, AddonTask, VolumeTemplate
from stashgen.api.base import JsonObject
from stashgen.api.function import Function, FunctionSpec
from stashgen.api.meta import ObjectMeta
from stashgen.api.shared import ParameterDefinition
from stashgen.api.snapshot import Driver
from stashgen.kubestash.paths import DATA_PATH, TMP_PATH
from stashgen.kubestash.verbs import Template

ADDON = "pvc-addon"
BACKUP_TASK = "logical-backup"
RESTORE_TASK = "logical-backup-restore"
BACKUP_FUNCTION = "pvc-backup"
RESTORE_FUNCTION = "pvc-restore"
IMAGE = f"stashgen-worker:{__version__}"
COMMAND = "stashgen-worker"
# Older documents of KubeStash's spell task names so.
SYNONYMS = {"LogicalBackup": BACKUP_TASK, "LogicalBackupRestore": RESTORE_TASK}

# Ours: KubeStash's own catalogue has no such parameter.
ON_UNREADABLE = "onUnreadable"

TMP_VOLUME = "kubestash-tmp-volume"
DATA_VOLUME = "kubestash-data-volume"

_CACHE = (
    ParameterDefinition(
        name="enableCache",
        usage="Whether restic keeps a cache in the scratch directory.",
        required=False,
        default="true",
    ),
    ParameterDefinition(
        name="scratchDir",
        usage="Directory for temporary files and restic's cache.",
        required=False,
        default=TMP_PATH,
    ),
)
_PATHS = (
    ParameterDefinition(
        name="paths",
        usage="Comma-separated paths to back up.",
        required=False,
        default=DATA_PATH,
    ),
    ParameterDefinition(
        name="exclude",
        usage="Comma-separated patterns of files to leave out.",
        required=False,
    ),
    ParameterDefinition(
        name=ON_UNREADABLE,
        usage="What becomes of a backup that lacks unreadable files: fail (the default) or warn.",
        required=False,
    ),
)
_DATA_SOURCE: JsonObject = {"persistentVolumeClaim": {"claimName": "${PVC_NAME}"}}
_VOLUMES = (
    VolumeTemplate(
        name=TMP_VOLUME, usage="Temporary files and restic's cache.", source={"emptyDir": {}}
    ),
    VolumeTemplate(name=DATA_VOLUME, usage="The volume itself.", source=_DATA_SOURCE),
)
_MOUNTS: tuple[JsonObject, ...] = (
    {"name": TMP_VOLUME, "mountPath": TMP_PATH},
    {"name": DATA_VOLUME, "mountPath": DATA_PATH},
)


def pvc_addon() -> Addon:
    """Backup and restore of a stand-alone PersistentVolumeClaim."""
    return Addon(
        metadata=ObjectMeta(name=ADDON),
        spec=AddonSpec(
            backup_tasks=(_task(BACKUP_TASK, BACKUP_FUNCTION, (*_PATHS, *_CACHE)),),
            restore_tasks=(_task(RESTORE_TASK, RESTORE_FUNCTION, _CACHE),),
        ),
    )


def pvc_backup() -> Function:
    """The container that backs a volume up."""
    return _function(
        BACKUP_FUNCTION,
        Template.BACKUP.value,
        "--namespace=${namespace:=default}",
        "--backupsession=${backupSession:=}",
        *_PLACE,
        "--enable-cache=${enableCache:=}",
        "--scratch-dir=${scratchDir:=}",
        "--exclude=${exclude:=}",
        f"--on-unreadable=${{{ON_UNREADABLE}:=}}",
        "--paths=${paths:=}",
    )


def pvc_restore() -> Function:
    """The container that restores a volume."""
    return _function(
        RESTORE_FUNCTION,
        Template.RESTORE.value,
        "--namespace=${namespace:=default}",
        "--restoresession=${restoreSession:=}",
        "--snapshot=${snapshot:=}",
        *_PLACE,
        "--enable-cache=${enableCache:=}",
        "--scratch-dir=${scratchDir:=}",
    )


_PLACE = ("--storage=${storage:=}", "--directory=${directory:=}", "--component=${component:=}")


def _task(name: str, function: str, parameters: tuple[ParameterDefinition, ...]) -> AddonTask:
    return AddonTask(
        name=name,
        function=function,
        driver=Driver.RESTIC,
        executor="Job",
        singleton=True,
        parameters=parameters,
        volume_template=_VOLUMES,
        volume_mounts=_MOUNTS,
    )


def _function(name: str, *args: str) -> Function:
    return Function(
        metadata=ObjectMeta(name=name),
        spec=FunctionSpec(image=IMAGE, command=(COMMAND,), args=args),
    )
