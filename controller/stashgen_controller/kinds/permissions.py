"""What each part of the controller asks the API server for: RBAC is made from this alone.

``tools/manifests.py`` writes the ClusterRole and the Role; a contract test compares with
what the code calls, the cluster test with what the API server was asked. Nothing here touches
Secrets, Roles, RoleBindings or ``pods/exec``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stashgen.api.resources import (
    ADDONS,
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    CRON_JOBS,
    DEPLOYMENTS,
    EVENTS,
    FUNCTIONS,
    JOBS,
    LEASES,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_TEMPLATES,
    PODS,
    REPOSITORIES,
    RESTORE_REQUESTS,
    RESTORE_SESSIONS,
    RETENTION_POLICIES,
    SERVICE_ACCOUNTS,
    SNAPSHOTS,
    Resource,
)

WATCH = ("list", "watch")
# A create that finds the name taken looks in the cache whether the object is ours.
CREATE = ("create",)


@dataclass(frozen=True, slots=True)
class Permission:
    """Some verbs on one resource, or on a part of it such as ``status``."""

    resource: Resource
    verbs: tuple[str, ...]
    part: str = ""

    @property
    def name(self) -> str:
        """As a rule of RBAC names it: ``jobs``, ``snapshots/status``."""
        return f"{self.resource.plural}/{self.part}" if self.part else self.resource.plural


def _writes_status(kind: Resource) -> Permission:
    return Permission(kind, ("update",), "status")


def _owns(kind: Resource) -> Permission:
    """To be named as an owner that blocks deletion.

    Never asked for by a request of ours: the admission plugin OwnerReferencesPermissionEnforcement
    (OpenShift has it on) looks whether we could set the owner's finalizers.
    """
    return Permission(kind, ("update",), "finalizers")


# What reconciling an object of a kind needs, besides watching it.
OF_KINDS: Mapping[Resource, tuple[Permission, ...]] = {
    BACKUP_STORAGES: (
        _writes_status(BACKUP_STORAGES),
        _owns(BACKUP_STORAGES),
        Permission(JOBS, (*CREATE, "delete")),
    ),
    REPOSITORIES: (
        _writes_status(REPOSITORIES),
        _owns(REPOSITORIES),
        Permission(JOBS, (*CREATE, "delete")),
    ),
    BACKUP_CONFIGURATIONS: (
        _writes_status(BACKUP_CONFIGURATIONS),
        _owns(BACKUP_CONFIGURATIONS),
        Permission(SERVICE_ACCOUNTS, CREATE),
        Permission(REPOSITORIES, (*CREATE, "patch")),
        Permission(CRON_JOBS, (*CREATE, "patch", "delete")),
        Permission(BACKUP_SESSIONS, CREATE),
    ),
    BACKUP_SESSIONS: (
        _writes_status(BACKUP_SESSIONS),
        _owns(BACKUP_SESSIONS),
        Permission(SNAPSHOTS, (*CREATE, "delete")),
        Permission(JOBS, (*CREATE, "delete")),
        Permission(BACKUP_SESSIONS, (*CREATE, "delete")),
    ),
    SNAPSHOTS: (
        _writes_status(SNAPSHOTS),
        Permission(JOBS, ("delete",)),
    ),
    RESTORE_SESSIONS: (
        _writes_status(RESTORE_SESSIONS),
        _owns(RESTORE_SESSIONS),
        Permission(JOBS, (*CREATE, "delete")),
    ),
    # What it makes outlives it: it is nobody's owner.
    RESTORE_REQUESTS: (
        _writes_status(RESTORE_REQUESTS),
        Permission(RESTORE_SESSIONS, CREATE),
    ),
}
WATCHED = (
    *OF_KINDS,
    RETENTION_POLICIES,
    ADDONS,
    FUNCTIONS,
    JOBS,
    PODS,
    CRON_JOBS,
    POD_TEMPLATES,
    PERSISTENT_VOLUME_CLAIMS,
    NAMESPACES,
    SERVICE_ACCOUNTS,
)
# Kubernetes Events are ours to make and to repeat, and those of a pod that never starts are read;
# the Deployments are looked through once, at the start, for another operator of the same kinds.
OF_THE_PROCESS = (
    Permission(EVENTS, ("create", "list", "patch")),
    Permission(DEPLOYMENTS, ("list",)),
)
# In strict mode: the dry run of a Job that has to be refused.
OF_ADMISSION_CHECK = (Permission(JOBS, ("create",)),)
# What the controller makes for plain KubeStash manifests only, which strict mode does not serve.
OF_PLAIN_MANIFESTS = frozenset({CRON_JOBS, REPOSITORIES, SERVICE_ACCOUNTS})
# In the controller's own namespace.
OF_LEADER_ELECTION = (Permission(LEASES, ("create", "get", "update")),)


def cluster_permissions() -> tuple[Permission, ...]:
    """Everything that is asked for in all namespaces."""
    watched = tuple(Permission(resource, WATCH) for resource in WATCHED)
    of_kinds = (item for permissions in OF_KINDS.values() for item in permissions)
    return (*watched, *of_kinds, *OF_THE_PROCESS)


def strict_permissions() -> tuple[Permission, ...]:
    """The same in strict mode: Jobs, and what belongs to plain manifests, are only looked at."""
    only_watched = OF_PLAIN_MANIFESTS | {JOBS}
    return tuple(
        item
        for item in cluster_permissions()
        if item.part or item.resource not in only_watched or item.verbs == WATCH
    )


def job_permissions() -> tuple[Permission, ...]:
    """What strict mode gives by a compiled RoleBinding, in one namespace after the other."""
    of_kinds = (item for items in OF_KINDS.values() for item in items)
    return tuple(item for item in (*of_kinds, *OF_ADMISSION_CHECK) if item.resource == JOBS)


def rules(permissions: Iterable[Permission]) -> list[dict[str, list[str]]]:
    """The rules of a Role: each resource once, sorted, so that a review finds it."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for item in permissions:
        verbs.setdefault((item.resource.group, item.name), set()).update(item.verbs)
    return [
        {"apiGroups": [group], "resources": [name], "verbs": sorted(found)}
        for (group, name), found in sorted(verbs.items())
    ]
