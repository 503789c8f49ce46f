"""What the volumes of a namespace share: accounts, roles, retention."""

from collections.abc import Mapping

from stashgen.api.base import JsonObject
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.kubestash.pod_settings import TRIGGER_ACCOUNT, WORKER_ACCOUNT
from stashgen.render.marks import EARLY

_RBAC = "rbac.authorization.k8s.io"
_TRIGGER_RULES = (
    ("core.kubestash.com", ("backupconfigurations",), ("get",)),
    ("core.kubestash.com", ("backupsessions",), ("create",)),
)
_WORKER_RULES = (
    ("storage.kubestash.com", ("snapshots/status",), ("get", "patch")),
    (
        "core.kubestash.com",
        ("backupsessions/status", "restoresessions/status"),
        ("get", "patch"),
    ),
)
_ROLES = {TRIGGER_ACCOUNT: _TRIGGER_RULES, WORKER_ACCOUNT: _WORKER_RULES}


def namespace_objects(
    namespace: str, retentions: Mapping[str, RetentionPolicySpec]
) -> tuple[JsonObject, ...]:
    """The objects of ``_namespace.yaml``.

    Args:
        namespace: Of the volumes.
        retentions: By name; identical ones are shared within the namespace.
    """
    return (
        *(_account(namespace, name) for name in _ROLES),
        *(_role(namespace, name) for name in _ROLES),
        *(_binding(namespace, name) for name in _ROLES),
        *(_retention(namespace, name, spec) for name, spec in sorted(retentions.items())),
    )


def _metadata(namespace: str, name: str) -> JsonObject:
    return {"name": name, "namespace": namespace, "annotations": dict(EARLY)}


def _account(namespace: str, name: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(namespace, name),
        "automountServiceAccountToken": False,
    }


def _role(namespace: str, name: str) -> JsonObject:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": _metadata(namespace, name),
        "rules": [
            {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
            for group, resources, verbs in _ROLES[name]
        ],
    }


def _binding(namespace: str, name: str) -> JsonObject:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(namespace, name),
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }


def _retention(namespace: str, name: str, spec: RetentionPolicySpec) -> JsonObject:
    return {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "RetentionPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec.to_wire(),
    }
