"""What a part of the controller asks the API server for, as a value: RBAC is made from these."""

from dataclasses import dataclass

from stashgen.api.resources import Resource

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


def writes_status(kind: Resource) -> Permission:
    """To write the status of a kind's objects."""
    return Permission(kind, ("update",), "status")


def blocks_deletion(kind: Resource) -> Permission:
    """To be named as an owner that blocks deletion.

    Never asked for by a request of ours: the admission plugin OwnerReferencesPermissionEnforcement
    (OpenShift has it on) looks whether we could set the owner's finalizers.
    """
    return Permission(kind, ("update",), "finalizers")
