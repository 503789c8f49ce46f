"""The reconciled kinds, one folder each, and what the caches hold for them.

Another kind is a folder with ``observe.py``, ``decide.py`` and its ``KIND``, and a row here.
"""

from typing import Any

from stashgen.api.addon import Addon
from stashgen.api.cron_job import CronJob
from stashgen.api.function import Function
from stashgen.api.job import Job
from stashgen.api.meta import Kind as ApiKind
from stashgen.api.namespace import Namespace
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.pod import Pod
from stashgen.api.pod_template import PodTemplate
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.service_account import ServiceAccount
from stashgen_controller.kinds import (
    backup_configuration,
    backup_session,
    backup_storage,
    repository,
    restore_request,
    restore_session,
    snapshot,
)
from stashgen_controller.runtime.kind import Kind

KINDS: tuple[Kind[Any, Any], ...] = (
    backup_storage.KIND,
    repository.KIND,
    backup_configuration.KIND,
    backup_session.KIND,
    snapshot.KIND,
    restore_session.KIND,
    restore_request.KIND,
)
# What they read, their own objects among it.
WATCHED: tuple[type[ApiKind], ...] = (
    *(kind.model for kind in KINDS),
    RetentionPolicy,
    Addon,
    Function,
    Job,
    Pod,
    CronJob,
    PodTemplate,
    PersistentVolumeClaim,
    Namespace,
    ServiceAccount,
)
