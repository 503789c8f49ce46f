"""By what objects are found other than by name: every index of the caches, once.

Keys are read from objects as stored, so that nothing is parsed to keep an index. Where a reference
leaves the namespace out, the referrer's is meant (KubeStash).
"""

from typing import Any

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.repository import Repository
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.snapshot import Snapshot
from stashgen_controller.listers.indexes.configurations import (
    CONFIGURATIONS_BY_CRON_JOB,
    CONFIGURATIONS_BY_POLICY,
    CONFIGURATIONS_BY_REPOSITORY,
    CONFIGURATIONS_BY_STORAGE,
    CONFIGURATIONS_BY_TARGET,
    CONFIGURATIONS_WITH_DEFAULTS,
    DEFAULT_POLICIES,
)
from stashgen_controller.listers.indexes.repositories import (
    CLAIMING_REPOSITORIES,
    DAMAGED_REPOSITORIES,
    LOST_PODS,
    REPOSITORIES_BY_PLACE,
    REPOSITORIES_BY_STORAGE,
    REPOSITORIES_BY_TARGET,
    REPOSITORIES_BY_TEMPLATE,
    REPOSITORIES_IN_UPKEEP,
    UNSETTLED_REPOSITORIES,
    WAITING_FOR_UPKEEP,
)
from stashgen_controller.listers.indexes.restores import (
    PINNING_REQUESTS,
    PINNING_RESTORES,
    REQUESTS_BY_NONCE,
    RESTORES_BY_REPOSITORY,
    RESTORES_BY_TARGET,
    RESTORES_IN_TURN,
    STARTING_RESTORES,
    UNFINISHED_REQUESTS,
    UNFINISHED_RESTORES,
)
from stashgen_controller.listers.indexes.sessions import (
    CLAIMING_SESSIONS,
    SESSIONS_BY_INVOKER,
    SESSIONS_BY_RETAINED_REPOSITORY,
    SESSIONS_IN_TURN,
    SNAPSHOTS_BY_REPOSITORY,
    SNAPSHOTS_IN_PROGRESS,
    STARTING_SESSIONS,
    UNFINISHED_SESSIONS,
)
from stashgen_controller.listers.indexes.storages import (
    DEFAULT_STORAGES,
    STORAGES_BY_PLACE,
    STORAGES_BY_TEMPLATE,
)
from stashgen_controller.listers.indexes.workloads import (
    CLAIM_UIDS,
    CLUSTER_UID,
    CRON_JOBS_BY_CONTROLLER,
    LIVING_PODS,
    PODS_BY_JOB,
)
from stashgen_controller.runtime.kind import CoveringIndex, Index
from stashgen_controller.runtime.malformed import is_marked

# Those that cannot be read, or have to read one that cannot, as their statuses say; under the empty
# key, an index for each kind that is reconciled.
MALFORMED: tuple[Index[Any], ...] = tuple(
    Index(model, lambda obj: ((),) if is_marked(obj) else ())
    for model in (
        BackupStorage,
        Repository,
        BackupConfiguration,
        BackupSession,
        Snapshot,
        RestoreSession,
        RestoreRequest,
    )
)

INDEXES: tuple[Index[Any] | CoveringIndex[Any, Any], ...] = (
    CONFIGURATIONS_BY_TARGET,
    CONFIGURATIONS_BY_REPOSITORY,
    CONFIGURATIONS_BY_STORAGE,
    CONFIGURATIONS_BY_POLICY,
    CONFIGURATIONS_WITH_DEFAULTS,
    CONFIGURATIONS_BY_CRON_JOB,
    REPOSITORIES_BY_STORAGE,
    REPOSITORIES_BY_TARGET,
    REPOSITORIES_BY_PLACE,
    REPOSITORIES_BY_TEMPLATE,
    STORAGES_BY_TEMPLATE,
    STORAGES_BY_PLACE,
    DEFAULT_STORAGES,
    DEFAULT_POLICIES,
    SESSIONS_BY_INVOKER,
    SESSIONS_BY_RETAINED_REPOSITORY,
    CLAIMING_SESSIONS,
    SESSIONS_IN_TURN,
    CLAIMING_REPOSITORIES,
    DAMAGED_REPOSITORIES,
    LOST_PODS,
    REPOSITORIES_IN_UPKEEP,
    WAITING_FOR_UPKEEP,
    UNSETTLED_REPOSITORIES,
    RESTORES_IN_TURN,
    LIVING_PODS,
    UNFINISHED_SESSIONS,
    STARTING_SESSIONS,
    SNAPSHOTS_BY_REPOSITORY,
    SNAPSHOTS_IN_PROGRESS,
    RESTORES_BY_TARGET,
    RESTORES_BY_REPOSITORY,
    UNFINISHED_RESTORES,
    STARTING_RESTORES,
    REQUESTS_BY_NONCE,
    UNFINISHED_REQUESTS,
    PINNING_RESTORES,
    PINNING_REQUESTS,
    CLUSTER_UID,
    CLAIM_UIDS,
    PODS_BY_JOB,
    CRON_JOBS_BY_CONTROLLER,
    *MALFORMED,
)
