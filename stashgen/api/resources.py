"""The resources that stashgen renders, reads or serves, each with its REST path parts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One REST resource (Kubernetes API conventions, "Types (Kinds)" and "Resources")."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    def __hash__(self) -> int:
        """Caches are asked for their kind thousands of times a second; plurals are all unlike."""
        return hash(self.plural)

    @property
    def api_version(self) -> str:
        """``group/version``, or only the version in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The REST path of the collection, or of one object where a name is given."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


STORAGE_GROUP = "storage.kubestash.com"
CORE_GROUP = "core.kubestash.com"
ADDONS_GROUP = "addons.kubestash.com"
OUR_GROUP = "stashgen.dev"

BACKUP_STORAGES = Resource(STORAGE_GROUP, "v1alpha1", "BackupStorage", "backupstorages")
REPOSITORIES = Resource(STORAGE_GROUP, "v1alpha1", "Repository", "repositories")
RETENTION_POLICIES = Resource(STORAGE_GROUP, "v1alpha1", "RetentionPolicy", "retentionpolicies")
SNAPSHOTS = Resource(STORAGE_GROUP, "v1alpha1", "Snapshot", "snapshots")
BACKUP_CONFIGURATIONS = Resource(
    CORE_GROUP, "v1alpha1", "BackupConfiguration", "backupconfigurations"
)
BACKUP_SESSIONS = Resource(CORE_GROUP, "v1alpha1", "BackupSession", "backupsessions")
RESTORE_SESSIONS = Resource(CORE_GROUP, "v1alpha1", "RestoreSession", "restoresessions")
ADDONS = Resource(ADDONS_GROUP, "v1alpha1", "Addon", "addons", namespaced=False)
FUNCTIONS = Resource(ADDONS_GROUP, "v1alpha1", "Function", "functions", namespaced=False)
RESTORE_REQUESTS = Resource(OUR_GROUP, "v1alpha1", "RestoreRequest", "restorerequests")
REVIEWED_TEMPLATES = Resource(OUR_GROUP, "v1alpha1", "ReviewedTemplates", "reviewedtemplates")

NAMESPACES = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
SECRETS = Resource("", "v1", "Secret", "secrets")
PODS = Resource("", "v1", "Pod", "pods")
POD_TEMPLATES = Resource("", "v1", "PodTemplate", "podtemplates")
PERSISTENT_VOLUME_CLAIMS = Resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SERVICE_ACCOUNTS = Resource("", "v1", "ServiceAccount", "serviceaccounts")
EVENTS = Resource("", "v1", "Event", "events")
CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps")
JOBS = Resource("batch", "v1", "Job", "jobs")
CRON_JOBS = Resource("batch", "v1", "CronJob", "cronjobs")
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments")
STATEFUL_SETS = Resource("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SETS = Resource("apps", "v1", "DaemonSet", "daemonsets")
LEASES = Resource("coordination.k8s.io", "v1", "Lease", "leases")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)

KUBESTASH = (
    BACKUP_STORAGES,
    REPOSITORIES,
    RETENTION_POLICIES,
    SNAPSHOTS,
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    RESTORE_SESSIONS,
    ADDONS,
    FUNCTIONS,
)
# Every kind that has a CRD of ours.
CUSTOM = (*KUBESTASH, RESTORE_REQUESTS, REVIEWED_TEMPLATES)
