"""The objects that the volumes of a namespace share: accounts, roles, retention policies."""

from collections.abc import Iterable, Mapping

from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.meta import ObjectMeta
from stashgen.api.rbac import PolicyRule, Role, RoleBinding, RoleRef, Subject
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.service_account import ServiceAccount
from stashgen.kubestash.pods.settings import TRIGGER_ACCOUNT, WORKER_ACCOUNT
from stashgen.render.annotations import EARLY

_TRIGGER_RULES = (
    ("core.kubestash.com", ("backupconfigurations",), ("get",)),
    # A retried trigger finds the name taken and checks whose BackupSession it is.
    ("core.kubestash.com", ("backupsessions",), ("create", "get")),
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
    namespace: str, retentions: Mapping[str, RetentionPolicySpec], *, strict: bool = False
) -> tuple[JsonObject, ...]:
    """The objects of ``_namespace.yaml``.

    Args:
        namespace: Of the volumes.
        retentions: By name; identical ones are shared within the namespace.
        strict: The workers have no token, so their account gets no permissions.
    """
    able = [name for name in _ROLES if name == TRIGGER_ACCOUNT or not strict]
    return (
        *(_account(namespace, name) for name in _ROLES),
        *(_role(namespace, name) for name in able),
        *(_binding(namespace, name, name) for name in able),
        *(_retention(namespace, name, spec) for name, spec in sorted(retentions.items())),
    )


def identity_objects(
    namespace: str, objects: Iterable[JsonObject], *, strict: bool = False
) -> tuple[JsonObject, ...]:
    """The accounts of pods that assume a storage's role; those that back up report to the API.

    Args:
        namespace: Of the objects.
        objects: Everything rendered for it; the PodTemplates name the accounts.
        strict: The workers have no token.
    """
    named = {_account_of(item) for item in objects if item["kind"] == "PodTemplate"}
    own = sorted(named - set(_ROLES))
    reporting = [name for name in own if not strict and name.startswith(f"{WORKER_ACCOUNT}-")]
    return (
        *(_account(namespace, name) for name in own),
        *(_binding(namespace, name, WORKER_ACCOUNT) for name in reporting),
    )


def _account_of(pod_template: JsonObject) -> str:
    spec = mapping_of(mapping_of(pod_template, "template"), "spec")
    return str(spec["serviceAccountName"])


def _metadata(namespace: str, name: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, annotations=dict(EARLY))


def _account(namespace: str, name: str) -> JsonObject:
    return ServiceAccount(
        metadata=_metadata(namespace, name), automount_service_account_token=False
    ).to_wire()


def _role(namespace: str, name: str) -> JsonObject:
    rules = tuple(
        PolicyRule(api_groups=(group,), resources=resources, verbs=verbs)
        for group, resources, verbs in _ROLES[name]
    )
    return Role(metadata=_metadata(namespace, name), rules=rules).to_wire()


def _binding(namespace: str, name: str, role: str) -> JsonObject:
    return RoleBinding(
        metadata=_metadata(namespace, name),
        role_ref=RoleRef(kind="Role", name=role),
        subjects=(Subject(kind="ServiceAccount", name=name, namespace=namespace),),
    ).to_wire()


def _retention(namespace: str, name: str, spec: RetentionPolicySpec) -> JsonObject:
    return {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "RetentionPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec.to_wire(),
    }
