"""The CRD definitions of all kinds: printer columns, names and rules (KubeStash's CRDs)."""

from stashgen.api import resources
from stashgen.api.addon import Addon
from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.crd import Column, Definition, Rule
from stashgen.api.function import Function
from stashgen.api.repository import Repository
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.reviewed_templates import ReviewedTemplates
from stashgen.api.snapshot import Snapshot

# The word is CEL's own (Kubernetes, "Validation rules", "Escaping"). As it is, the API server takes
# its value for anything at all, whose comparison costs more than a rule may.
_NAMESPACE = "__namespace__"
_WITHOUT_ALL = ("kubestash", "appscode")


def _columns(*columns: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in columns)


def _stays(message: str) -> Rule:
    """A rule of ``spec`` is not asked when the whole of it is taken away."""
    return Rule((), "!has(oldSelf.spec) || has(self.spec)", message)


def _stays_once_begun(field: str, is_same: str) -> Rule:
    """What a Repository is of, and where: its Jobs and claims are of that for ever."""
    return Rule(
        (),
        "!has(oldSelf.status) || !has(oldSelf.status.executor) || !has(oldSelf.spec)"
        f" || !has(oldSelf.spec.{field})"
        f" || (has(self.spec) && has(self.spec.{field}) && {is_same})",
        f"spec.{field} may not change once the Repository has been initialised",
    )


DEFINITIONS = (
    Definition(
        resources.BACKUP_STORAGES,
        BackupStorage,
        _columns(
            ("Provider", "string", ".spec.storage.provider"),
            ("Default", "boolean", ".spec.default"),
            ("Deletion-Policy", "string", ".spec.deletionPolicy"),
            ("Total-Size", "string", ".status.totalSize"),
            ("Phase", "string", ".status.phase"),
        ),
        rules=(
            Rule(
                (),
                "!has(oldSelf.status) || !has(oldSelf.status.repositories)"
                " || size(oldSelf.status.repositories) == 0 || !has(oldSelf.spec)"
                " || !has(oldSelf.spec.storage) || (has(self.spec) && has(self.spec.storage)"
                " && self.spec.storage == oldSelf.spec.storage)",
                "spec.storage can not change while there are repositories in it",
            ),
        ),
    ),
    Definition(
        resources.REPOSITORIES,
        Repository,
        _columns(
            ("Integrity", "boolean", ".status.integrity"),
            ("Snapshot-Count", "integer", ".status.snapshotCount"),
            ("Size", "string", ".status.size"),
            ("Phase", "string", ".status.phase"),
            ("Last-Successful-Backup", "date", ".status.lastBackupTime"),
        ),
        short_names=("repo",),
        rules=(
            _stays("spec.path may not change"),
            Rule(
                ("spec",),
                "!has(oldSelf.path) || (has(self.path) && self.path == oldSelf.path)",
                "spec.path may not change",
            ),
            _stays_once_begun("appRef", "oldSelf.spec.appRef.name == self.spec.appRef.name"),
            _stays_once_begun(
                "storageRef",
                "oldSelf.spec.storageRef.name == self.spec.storageRef.name"
                f" && (!has(oldSelf.spec.storageRef.{_NAMESPACE})"
                f" || !has(self.spec.storageRef.{_NAMESPACE})"
                f" || oldSelf.spec.storageRef.{_NAMESPACE} == self.spec.storageRef.{_NAMESPACE})",
            ),
        ),
    ),
    Definition(
        resources.RETENTION_POLICIES,
        RetentionPolicy,
        _columns(
            ("Max-Retention-Period", "string", ".spec.maxRetentionPeriod"),
            ("Default", "boolean", ".spec.default"),
        ),
        categories=_WITHOUT_ALL,
        has_status=False,
        rules=(
            Rule(
                ("spec",),
                "has(self.maxRetentionPeriod) || has(self.successfulSnapshots)",
                "maxRetentionPeriod or successfulSnapshots is required",
            ),
        ),
    ),
    Definition(
        resources.SNAPSHOTS,
        Snapshot,
        _columns(
            ("Repository", "string", ".spec.repository"),
            ("Session", "string", ".spec.session"),
            ("Snapshot-Time", "string", ".status.snapshotTime"),
            ("Deletion-Policy", "string", ".spec.deletionPolicy"),
            ("Phase", "string", ".status.phase"),
        ),
        categories=_WITHOUT_ALL,
        # Whoever sets it deletes the Snapshot next: a status would come too late.
        rules=(
            Rule(
                ("spec",),
                "!has(self.deletionPolicy) || self.deletionPolicy != 'WipeOut'",
                "deletionPolicy WipeOut is not supported yet: the data stays in the storage",
            ),
            _stays("spec.repository may not change"),
            Rule(
                ("spec",),
                "!has(oldSelf.repository)"
                " || (has(self.repository) && self.repository == oldSelf.repository)",
                "spec.repository may not change",
            ),
        ),
    ),
    Definition(
        resources.BACKUP_CONFIGURATIONS,
        BackupConfiguration,
        _columns(
            ("Phase", "string", ".status.phase"),
            ("Paused", "boolean", ".spec.paused"),
        ),
        short_names=("bc",),
    ),
    Definition(
        resources.BACKUP_SESSIONS,
        BackupSession,
        _columns(
            ("Invoker-Type", "string", ".spec.invoker.kind"),
            ("Invoker-Name", "string", ".spec.invoker.name"),
            ("Phase", "string", ".status.phase"),
            ("Duration", "string", ".status.duration"),
        ),
        rules=(
            _stays("spec can not be updated"),
            Rule(("spec",), "self == oldSelf", "spec can not be updated"),
        ),
    ),
    Definition(
        resources.RESTORE_SESSIONS,
        RestoreSession,
        _columns(
            ("Repository", "string", ".spec.dataSource.repository"),
            ("Phase", "string", ".status.phase"),
            ("Duration", "string", ".status.duration"),
        ),
        short_names=("restore",),
    ),
    Definition(
        resources.RESTORE_REQUESTS,
        RestoreRequest,
        _columns(
            ("Repository", "string", ".spec.repository"),
            ("Snapshot", "string", ".status.snapshot"),
            ("Target", "string", ".spec.target.name"),
            ("Phase", "string", ".status.phase"),
            ("Not-After", "string", ".spec.notAfter"),
        ),
        short_names=("rr",),
        categories=("stashgen", "all"),
        application="stashgen",
        rules=(
            Rule((), "has(self.spec)", "spec is required"),
            Rule(("spec",), "self == oldSelf", "spec can not be updated: a request is one act"),
        ),
    ),
    Definition(resources.ADDONS, Addon, (), has_status=False),
    Definition(resources.FUNCTIONS, Function, (), short_names=("fn",), has_status=False),
    Definition(
        resources.REVIEWED_TEMPLATES,
        ReviewedTemplates,
        (),
        categories=("stashgen",),
        application="stashgen",
        has_status=False,
    ),
)
