"""What each part of the controller asks the API server for: RBAC is made from this alone.

``tools/manifests.py`` writes the ClusterRole and the Role; a contract test compares with
what the code calls, the cluster test with what the API server was asked. Nothing here touches
Secrets, Roles, RoleBindings or ``pods/exec``.
"""

from collections.abc import Iterable, Mapping

from stashgen.api.resources import (
    CRON_JOBS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    LEASES,
    REPOSITORIES,
    SERVICE_ACCOUNTS,
    Resource,
)
from stashgen_controller.kinds import KINDS, WATCHED
from stashgen_controller.runtime.permission import WATCH, Permission

_READS = {"get", *WATCH}
# What reconciling an object of a kind needs, besides watching it.
OF_KINDS: Mapping[Resource, tuple[Permission, ...]] = {
    kind.resource: kind.permissions for kind in KINDS
}
# Kubernetes Events are ours to make and to repeat, and those of a pod that never starts are read;
# the Deployments are looked through once, at the start, for another operator of the same kinds.
OF_THE_PROCESS = (
    Permission(EVENTS, ("create", "list", "patch")),
    Permission(DEPLOYMENTS, ("list",)),
)
# What the caches do not show is asked for before anything follows from that; pods are listed by
# their Job's name. An object is read itself after a look at it that failed (``manager.py``).
OF_LIVE_READS = tuple(Permission(resource, ("get",)) for resource in (JOBS, *OF_KINDS))
# In strict mode: the dry run of a Job that has to be refused.
OF_ADMISSION_CHECK = (Permission(JOBS, ("create",)),)
# What the controller makes for plain KubeStash manifests only, which strict mode does not serve.
OF_PLAIN_MANIFESTS = frozenset({CRON_JOBS, REPOSITORIES, SERVICE_ACCOUNTS})
# In the controller's own namespace.
OF_LEADER_ELECTION = (Permission(LEASES, ("create", "get", "update")),)


def cluster_permissions() -> tuple[Permission, ...]:
    """Everything that is asked for in all namespaces."""
    watched = tuple(Permission(model.resource, WATCH) for model in WATCHED)
    of_kinds = (item for permissions in OF_KINDS.values() for item in permissions)
    return (*watched, *of_kinds, *OF_THE_PROCESS, *OF_LIVE_READS)


def strict_permissions() -> tuple[Permission, ...]:
    """The same in strict mode: Jobs, and what belongs to plain manifests, are only looked at."""
    only_watched = OF_PLAIN_MANIFESTS | {JOBS}
    return tuple(
        item
        for item in cluster_permissions()
        if item.part or item.resource not in only_watched or set(item.verbs) <= _READS
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
