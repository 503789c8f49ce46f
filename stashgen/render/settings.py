"""A policy's Job block as pod settings."""

from dataclasses import replace
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.kubestash.addons import IMAGE
from stashgen.kubestash.backends.backend import Backend
from stashgen.kubestash.pods.settings import (
    RETAIN_ACCOUNT,
    TRIGGER_ACCOUNT,
    WORKER_ACCOUNT,
    PodSettings,
    stored_env,
)
from stashgen.kubestash.quantities import canonical_quantity
from stashgen.model.resolved import Protection, ResolvedStorage
from stashgen.policy.project import Cluster
from stashgen.policy.shared import Cache, Job
from stashgen.render.affinity import with_workload


def worker_settings(job: Job, cluster: Cluster) -> PodSettings:
    """The settings of pods that read or write a volume or a storage.

    In a strict cluster they report only through their termination message.
    """
    user, group = job.ids
    return replace(
        _placed(job),
        run_as_user=user,
        run_as_group=group,
        resources=_resources(job),
        env=stored_env({"name": name, "value": text} for name, text in (job.env or {}).items()),
        scratch=_scratch(job.cache),
        nice=job.nice.adjustment if job.nice is not None else None,
        ionice=(job.ionice.class_, job.ionice.class_data) if job.ionice is not None else None,
        api_token=not cluster.strict,
    )


def with_identity(
    settings: PodSettings, storage: ResolvedStorage, *, deletes: bool = False
) -> PodSettings:
    """The settings of pods that assume a storage's role: they have an account of the storage's own.

    A role trusts accounts. With one account for all storages, or for the pods that delete backups
    and those that do not, each pod could assume the roles of the others.

    Args:
        settings: Of the pods.
        storage: What they reach.
        deletes: They are those of retention and upkeep.
    """
    credentials = storage.credentials
    if storage.backend.role is None or credentials is None:
        return settings
    has_own_role = deletes and credentials.value.per_verb is not None
    prefix = RETAIN_ACCOUNT if has_own_role else WORKER_ACCOUNT
    return replace(settings, service_account=f"{prefix}-{storage.name}")


def for_backup(settings: PodSettings, protection: Protection) -> PodSettings:
    """The settings of pods that read a volume.

    They are in the group of its files without an fsGroup: the kubelet would give it the files.
    """
    affinity = with_workload(settings.affinity, protection.beside, is_restore=False)
    return replace(settings, affinity=affinity, security_context=_in_group(protection))


def for_restore(settings: PodSettings, protection: Protection, storage: Backend) -> PodSettings:
    """The settings of pods that write to a volume.

    They have the workload's own fsGroup, so that it finds the files as it would leave them. A
    storage on a claim is in the same pod, and would be given to that group, too.
    """
    context = _in_group(protection)
    if protection.fs_group is not None and storage.claim is None:
        context = {"fsGroup": protection.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    affinity = with_workload(settings.affinity, protection.beside, is_restore=True)
    return replace(settings, affinity=affinity, security_context=context)


def _in_group(protection: Protection) -> JsonObject | None:
    group = protection.fs_group
    return None if group is None else {"supplementalGroups": [group]}


def trigger_settings(job: Job) -> PodSettings:
    """The settings of pods that only create a BackupSession: user nobody, small resources."""
    return replace(_placed(job), service_account=TRIGGER_ACCOUNT)


def _resources(job: Job) -> JsonObject | None:
    """Quantities as the API server stores them, so that Git has exactly what runs."""
    if job.resources is None:
        return None
    groups = cast("dict[str, dict[str, object]]", job.resources)
    return {
        group: {name: canonical_quantity(str(amount)) for name, amount in amounts.items()}
        for group, amounts in groups.items()
    }


def _scratch(cache: Cache | None) -> JsonObject | None:
    """The volume for restic's cache; an ephemeral one goes with the pod."""
    if cache is None:
        return None
    size = canonical_quantity(cache.size)
    if cache.storage_class is None:
        return {"emptyDir": {"sizeLimit": size}}
    spec: JsonObject = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "storageClassName": cache.storage_class,
        "volumeMode": "Filesystem",
    }
    return {"ephemeral": {"volumeClaimTemplate": {"metadata": {}, "spec": spec}}}


def _placed(job: Job) -> PodSettings:
    return PodSettings(
        image=job.image or IMAGE,
        image_pull_policy=job.image_pull_policy or "IfNotPresent",
        node_selector=job.node_selector,
        tolerations=job.tolerations or (),
        priority_class_name=job.priority_class_name,
        image_pull_secrets=job.image_pull_secrets or (),
        labels=job.labels,
        annotations=job.annotations,
        affinity=job.affinity,
        topology_spread_constraints=job.topology_spread_constraints or (),
    )
