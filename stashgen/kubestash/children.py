"""The children of a BackupConfiguration: its Repositories and CronJobs.

The compiler renders them into Git; for plain KubeStash manifests the controller creates the same.
"""

from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration, Session, SessionRepository
from stashgen.api.base import JsonObject
from stashgen.kubestash import names
from stashgen.kubestash.pods.pod import container_basics, field_env, pod_basics
from stashgen.kubestash.pods.settings import PodSettings
from stashgen.kubestash.verbs import TRIGGER

_MANAGED_BY = {"app.kubernetes.io/managed-by": "kubestash.com"}
_TRIGGER_SECONDS = 300
_TRIGGER_GRACE = 30
_JOB_NAME_FIELD = "metadata.labels['batch.kubernetes.io/job-name']"


def repository_for(
    configuration: BackupConfiguration, session_repository: SessionRepository
) -> JsonObject:
    """The Repository that a session writes to; references get their namespace written out."""
    namespace = configuration.metadata.namespace or ""
    target = configuration.spec.target
    backend = configuration.backend(session_repository.backend)
    storage = backend.storage_ref if backend is not None else None
    secret = session_repository.encryption_secret
    wipe_out = session_repository.deletion_policy == "WipeOut"
    spec: dict[str, object] = {
        "appRef": {
            "apiGroup": (target.api_group if target else None) or "",
            "kind": (target.kind if target else None) or "",
            "name": target.name if target else "",
            "namespace": (target.namespace if target else None) or namespace,
        },
        "storageRef": {
            "name": storage.name if storage else "",
            "namespace": (storage.namespace if storage else None) or namespace,
        },
        "path": session_repository.directory or "",
        "deletionPolicy": "WipeOut" if wipe_out else "Delete",
        "paused": False,
    }
    if secret is not None:
        spec["encryptionSecret"] = {
            "name": secret.name,
            "namespace": secret.namespace or namespace,
        }
    return cast(
        "JsonObject",
        {
            "apiVersion": "storage.kubestash.com/v1alpha1",
            "kind": "Repository",
            "metadata": {"name": session_repository.name, "namespace": namespace},
            "spec": spec,
        },
    )


def trigger_cron_job(
    configuration: BackupConfiguration,
    session: Session,
    settings: PodSettings,
    time_zone: str | None = None,
) -> JsonObject:
    """The CronJob that creates a BackupSession at each tick.

    Kubernetes' own defaults are written out; without a zone the cluster's controller-manager's
    counts, as with KubeStash.
    """
    namespace, name = configuration.metadata.namespace or "", configuration.metadata.name
    session_name = session.name or ""
    scheduler = session.scheduler
    template = scheduler.job_template if scheduler is not None else None
    backoff_limit = template.backoff_limit if template is not None else None
    deadline = template.active_deadline_seconds if template is not None else None
    spec: dict[str, object] = {
        "schedule": scheduler.schedule if scheduler is not None else "",
        "startingDeadlineSeconds": scheduler.starting_deadline_seconds if scheduler else None,
        "concurrencyPolicy": (scheduler.concurrency_policy if scheduler else None) or "Allow",
        "suspend": bool(configuration.spec.paused or (scheduler.suspend if scheduler else False)),
        "successfulJobsHistoryLimit": _or_default(
            scheduler.successful_jobs_history_limit if scheduler else None, 3
        ),
        "failedJobsHistoryLimit": _or_default(
            scheduler.failed_jobs_history_limit if scheduler else None, 1
        ),
    }
    if time_zone is not None:
        spec["timeZone"] = time_zone
    args = (
        TRIGGER,
        f"--namespace={namespace}",
        "--invoker-kind=BackupConfiguration",
        f"--invoker-name={name}",
        f"--session-name={session_name}",
    )
    container = container_basics(
        TRIGGER,
        args,
        settings,
        env=(field_env("JOB_NAME", _JOB_NAME_FIELD),),
        resources={
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "128Mi"},
        },
        capabilities=(),
    )
    pod_spec = pod_basics(settings, _TRIGGER_GRACE, token=True) | cast(
        "JsonObject", {"containers": [container]}
    )
    labels = (settings.labels or {}) | _MANAGED_BY | {"stashgen.dev/verb": TRIGGER}
    metadata: dict[str, object] = {"labels": labels}
    if settings.annotations:
        metadata["annotations"] = settings.annotations
    spec["jobTemplate"] = {
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": _or_default(backoff_limit, 6),
            "activeDeadlineSeconds": _or_default(deadline, _TRIGGER_SECONDS),
            "template": {"metadata": metadata, "spec": pod_spec},
        }
    }
    return cast(
        "JsonObject",
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {
                "name": names.cron_job_name(name, session_name),
                "namespace": namespace,
                "labels": dict(_MANAGED_BY),
            },
            "spec": {key: value for key, value in spec.items() if value is not None},
        },
    )


def _or_default(value: int | None, default: int) -> int:
    return default if value is None else value
