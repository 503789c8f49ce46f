"""The rules of strict mode, shared by the compiler and the controller.

The compiler generates the admission policies of a strict cluster from these lists, and the
controller complies with them; a contract test compares them with the permissions that its code
declares.
"""

# Where controller/deploy installs the controller. The policies apply only to this user.
CONTROLLER_NAMESPACE = "stashgen-system"
CONTROLLER_ACCOUNT = "stashgen-controller"
CONTROLLER_USER = f"system:serviceaccount:{CONTROLLER_NAMESPACE}:{CONTROLLER_ACCOUNT}"
# A ClusterRole of controller/deploy/strict; a compiled RoleBinding gives it in one namespace.
JOBS_ROLE = "stashgen-controller-jobs"

JOBS_POLICY = "stashgen-reviewed-jobs"
WRITES_POLICY = "stashgen-controller-writes"
# The ReviewedTemplates of a namespace. etcd takes no request above 1.5 MiB, so that what does not
# fit in one goes to the next. All are bound everywhere, used or not: a Job that names one of them
# where it is missing is refused.
PARTS = ("stashgen-1", "stashgen-2", "stashgen-3", "stashgen-4")
LARGEST_PART_BYTES = 1_400_000

OWNERS = (
    "core.kubestash.com/v1alpha1 BackupSession",
    "core.kubestash.com/v1alpha1 RestoreSession",
    "storage.kubestash.com/v1alpha1 BackupStorage",
    "storage.kubestash.com/v1alpha1 Repository",
)
# A week, the longest interval of a policy. Jobs are stopped then, whatever their session says.
LONGEST_JOB_SECONDS = 7 * 24 * 3600

# Everything that the controller may write, as in the second policy: group/resource, operation.
WRITES = (
    "/events CREATE",
    "/events UPDATE",
    "batch/jobs CREATE",
    "batch/jobs DELETE",
    "coordination.k8s.io/leases CREATE",
    "coordination.k8s.io/leases UPDATE",
    "core.kubestash.com/backupconfigurations/status UPDATE",
    "core.kubestash.com/backupsessions CREATE",
    "core.kubestash.com/backupsessions DELETE",
    "core.kubestash.com/backupsessions/status UPDATE",
    "core.kubestash.com/restoresessions CREATE",
    "core.kubestash.com/restoresessions/status UPDATE",
    "stashgen.dev/restorerequests/status UPDATE",
    "storage.kubestash.com/backupstorages/status UPDATE",
    "storage.kubestash.com/repositories/status UPDATE",
    "storage.kubestash.com/snapshots CREATE",
    "storage.kubestash.com/snapshots DELETE",
    "storage.kubestash.com/snapshots/status UPDATE",
)


def restore_claim_prefix(claim: str) -> str:
    """How the name of a claim has to begin into which a claim's snapshots may be restored."""
    return f"{claim}-restore-"
